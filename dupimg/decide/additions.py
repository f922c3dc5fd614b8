"""Decide what happens to new photos that are added to the result of an earlier run.

Only the new photos are compared with all others: an old photo moves only because of a new one.
Existing names and numbers stay, and so do the user's own decisions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.added_cosines import nearest_cosines, nearest_scene_cosines
from dupimg.decide.added_scenes import known_scenes, scenes_with_new
from dupimg.decide.collection import Collection
from dupimg.decide.duplicates import DuplicateSearch, find_possible_copies, make_finder
from dupimg.decide.group import keep_rule, rank_photos
from dupimg.decide.made_of_others import Made, duplicates_by_detail
from dupimg.files.inputs import ONE_FOLDER, Inputs
from dupimg.files.keep_rules import Ranking, best_dates
from dupimg.files.photos import Listing, Photo
from dupimg.messages import Message, as_text, message
from dupimg.options.run_options import PlanOptions
from dupimg.plans.added_groups import all_stay, number_added_groups
from dupimg.plans.added_reasons import in_scene_of_new, recounted
from dupimg.plans.dates import dated_by
from dupimg.plans.events import with_events
from dupimg.plans.followers import settle_companions
from dupimg.plans.layout import Layout
from dupimg.plans.merged_metadata import knowing, with_sidecars
from dupimg.plans.placing import DUPLICATES, SCENES, place_rows
from dupimg.plans.plan import Groups, companion_row, other_row, photo_row
from dupimg.plans.protected import from_inputs
from dupimg.plans.reasons import both
from dupimg.plans.rows import KEEP, REMOVE, Row
from dupimg.plans.videos import video_rows
from dupimg.search.similarity import reachable_rows


def add_rows(
    earlier: Sequence[Row],
    listing: Listing,
    collection: Collection,
    options: PlanOptions,
    *,
    inputs: Inputs = ONE_FOLDER,
    portable: bool = False,
    added_from: tuple[str, ...] = (),
) -> tuple[tuple[Row, ...], tuple[Message, ...]]:
    """Decide what happens to new files, and to the old files that they replace.

    Parameters
    ----------
    earlier : sequence of Row
        Rows of the earlier run; `Row.earlier` is the current place of the file.
    listing : Listing
        The new files.
    collection : Collection
        All photos that can be compared: the new ones, and the old ones that still exist.
    options : PlanOptions
        Those of the earlier run.
    inputs : Inputs
        Those of the earlier run, perhaps with more protected folders.
    portable : bool, default=False
        Whether new names must be valid on every file system.
    added_from : tuple of str
        See `dupimg.plans.layout.Layout`.

    Returns
    -------
    rows : tuple of Row
        A plan for all files, old and new.
    notes : tuple of Message
        Scenes that the new photos would merge or split; they are left to the user.
    """
    rows = {row.path: row for row in earlier}
    notes: tuple[Message, ...] = ()
    companions = Counter(row.companion_of for row in earlier)
    companions.update(file.companion_of for file in listing.companions)
    if collection.is_new.any():
        decided, notes = _photo_rows(collection, options, companions)
        rows |= decided
    rows |= {row.path: row for row in _video_rows(rows, listing, options, companions, inputs)}
    rows |= {file.path: other_row(file) for file in listing.others}
    rows |= {file.path: companion_row(file) for file in listing.companions}
    decided_rows = from_inputs(rows.values(), inputs)
    decided_rows = recounted(decided_rows, earlier)
    if options.only == SCENES:
        decided_rows = all_stay(decided_rows, {row.path: row for row in earlier})
        rows = {row.path: row for row in decided_rows}
    if options.merge_metadata:
        decided_rows = knowing(decided_rows, listing)
    settled = with_sidecars(settle_companions(decided_rows, _not_following(earlier, rows)))
    known = {row.path for row in earlier}
    dated = with_events(_with_scene_names(settled), options.event_gap, known)
    numbered = dated if options.only == SCENES else number_added_groups(dated)
    layout = Layout(options.layout, added_from)
    return _place_files(numbered, earlier, options.only, portable, layout), notes


def _with_scene_names(rows: Sequence[Row]) -> list[Row]:
    """Copy the user's scene names to new photos of these scenes."""
    names = {row.scene: row.scene_name for row in rows if row.scene_name}
    return [row.having(scene_name=names.get(row.scene, "")) for row in rows] if names else [*rows]


def _not_following(earlier: Sequence[Row], rows: Mapping[str, Row]) -> set[str]:
    """Return the companions of unchanged photos: they stay unchanged, too."""
    known = {row.path: row for row in earlier}

    def is_as_before(path: str) -> bool:
        now, before = rows[path], known[path]
        return (now.action, now.keeper, now.scene) == (before.action, before.keeper, before.scene)

    return {row.path for row in earlier if row.is_companion and is_as_before(row.companion_of)}


