"""Decide what happens to new photos beside those that an earlier run has put in order.

Only the new photos are compared with all: a photo that was there changes its place only where a
new one is the reason. Names and numbers that were given stay. What a person decided by hand
stays, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.added_cosines import nearest_cosines, nearest_scene_cosines
from dupimg.decide.collection import Collection
from dupimg.decide.group import content_pairs, find_duplicates, find_scenes, make_finder
from dupimg.files.keep_rules import keeper_order
from dupimg.files.photos import Listing
from dupimg.options.run_options import PlanOptions
from dupimg.plans.naming import name_rows
from dupimg.plans.plan import Groups, companion_row, other_row, photo_row
from dupimg.plans.rows import KEEP, REMOVE, Row
from dupimg.search.similarity import cosine_neighbours


def add_rows(
    earlier: Sequence[Row], listing: Listing, collection: Collection | None, options: PlanOptions
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Decide what happens to new files, and to those that they replace.

    Parameters
    ----------
    earlier : sequence of Row
        Of the earlier run; `Row.earlier` says where the file stands now.
    listing : Listing
        The new files.
    collection : Collection or None
        All photos that can be compared: the new ones, and those of the earlier run that are still
        there. None without any new photo.
    options : PlanOptions
        Of the earlier run.

    Returns
    -------
    rows : tuple of Row
        A plan for all files, old and new.
    notes : tuple of str
        Scenes that would be one now, or more than one, and are left to a person.
    """
    rows = {row.path: row for row in earlier}
    notes: tuple[str, ...] = ()
    if collection is not None:
        decided, notes = _photo_rows(collection, options)
        rows |= decided
    rows |= {file.path: other_row(file) for file in listing.others}
    rows |= {file.path: companion_row(file, rows[file.companion_of]) for file in listing.companions}
    for row in earlier:  # what belongs to a photo goes where it goes
        if row.is_companion:
            photo = rows[row.companion_of]
            rows[row.path] = replace(
                row, action=photo.action, keeper=photo.keeper, scene=photo.scene
            )
    return _named(_number_groups(list(rows.values())), earlier), notes


def _photo_rows(
    collection: Collection, options: PlanOptions
) -> tuple[dict[str, Row], tuple[str, ...]]:
    """Return the rows of the new photos, and of those of the earlier run that change."""
    nearest = nearest_cosines(collection)
    near = np.flatnonzero(np.isin(collection.inverse, _reached(collection, options)))
    around = collection[near]
    groups = _duplicates(around, options)
    groups = replace(groups, nearest_cosine=nearest[near])
    before = _duplicates(around[np.flatnonzero(~around.is_new)], options)
    changed = _changes(around, groups, before)
    keepers = _settled(around, groups, changed)
    likes = _likes(around, groups.keepers, keepers, changed)
    stays, known = _known_scenes(collection, near, keepers)
    scenes, notes = _scenes(collection, stays, known, options)
    sizes = Counter(keepers.tolist())
    groups = replace(groups, keepers=keepers)
    decided = {
        photo.path: replace(collection.rows[photo.path], nearest_cosine=float(cosine))
        for photo, cosine in zip(collection.photos, nearest, strict=True)
        if photo.path in collection.rows and not np.isnan(cosine)
    }
    for i in np.flatnonzero(changed):
        photo, keeper = around.photos[i], int(keepers[i])
        row = photo_row(around.photos, i, groups, scenes[near[keeper]], sizes[keeper], options.keep)
        if sizes[i] == 1 and i in likes:
            like = around.photos[likes[i]].path
            row = replace(row, reason=f"stays: {like}, which it is like, was not to stay")
        decided[photo.path] = _with_history(row, collection.rows)
    for i, cosine in zip(stays, nearest_scene_cosines(collection, stays, options), strict=True):
        path = collection.photos[i].path
        if not np.isnan(cosine):
            row = decided.get(path) or collection.rows[path]
            decided[path] = replace(row, nearest_scene_cosine=float(cosine))
    return decided, notes


def _with_history(row: Row, rows: Mapping[str, Row]) -> Row:
    """Say in a row what it has to do with the earlier run."""
    if (old := rows.get(row.path)) is None:
        if row.keeper in rows and rows[row.keeper].digest == row.digest:
            return replace(row, reason="identical bytes; the keeper was there before")
        return row
    why = "since photos were added" if row.action == KEEP else "a better photo was added"
    number = old.duplicate_group if row.action == REMOVE else None
    return replace(
        row,
        reason=f"{why}: {row.reason}",
        destination=old.destination,
        earlier=old.earlier,
        duplicate_group=number,
    )


