"""Add new photos to the scenes of an earlier run, which stay as they are."""

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
    """Return the photos that stay, and their scene numbers as far as known.

    A new photo that replaces a photo of the earlier run takes over its scene.

    Parameters
    ----------
    collection : Collection
        n photos.
    near : ndarray of shape (n_near,), int64
        Photos whose keepers were searched again; all others keep their earlier keepers.
    keepers : ndarray of shape (n_near,), int64
        The keeper of each photo in `near`, as a position in `near`.

    Returns
    -------
    stays : ndarray of shape (n_staying,), int64
    scenes : dict of int to int
        Scene numbers by photo.
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
    """Assign new photos to existing scenes or to new ones.

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
        Pairs of photos whose details were compared.
    notes : tuple of Message
        Scenes that the new photos would merge or split; they are left to the user.
    """
    seeds = np.flatnonzero(collection.is_new[stays])
    if not seeds.size:
        return known, {}, DetailCounts.none(), ()
    vectors = collection.features.scene_vector[collection.inverse[stays]]
    links = find_links(collection, stays, options)
    concerned = stays[_connected_rows(vectors, seeds, links.pairs, options.scene_threshold)]
    labels = find_scenes(collection, concerned, options)
    is_old = ~collection.is_new[concerned]
    before = np.full(len(labels), -1)
    if is_old.any():
        before[is_old] = find_scenes(collection, concerned[is_old], options)
    numbers = np.array([known.get(i, 0) for i in concerned.tolist()])
    scenes = _assign_scenes(collection, concerned, labels, known)
    numbered = np.array([scenes.get(i, -1 - i) for i in stays.tolist()])
    why = why_one_scene(links, numbered, [collection.photos[i].path for i in stays])
    shared = {int(stays[i]): reason for i, reason in why.items()}
    return scenes, shared, links.compared, tuple(_scene_conflicts(numbers, before, labels))


def _connected_rows(
    vectors: NDArray[np.float32], seeds: NDArray[np.int64], links: NDArray[np.int64], cosine: float
) -> NDArray[np.int64]:
    """Return the rows connected to the seeds by chains of similarity or links."""
    while True:
        rows = reachable_rows(vectors, seeds, cosine)
        reached = np.isin(links, rows)
        beyond = links[reached.any(axis=1) & ~reached.all(axis=1)]
        if not len(beyond):
            return rows
        seeds = np.union1d(rows, beyond)


def _scene_conflicts(numbers: NDArray, before: NDArray, after: NDArray) -> Iterator[Message]:
    """Yield a note on each scene that the new photos alone would merge or split.

    `numbers` are the scene numbers of the photos, 0 if unknown. `before` are the labels of scenes
    found without the new photos, -1 for these; `after` the labels found with them.
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


def _assign_scenes(
    collection: Collection,
    concerned: NDArray[np.int64],
    labels: NDArray[np.int64],
    known: Mapping[int, int],
) -> dict[int, int]:
    """Assign new photos to existing scenes, and number the new scenes."""
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
    """Return the photos of each label, sorted by their earliest photo."""
    groups = [concerned[labels == label].tolist() for label in np.unique(labels)]
    times = [(photo.local_time, photo.path) for photo in collection.photos]
    return sorted(groups, key=lambda group: min(times[i] for i in group))


def _most_alike(collection: Collection, photos: list[int], others: list[int]) -> list[int]:
    """Return the one of `others` with the highest scene cosine to each photo."""
    vectors, inverse = collection.features.scene_vector, collection.inverse
    candidates = vectors[inverse[others]]
    return [others[int(np.argmax(candidates @ vectors[inverse[i]]))] for i in photos]