def _video_rows(
    rows: Mapping[str, Row],
    listing: Listing,
    options: PlanOptions,
    companions: Mapping[str, int],
    inputs: Inputs,
) -> list[Row]:
    """Return the rows of new videos; one without photos close in time starts a new scene."""
    photos = [row for row in rows.values() if row.is_photo]
    known = [row for row in rows.values() if row.is_video]
    new = video_rows(
        listing.videos,
        photos,
        keep_rule(options),
        companions,
        known,
        stay=inputs.is_protected,
    )
    highest = max((row.scene or 0 for row in rows.values()), default=0)
    scenes = [row.scene or 0 for row in new]
    return [
        row.having(scene=highest - scene) if scene < 0 else row
        for row, scene in zip(new, scenes, strict=True)
    ]


def _photo_rows(
    collection: Collection, options: PlanOptions, companions: Mapping[str, int]
) -> tuple[dict[str, Row], tuple[Message, ...]]:
    """Return the rows of the photos of a collection, and notes about their scenes."""
    nearest = nearest_cosines(collection)
    near = _with_groups(collection, _affected_contents(collection, options))
    around = collection[near]
    old = np.flatnonzero(~around.is_new)
    decide = partial(_duplicates, collection, options, companions)
    found, ranking = decide(near)
    found = replace(found, nearest_cosine=nearest[near])
    before, _ = decide(near[old])
    changed = _changed_photos(around, found, before)
    keepers = _final_keepers(around, found, changed)
    dates = best_dates(around.photos, keepers.tolist())
    stays, known = known_scenes(collection, near, keepers)
    dated = _with_dates(collection, near, dates)
    scenes, in_scene, compared, notes = scenes_with_new(dated, stays, known, options)
    if options.only == DUPLICATES:
        in_scene = {}  # scenes are not shown
    rows = dict(collection.rows)
    likes = _similar_removed(around, found.keepers, keepers, changed)
    shared = {i: in_scene[n] for i, n in enumerate(near.tolist()) if n in in_scene}
    look = found.second_look and found.second_look.with_details(compared, near)
    groups = replace(found, keepers=keepers, shared=shared, second_look=look)
    sizes = Counter(keepers.tolist())
    for i in np.flatnonzero(changed).tolist():
        keeper = int(keepers[i])
        scene = scenes[int(near[keeper])]
        row = photo_row(around.photos, i, groups, scene, sizes[keeper], ranking)
        if sizes[i] == 1 and i in likes:
            like = around.photos[likes[i]].path
            row = replace(row, reason=message("reason.like_one_removed", photo=like))
        rows[row.path] = _with_history(row, collection.rows)
    by_path = {collection.photos[i].path: why for i, why in in_scene.items()}
    rows |= in_scene_of_new(rows, by_path, collection.rows)
    for i in np.flatnonzero(around.is_new).tolist():
        if dates[i] != i:
            path = around.photos[i].path
            rows[path] = dated_by(rows[path], rows[around.photos[dates[i]].path])
    staying = [collection.photos[i] for i in stays]
    scene_cosines, nearest_places = nearest_scene_cosines(collection, stays, options)
    rows |= _with_cosines(rows, collection.photos, "nearest_cosine", nearest)
    rows |= _with_cosines(rows, staying, "nearest_scene_cosine", scene_cosines)
    for photo, place in zip(staying, nearest_places.tolist(), strict=True):
        if place >= 0:
            rows[photo.path] = rows[photo.path].having(nearest_in_scene=staying[place].path)
    return rows, notes


def _with_dates(
    collection: Collection, near: NDArray[np.int64], dates: Sequence[int]
) -> Collection:
    """Return the collection with the final dates of its photos; old photos keep theirs.

    `dates` has for each photo in `near` the position in `near` of the photo whose date it gets.
    """
    photos = list(collection.photos)
    for i, date in enumerate(dates):
        other = collection.photos[near[date]]
        photos[near[i]] = replace(
            photos[near[i]], taken_at=other.taken_at, taken_from=other.taken_from
        )
    for i, photo in enumerate(photos):
        if (row := collection.rows.get(photo.path)) is not None and row.own_taken_at:
            taken_at = datetime.fromisoformat(row.taken_at)
            photos[i] = replace(photo, taken_at=taken_at, taken_from=row.taken_from)
    return replace(collection, photos=tuple(photos))


def _with_cosines(
    rows: Mapping[str, Row], photos: Sequence[Photo], name: str, cosines: NDArray[np.float64]
) -> dict[str, Row]:
    """Set the field `name` to the cosine in the rows of all photos with a known one."""
    return {
        photo.path: rows[photo.path].having(**{name: float(cosine)})
        for photo, cosine in zip(photos, cosines, strict=True)
        if not np.isnan(cosine)
    }


def _with_history(row: Row, rows: Mapping[str, Row]) -> Row:
    """Add the place and the reason that follow from the earlier run to a row."""
    if (old := rows.get(row.path)) is None:
        if row.keeper in rows and rows[row.keeper].digest == row.digest:
            there = message("reason.keeper_was_there")
            return replace(row, reason=both(message("reason.identical_bytes"), there))
        return row
    number = old.duplicate_group if row.action == REMOVE else None
    return replace(
        row,
        reason=message(
            "reason.photos_added" if row.action == KEEP else "reason.better_added",
            reason=row.reason or as_text(""),
        ),
        destination=old.destination,
        earlier=old.earlier,
        duplicate_group=number,
    )