def _reached(collection: Collection, options: PlanOptions) -> NDArray[np.int64]:
    """Return the contents on which what becomes of the new photos can depend."""
    seeds = np.unique(collection.inverse[collection.is_new])
    return _closure(collection.features.vector, seeds, make_finder(options).search_threshold)


def _closure(vectors: NDArray, seeds: NDArray, threshold: float) -> NDArray[np.int64]:
    """Return the rows to which chains of pairs at or above a threshold lead from the seeds."""
    reached = np.zeros(len(vectors), dtype=bool)
    frontier = seeds
    while frontier.size:
        reached[frontier] = True
        neighbours = cosine_neighbours(vectors[frontier], vectors, threshold).pairs.indices
        frontier = np.unique(neighbours[~reached[neighbours]])
    return np.flatnonzero(reached)


def _duplicates(collection: Collection, options: PlanOptions) -> Groups:
    if not collection.photos:
        nothing = np.empty(0, np.int64)
        return Groups(nothing, nothing.astype(float), nothing.astype(float), nothing)
    return find_duplicates(
        collection.photos,
        collection.features,
        collection.inverse,
        options,
        order=_keeper_order(collection, options.keep),
        cannot_link=content_pairs(collection.apart, collection.photos, collection.inverse),
    )


def _keeper_order(collection: Collection, rule: Sequence[str]) -> list[int]:
    """Order photos as `keeper_order` does, but a new one goes before none that it equals."""
    old = {photo.digest: photo for photo in collection.photos if photo.path in collection.rows}
    stand_ins = [
        photo
        if photo.path in collection.rows
        else replace(old.get(photo.digest, photo), path=f"\U0010ffff{photo.path}")
        for photo in collection.photos
    ]
    return keeper_order(stand_ins, rule)


def _changes(around: Collection, groups: Groups, before: Groups) -> NDArray[np.bool_]:
    """Return which photos get a new row: new ones, and those for which new ones matter.

    What a person decided otherwise than the rule by hand does not change.
    """
    changed = around.is_new
    old = np.flatnonzero(~changed)
    keepers_before = old[before.keepers] if len(old) else old
    for i, keeper in zip(old, keepers_before, strict=True):
        row = around.rows[around.photos[i].path]
        as_decided = row.action == (KEEP if keeper == i else REMOVE)
        changed[i] = as_decided and groups.keepers[i] != keeper
    return changed


