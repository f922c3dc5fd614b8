"""Find scenes for new photos beside those of an earlier run, which stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.collection import Collection
from dupimg.decide.group import find_scenes
from dupimg.decide.scene_links import find_links, why_one_scene
from dupimg.groups.detail_counts import DetailCounts
from dupimg.messages import Message, message
from dupimg.options.run_options import PlanOptions
from dupimg.search.similarity import reachable_rows


def known_scenes(
    collection: Collection, near: NDArray[np.int64], keepers: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[int, int]]:
    """Return the photos that stay, and the scenes that some of them have.

    A new photo takes over the scene of a photo of the earlier run that goes in its favour.

    Parameters
    ----------
    collection : Collection
        n photos.
    near : ndarray of shape (n_near,), int64
        Photos whose keepers were searched; the others are as the earlier run left them.
    keepers : ndarray of shape (n_near,), int64
        Position in `near` of the keeper of each of them.

    Returns
    -------
    stays : ndarray of shape (n_staying,), int64
    scenes : dict of int to int
        Numbers of scenes, by photo.
    """
    rows = [collection.rows.get(photo.path) for photo in collection.photos]
    goes = np.array([row is not None and not row.stays for row in rows], dtype=bool)
    keeper_of = np.where(goes, -1, np.arange(len(rows)))
    keeper_of[near] = near[keepers]
    stays = np.flatnonzero(keeper_of == np.arange(len(rows)))
    known: dict[int, int] = {}
    for i in np.flatnonzero((keeper_of >= 0) & ~goes).tolist():
        row, keeper = rows[i], int(keeper_of[i])
        if row is not None and row.scene is not None:
            known.setdefault(keeper, row.scene)
    for i in stays.tolist():
        row = rows[i]
        if row is not None and row.scene is not None:
            known[i] = row.scene
    return stays, known


def scenes_with_new(
    collection: Collection,
    stays: NDArray[np.int64],
    known: Mapping[int, int],
    options: PlanOptions,
) -> tuple[Mapping[int, int], Mapping[int, Message], DetailCounts, tuple[Message, ...]]:
    """Let new photos join the scenes that were there, or form new ones.

    Parameters
    ----------
    collection : Collection
    stays, known
        See `known_scenes`.
    options : PlanOptions

    Returns
    -------
    scenes : mapping of int to int
        The number of the scene of every photo that stays.
    shared : mapping of int to Message
        By photo, see `dupimg.decide.scene_links.why_one_scene`.
    compared : DetailCounts
        Of photos.
    notes : tuple of Message
        Scenes that would be one now, or more than one, and are left to a person.
    """
    seeds = np.flatnonzero(collection.is_new[stays])
    if not seeds.size:
        return known, {}, DetailCounts.none(), ()
    vectors = collection.features.scene_vector[collection.inverse[stays]]
    links = find_links(collection, stays, options)
    concerned = stays[_reached(vectors, seeds, links.pairs, options.scene_threshold)]
    labels = find_scenes(collection, concerned, options)
    is_old = ~collection.is_new[concerned]
    before = np.full(len(labels), -1)
    if is_old.any():
        before[is_old] = find_scenes(collection, concerned[is_old], options)
    numbers = np.array([known.get(i, 0) for i in concerned.tolist()])
    scenes = _joined(collection, concerned, labels, known)
    numbered = np.array([scenes.get(i, -1 - i) for i in stays.tolist()])
    why = why_one_scene(links, numbered, [collection.photos[i].path for i in stays])
    shared = {int(stays[i]): reason for i, reason in why.items()}
    return scenes, shared, links.compared, tuple(_left_as_they_are(numbers, before, labels))


def _reached(
    vectors: NDArray[np.float32], seeds: NDArray[np.int64], links: NDArray[np.int64], cosine: float
) -> NDArray[np.int64]:
    """Return the rows to which chains of similar and of linked rows lead from the seeds."""
    while True:
        rows = reachable_rows(vectors, seeds, cosine)
        reached = np.isin(links, rows)
        beyond = links[reached.any(axis=1) & ~reached.all(axis=1)]
        if not len(beyond):
            return rows
        seeds = np.union1d(rows, beyond)


def _left_as_they_are(numbers: NDArray, before: NDArray, after: NDArray) -> Iterator[Message]:
    """Tell which scenes the new photos would unite or part, but not what a person did to them.

    Photos have the `numbers` of scenes, 0 where none is known; the labels of scenes that would be
    found `before`, without the new photos, -1 for these; and of those found `after`, with them.
    """
    for label in np.unique(after[before < 0]):
        together = after == label
        united = np.unique(numbers[together & (numbers > 0)])
        old = together & (before >= 0)
        parted_by_hand = len(np.unique(before[old])) == 1 and set(numbers[old]) == set(united)
        if len(united) > 1 and not parted_by_hand:
            *first, last = united
            scenes = ", ".join(map(str, first))
            yield message("note.scenes_united", scenes=scenes, last=str(last))
    for number in np.unique(numbers[before >= 0]):
        known = (numbers == number) & (before >= 0)
        if any(len(np.unique(after[known & (before == b)])) > 1 for b in np.unique(before[known])):
            yield message("note.scene_parted", scene=str(number))


def _joined(
    collection: Collection,
    concerned: NDArray[np.int64],
    labels: NDArray[np.int64],
    known: Mapping[int, int],
) -> dict[int, int]:
    """Let new photos join the scenes that were there, and number those that are new."""
    scenes = dict(known)
    numbers = count(1 + max((row.scene or 0 for row in collection.rows.values()), default=0))
    for members in _by_time(collection, concerned, labels):
        settled = [i for i in members if i in known]
        new = [i for i in members if i not in known]
        if settled:
            nearest = _most_alike(collection, new, settled)
            scenes |= {i: known[other] for i, other in zip(new, nearest, strict=True)}
        else:
            scenes |= dict.fromkeys(new, next(numbers))
    return scenes


def _by_time(
    collection: Collection, concerned: NDArray[np.int64], labels: NDArray[np.int64]
) -> list[list[int]]:
    """Return the photos of each label, the label with the earliest photo first."""
    groups = [concerned[labels == label].tolist() for label in np.unique(labels)]
    times = [(photo.local_time, photo.path) for photo in collection.photos]
    return sorted(groups, key=lambda group: min(times[i] for i in group))


def _most_alike(collection: Collection, photos: list[int], others: list[int]) -> list[int]:
    """Return the other photo with the highest cosine to each photo, by the embedding of scenes."""
    vectors, inverse = collection.features.scene_vector, collection.inverse
    candidates = vectors[inverse[others]]
    return [others[int(np.argmax(candidates @ vectors[inverse[i]]))] for i in photos]