def _affected_contents(collection: Collection, options: PlanOptions) -> NDArray[np.int64]:
    """Return the contents that can influence the decision about the new photos."""
    seeds = np.unique(collection.inverse[collection.is_new])
    lowest = make_finder(options).search_threshold
    reached = reachable_rows(collection.features.vector, seeds, lowest)
    if options.duplicate_rule != "verified":
        return reached
    return np.union1d(reached, find_possible_copies(collection, seeds).pairs)


def _with_groups(collection: Collection, contents: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the photos with some contents, and the rest of their duplicate groups.

    A crop or a screenshot may look unlike its keeper, but must not stay behind if that goes.
    """
    keepers = [
        row.keeper or path if (row := collection.rows.get(path)) else path
        for path in (photo.path for photo in collection.photos)
    ]
    reached = np.isin(collection.inverse, contents)
    groups = {keeper for keeper, is_reached in zip(keepers, reached, strict=True) if is_reached}
    return np.flatnonzero([keeper in groups for keeper in keepers])


def _duplicates(
    collection: Collection,
    options: PlanOptions,
    companions: Mapping[str, int],
    rows: NDArray[np.int64],
) -> tuple[Groups, Ranking]:
    """Find duplicates among some photos, with their ranks among all."""
    chosen = collection[rows]
    return duplicates_by_detail(
        chosen,
        lambda made: _ranking(collection, options, companions, made)[rows.tolist()],
        DuplicateSearch(chosen, options, apart=chosen.apart, protected=collection.protected),
    )


def _ranking(
    collection: Collection,
    options: PlanOptions,
    companions: Mapping[str, int],
    made: Made,
) -> Ranking:
    """Rank all photos like a full run, but on a tie the photo that already stays wins."""
    photos, rows = collection.photos, collection.rows
    last = {p.path for p in photos if p.path not in rows or not rows[p.path].stays}
    # For each content a photo of the earlier run, preferably one that stays.
    known = [i for i, photo in enumerate(photos) if photo.path in rows]
    known.sort(key=lambda i: photos[i].path not in last)
    old = {photos[i].digest: i for i in known}
    twins = {
        i: old[photo.digest]
        for i, photo in enumerate(photos)
        if photo.path in last and photo.digest in old
    }
    rule = keep_rule(options)
    ranking = rank_photos(
        collection,
        rule,
        companions,
        made=made,
        last=last,
        protected=collection.protected,
    )
    return ranking.with_twins(twins)


def _changed_photos(around: Collection, groups: Groups, before: Groups) -> NDArray[np.bool_]:
    """Return which photos get a new row: new ones, and those whose keeper the new ones change.

    A row that the user edited stays.
    """
    changed = around.is_new
    old = np.flatnonzero(~changed)
    for i, keeper in zip(old, old[before.keepers], strict=True):
        row = around.rows[around.photos[i].path]
        as_decided = row.action == (KEEP if keeper == i else REMOVE)
        changed[i] = as_decided and groups.keepers[i] != keeper
    return changed


def _final_keepers(
    around: Collection, groups: Groups, changed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return the final keepers; a photo whose keeper would not stay is kept."""
    number = {photo.path: i for i, photo in enumerate(around.photos)}
    keepers = groups.keepers.copy()
    for i in np.flatnonzero(~changed):
        keepers[i] = number.get(around.rows[around.photos[i].path].keeper, i)
    stays = np.array(
        [
            keepers[i] == i if changed[i] else around.rows[photo.path].stays
            for i, photo in enumerate(around.photos)
        ]
    )
    lost = changed & ~stays[keepers]
    keepers[lost] = np.flatnonzero(lost)
    return keepers


def _similar_removed(
    around: Collection, found: NDArray, keepers: NDArray, changed: NDArray[np.bool_]
) -> dict[int, int]:
    """Map photos that stay to a similar photo that the user removed: either may be the better.

    The rule found the keepers `found`; `keepers` are the final ones.
    """
    stays = changed & (keepers == np.arange(len(keepers)))
    likes = {int(i): int(found[i]) for i in np.flatnonzero(stays) if found[i] != i}
    for i in np.flatnonzero(~changed):
        row = around.rows[around.photos[i].path]
        if row.action == REMOVE and not row.keeper:
            likes.setdefault(int(found[i]), int(i))
    return likes


def _place_files(
    rows: Sequence[Row], earlier: Sequence[Row], only: str | None, portable: bool, layout: Layout
) -> tuple[Row, ...]:
    """Choose destinations of new and moved files; names of photos that go may be reused."""
    known = {row.path: (row.action, row.is_companion and row.goes_with) for row in earlier}
    fixed = {
        row.path
        for row in rows
        if known.get(row.path) == (row.action, row.is_companion and row.goes_with)
    }
    back = [
        row.earlier
        for row in rows
        if row.path not in fixed and row.action == KEEP and not row.is_companion
    ]
    taken = [place for place in back if place]
    return place_rows(rows, only=only, fixed=fixed, taken=taken, portable=portable, layout=layout)