def _settled(around: Collection, groups: Groups, changed: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the keepers as they will be: nothing goes in favour of a photo that does not stay."""
    number = {photo.path: i for i, photo in enumerate(around.photos)}
    keepers = groups.keepers.copy()
    for i in np.flatnonzero(~changed):
        keepers[i] = number.get(around.rows[around.photos[i].path].keeper, i)
    stays = np.array(
        [
            keepers[i] == i if changed[i] else around.rows[photo.path].action == KEEP
            for i, photo in enumerate(around.photos)
        ]
    )
    lost = changed & ~stays[keepers]
    keepers[lost] = np.flatnonzero(lost)
    return keepers


def _likes(
    around: Collection, found: NDArray, keepers: NDArray, changed: NDArray[np.bool_]
) -> dict[int, int]:
    """Return which photos are like one that a person removed: the one or the other is the better.

    The rule has `found` keepers among all of them; `keepers` are those that stay.
    """
    stays = changed & (keepers == np.arange(len(keepers)))
    likes = {int(i): int(found[i]) for i in np.flatnonzero(stays) if found[i] != i}
    for i in np.flatnonzero(~changed):
        row = around.rows[around.photos[i].path]
        if row.action == REMOVE and not row.keeper:
            likes.setdefault(int(found[i]), int(i))
    return likes


def _scenes(
    collection: Collection, stays: Sequence[int], known: dict[int, int], options: PlanOptions
) -> tuple[dict[int, int], tuple[str, ...]]:
    """Return the scene of every photo of the collection that stays, and what to tell of them."""
    kept = np.array(stays)
    seeds = np.array([place for place, i in enumerate(stays) if collection.is_new[i]], dtype=int)
    if not seeds.size:
        return known, ()
    vectors = collection.features.scene_vector[collection.inverse[kept]]
    concerned = kept[_closure(vectors, seeds, options.scene_threshold)]
    chosen = collection.features[collection.inverse[concerned]]
    photos = [collection.photos[i] for i in concerned]
    labels = find_scenes(photos, chosen, options)
    before = np.full(len(labels), -1)
    if (old := np.flatnonzero(~collection.is_new[concerned])).size:
        before[old] = find_scenes([photos[i] for i in old], chosen[old], options)
    scenes = _joined(collection, concerned, chosen.scene_vector, labels, known)
    numbers = np.array([known.get(int(i), 0) for i in concerned])
    return scenes, tuple(_left_as_they_are(numbers, before, labels))


def _left_as_they_are(numbers: NDArray, before: NDArray, after: NDArray) -> Iterator[str]:
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
            words = f"{', '.join(map(str, first))} and {last}"
            yield f"scenes {words} would be one with the new photos; they were left apart"
    for number in np.unique(numbers[before >= 0]):
        known = (numbers == number) & (before >= 0)
        if any(len(np.unique(after[known & (before == b)])) > 1 for b in np.unique(before[known])):
            yield f"scene {number} would be parted with the new photos; it was left as it is"


def _known_scenes(
    collection: Collection, near: NDArray, keepers: NDArray
) -> tuple[list[int], dict[int, int]]:
    """Return the photos that stay, and the scenes of those that have one.

    A new photo in favour of which a photo of the earlier run goes takes its scene over.
    """
    keeper_of = dict(zip(near.tolist(), near[keepers].tolist(), strict=True))
    stays, known = [], {}
    for i, photo in enumerate(collection.photos):
        row = collection.rows.get(photo.path)
        keeper = keeper_of.get(i, i if row is None or row.action == KEEP else -1)
        if keeper == i:
            stays.append(i)
        if row is not None and row.scene is not None:
            if keeper == i:
                known[i] = row.scene
            elif keeper >= 0 and row.action == KEEP:
                known.setdefault(keeper, row.scene)
    return stays, known


def _joined(
    collection: Collection,
    concerned: NDArray,
    vectors: NDArray,
    labels: NDArray,
    known: dict[int, int],
) -> dict[int, int]:
    """Let new photos join the scenes that were there, and number those that are new."""
    scenes = dict(known)
    free = max((row.scene or 0 for row in collection.rows.values()), default=0) + 1
    by_time = sorted(
        set(labels.tolist()),
        key=lambda label: min(
            (collection.photos[i].local_time, collection.photos[i].path)
            for i in concerned[labels == label]
        ),
    )
    for label in by_time:
        members = np.flatnonzero(labels == label)
        settled = [m for m in members if concerned[m] in known]
        for member in members:
            i = int(concerned[member])
            if i in known:
                continue
            if settled:  # the scene of the photo that it is most like
                nearest = settled[int(np.argmax(vectors[settled] @ vectors[member]))]
                scenes[i] = known[int(concerned[nearest])]
            else:
                scenes[i] = free
        if not settled:
            free += 1
    return scenes


def _number_groups(rows: Sequence[Row]) -> list[Row]:
    """Give the duplicate groups numbers: one that their members have, or the next."""
    members: dict[str, list[Row]] = {}
    for row in rows:
        members.setdefault(row.keeper or row.companion_of or row.path, []).append(row)
    free = max((row.duplicate_group or 0 for row in rows), default=0) + 1
    used: set[int] = set()
    numbers: dict[str, int] = {}
    unnumbered = []
    for keeper, group in members.items():
        if not any(row.keeper for row in group):
            continue
        had = [row.duplicate_group for row in group if row.duplicate_group is not None]
        number = next((n for n in had if n not in used), None)
        if number is None:
            unnumbered.append(keeper)
        else:
            numbers[keeper] = number
            used.add(number)
    numbers |= {keeper: free + n for n, keeper in enumerate(unnumbered)}
    # Duplicates that a person kept side by side stay a group; a photo on its own is none.
    apart = Counter(
        row.duplicate_group
        for keeper, group in members.items()
        if keeper not in numbers
        for row in group
        if not row.is_companion
    )

    def number_of(row: Row) -> int | None:
        old = row.duplicate_group if apart[row.duplicate_group] > 1 else None
        return numbers.get(row.keeper or row.companion_of or row.path, None if old in used else old)

    return [replace(row, duplicate_group=number_of(row)) for row in rows]


def _named(rows: Sequence[Row], earlier: Sequence[Row]) -> tuple[Row, ...]:
    """Name what is new or moves; the place of a photo that goes is free for what is new."""
    actions = {row.path: row.action for row in earlier}
    fixed = {row.path for row in rows if actions.get(row.path) == row.action}
    back = [row.earlier for row in rows if row.path not in fixed and row.action == KEEP]
    return name_rows(rows, fixed=fixed, taken=[place for place in back if place])
