"""Decide: for every file found exactly one row that says what happens to it, where it goes, why.

Pure: nothing here touches a file. Hazards that `check_plan` finds: a file with two rows, two
rows with one destination (also where case or Unicode form are not told apart), a destination
outside the folder that its action has in the output, duplicates of which none stays, a companion
that is parted from its photo.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dupimg.files.companion_names import folded
from dupimg.files.inputs import ONE_FOLDER, Inputs
from dupimg.files.keep_rules import DEFAULT_RULE, KeepRule, Ranking, best_dates
from dupimg.files.photos import File, Listing, Photo, local_time
from dupimg.files.traits import tidy_camera
from dupimg.messages import Message, message
from dupimg.plans.dates import dated_by
from dupimg.plans.events import with_events
from dupimg.plans.followers import settle_companions
from dupimg.plans.free_names import LONGEST_NAME
from dupimg.plans.layout import BY_SCENES, Layout
from dupimg.plans.merged_metadata import knowing, with_sidecars
from dupimg.plans.placing import DUPLICATES, SCENES, all_kept, keepers_of, number_groups, place_rows
from dupimg.plans.protected import from_inputs
from dupimg.plans.reasons import joined, kept_reason, parts_of, removed_reason
from dupimg.plans.rows import FOLDERS, KEEP, OTHER, REMOVE, Row
from dupimg.plans.videos import video_rows

if TYPE_CHECKING:
    import numpy as np

    from dupimg.groups.second_look import SecondLook


@dataclass(frozen=True)
class Groups:
    """What was found out about n photos; every array has a value for each of them.

    Attributes
    ----------
    keepers : ndarray of shape (n,), int64
        Index of the photo that stays in favour of this one; its own where it stays.
    cosine_to_keeper, nearest_cosine : ndarray of shape (n,), float64
        `nearest_cosine` is NaN where there is no other photo.
    scenes : ndarray of shape (n,), int64
        Any label of the scene; duplicates carry that of their keeper.
    second_look : SecondLook or None
        What comparing thumbnails said, if that was done.
    nearest_scene_cosine : ndarray of shape (n,), float64, or None
        See `dupimg.plans.rows.Row`; NaN for photos that have none, None where no photo has one.
    nearest_in_scene : ndarray of shape (n,), int64, or None
        The photo that `nearest_scene_cosine` is about; -1 for none.
    best_of : ndarray of shape (n,), int64, or None
        For the best shot of a moment, how many shots of it there are; 0 for all others.
    spared : mapping of int to Message
        Photos that are as alike as duplicates and stay all the same, and why.
    unlike : mapping of int to Message
        Photos that stay though one is a copy of the other, since they are less alike, and why.
    shared : mapping of int to Message
        Photos that details or the camera's clock put into a scene with another one, and the reason.
    removed_by : mapping of str to ndarray of shape (n,), bool
        The photos that rules for duplicates remove, by the rule: at least by the one in use.
    """

    keepers: np.ndarray
    cosine_to_keeper: np.ndarray
    nearest_cosine: np.ndarray
    scenes: np.ndarray
    second_look: SecondLook | None = None
    nearest_scene_cosine: np.ndarray | None = None
    nearest_in_scene: np.ndarray | None = None
    best_of: np.ndarray | None = None
    spared: Mapping[int, Message] = field(default_factory=dict)
    unlike: Mapping[int, Message] = field(default_factory=dict)
    shared: Mapping[int, Message] = field(default_factory=dict)
    removed_by: Mapping[str, np.ndarray] = field(default_factory=dict)

    def members(self, order: Sequence[int]) -> list[list[int]]:
        """Return the photos of each group of several, the one that stays first, then the best.

        Parameters
        ----------
        order : sequence of int, of length n
            The photos, the best first.
        """
        members: dict[int, list[int]] = {}
        for i in sorted(order, key=lambda i: self.keepers[i] != i):
            members.setdefault(int(self.keepers[i]), []).append(i)
        return [group for group in members.values() if len(group) > 1]


def make_plan(
    listing: Listing,
    groups: Groups,
    ranking: Ranking,
    rule: KeepRule = DEFAULT_RULE,
    *,
    inputs: Inputs = ONE_FOLDER,
    only: str | None = None,
    merge_metadata: bool = False,
    portable: bool = False,
    layout: Layout = BY_SCENES,
    event_gap: int = 6 * 3600,
) -> tuple[Row, ...]:
    """Give every file of a listing its row.

    Parameters
    ----------
    listing : Listing
        n photos in order of capture time, and the other files.
    groups : Groups
        Of the same n photos in the same order.
    ranking : Ranking
        Of the same photos: which rather stays; named in the reasons.
    rule : KeepRule
        Which of byte-identical videos stays.
    inputs : Inputs
        The folders of the files, some of which may be protected.
    only : {"duplicates", "scenes"} or None
        See `place_rows`; with "scenes" nothing is removed.
    merge_metadata : bool
        Whether photos that stay get what only their duplicates know, in XMP files.
    portable, layout
        See `name_rows`.
    event_gap : int
        Seconds, see `with_events`.

    Returns
    -------
    tuple of Row
        In the order that `name_rows` gives them.
    """
    if only == DUPLICATES:  # why photos are of one scene, which would sort them
        groups = replace(groups, shared={})
    keepers = groups.keepers.tolist()
    sizes = Counter(keepers)
    dates = best_dates(listing.photos, keepers)
    rows = [
        photo_row(listing.photos, i, groups, int(groups.scenes[keeper]), sizes[keeper], ranking)
        for i, keeper in enumerate(keepers)
    ]
    rows = [
        row if date == i else dated_by(row, rows[date])
        for i, (row, date) in enumerate(zip(rows, dates, strict=True))
    ]
    if merge_metadata:
        rows = knowing(rows, listing)
    companions = Counter(file.companion_of for file in listing.companions)
    rows += video_rows(listing.videos, rows, rule, companions, stay=inputs.is_protected)
    keepers = keepers_of(rows)
    rows = all_kept(rows) if only == SCENES else rows
    rows += [other_row(file) for file in listing.others]
    rows += [companion_row(file) for file in listing.companions]
    rows = _number_scenes(from_inputs(rows, inputs))
    rows = with_events(with_sidecars(settle_companions(rows)), event_gap)
    placed = place_rows(rows, only=only, portable=portable, layout=layout)
    return number_groups(placed, keepers)


def photo_row(
    photos: Sequence[Photo],
    i: int,
    groups: Groups,
    scene: int,
    group_size: int,
    ranking: Ranking,
) -> Row:
    """Return the row of photo `i`, without a destination.

    Parameters
    ----------
    photos : sequence of Photo
    i : int
    groups : Groups
        Of these photos; its scenes are not looked at.
    scene : int
        The number of the scene of the photo.
    group_size : int
        How many photos the keeper stands for, itself included.
    ranking : Ranking
        Of these photos; it chose the keeper.
    """
    number = int(groups.keepers[i])
    photo, keeper = photos[i], photos[number]
    stays = photo is keeper
    reason = (
        kept_reason(group_size - 1)
        if stays
        else removed_reason(
            ranking.why(number, i),
            same_bytes=photo.digest == keeper.digest,
            verdict=_verdict(photos, i, keeper, groups),
        )
    )
    return Row(
        path=photo.path,
        action=KEEP if stays else REMOVE,
        scene=scene,
        keeper="" if stays else keeper.path,
        cosine_to_keeper=None if stays else float(groups.cosine_to_keeper[i]),
        nearest_cosine=_cosine(groups.nearest_cosine, i),
        taken_at=photo.taken_at.isoformat(timespec="milliseconds"),
        taken_from=photo.taken_from,
        width=photo.width,
        height=photo.height,
        bytes=photo.bytes,
        digest=photo.digest,
        modified_ns=photo.modified_ns,
        identity=photo.identity,
        reason=joined([reason, *_beside(photo, i, groups)]),
        nearest_scene_cosine=_cosine(groups.nearest_scene_cosine, i),
        nearest_in_scene=_nearest_in_scene(photos, i, groups),
        frames=photo.traits.frames,
        camera=tidy_camera(photo.traits.camera),
        metadata=" ".join(photo.traits.metadata),
        **_second_look(photos, i, groups.second_look),
    )


def _verdict(photos: Sequence[Photo], i: int, keeper: Photo, groups: Groups) -> str:
    """Return what a second look says of photo `i` and its keeper; empty if it was at another."""
    look = groups.second_look
    if look is None or photos[look.compared_with[i]] is not keeper:
        return ""
    return str(look.verdicts[i])


def _beside(photo: Photo, i: int, groups: Groups) -> Iterator[Message]:
    """Yield what else is to be said about photo `i`."""
    for why in (groups.spared, groups.unlike):
        if groups.keepers[i] == i and i in why:
            yield why[i]
    if groups.best_of is not None and groups.best_of[i]:
        yield message("reason.best_shot", count=int(groups.best_of[i]))
    if groups.keepers[i] == i and i in groups.shared:
        yield groups.shared[i]
    yield from parts_of(photo.passed_over)


def _cosine(cosines: np.ndarray | None, i: int) -> float | None:
    return None if cosines is None or math.isnan(cosines[i]) else float(cosines[i])


def _nearest_in_scene(photos: Sequence[Photo], i: int, groups: Groups) -> str:
    nearest = groups.nearest_in_scene
    return "" if nearest is None or nearest[i] < 0 else photos[nearest[i]].path


def _second_look(photos: Sequence[Photo], i: int, second_look: SecondLook | None) -> dict[str, Any]:
    if second_look is None or not second_look.verdicts[i]:
        return {}
    details = second_look.shared_details[i]
    return {
        "compared_with": photos[second_look.compared_with[i]].path,
        "thumb_correlation": _cosine(second_look.thumb_correlation, i),
        "verdict": str(second_look.verdicts[i]),
        "overlap": _cosine(second_look.laid.overlap, i),
        "difference": _cosine(second_look.laid.difference, i),
        "shared_details": None if math.isnan(details) else int(details),
    }


def other_row(file: File) -> Row:
    """Return the row of a file that is no photo."""
    return Row(
        path=file.path,
        action=OTHER,
        bytes=file.bytes,
        digest=file.digest,
        reason=file.reason,
        modified_ns=file.modified_ns,
        identity=file.identity,
    )


def companion_row(file: File) -> Row:
    """Return the row of a companion; `settle_companions` says where it goes."""
    return replace(other_row(file), companion_of=file.companion_of)


def _number_scenes(rows: Sequence[Row]) -> list[Row]:
    """Replace the labels of scenes by 1, 2, … in order of their first photo that stays."""
    kept = sorted(
        (local_time(datetime.fromisoformat(row.taken_at)), row.path, row.scene)
        for row in rows
        if row.stays and row.is_media
    )
    numbers: dict[int | None, int] = {}
    for _, _, label in kept:
        numbers.setdefault(label, len(numbers) + 1)
    return [row.having(scene=numbers[row.scene]) if row.is_media else row for row in rows]


@dataclass(frozen=True)
class Problem:
    """What would make a plan unsafe to carry out.

    Attributes
    ----------
    path : str
        Of the file that it is about; empty where it is about the plan as a whole.
    message : Message
        What is wrong, without the path.
    row : int or None
        Number of the row in the spreadsheet, if there is one.
    """

    path: str
    message: Message
    row: int | None = None

    @property
    def full_message(self) -> Message:
        """What is wrong, and where."""
        if not self.path:
            return self.message
        if self.row is None:
            return message("problem.of_file", path=self.path, problem=self.message)
        return message("problem.of_row", row=str(self.row), path=self.path, problem=self.message)

    def __str__(self) -> str:
        """Say in English what is wrong, and where."""
        return str(self.full_message)


def check_plan(rows: Sequence[Row]) -> list[Problem]:
    """Find everything that would make a plan unsafe to carry out.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    list of Problem
        Empty if there is none.
    """
    return [*check_decisions(rows), *_check_destinations(rows)]


def check_decisions(rows: Sequence[Row]) -> list[Problem]:
    """Find what `check_plan` finds wherever the files go."""
    return [problem for check in _CHECKS for problem in check(rows)]


def _check_paths(rows: Sequence[Row]) -> Iterator[Problem]:
    for path, count in Counter(row.path for row in rows).items():
        if count > 1:
            yield Problem(path, message("problem.many_rows", rows=str(count)))


def _check_destinations(rows: Sequence[Row]) -> Iterator[Problem]:
    seen: dict[str, str] = {}
    for row in rows:
        if not row.destination:
            continue
        parts, place = row.destination.split("/"), repr(row.destination)
        folder = FOLDERS.get(row.action)
        leads_out = parts[0] != folder or len(parts) < 2 or {"", ".", ".."} & set(parts)
        if folder is None:
            yield Problem(row.path, message("problem.has_destination", destination=place))
        elif leads_out or "\0" in row.destination:
            yield Problem(row.path, message("problem.outside", destination=place, folder=folder))
        if max(len(os.fsencode(part)) for part in parts) > LONGEST_NAME:
            yield Problem(row.path, message("problem.long_name", bytes=LONGEST_NAME))
        other = seen.setdefault(folded(row.destination), row.path)
        if other != row.path:
            told = message("problem.same_destination", destination=place, other=other)
            yield Problem(row.path, told)


def _check_survivors(rows: Sequence[Row]) -> Iterator[Problem]:
    groups: dict[int, list[Row]] = {}
    for row in rows:
        if row.duplicate_group is not None and not row.is_companion:
            groups.setdefault(row.duplicate_group, []).append(row)
    for number, group in groups.items():
        if all(row.action == REMOVE for row in group):
            yield Problem(group[0].path, message("problem.no_survivor", group=str(number)))


def _check_companions(rows: Sequence[Row]) -> Iterator[Problem]:
    actions = {row.path: row.action for row in rows}
    for row in rows:
        action = actions.get(row.goes_with, "no row")
        if row.is_companion and row.action != action:
            told = message(
                "problem.parted",
                action=repr(row.action),
                photo=row.goes_with,
                other=repr(action),
            )
            yield Problem(row.path, told)


_CHECKS: tuple[Callable[[Sequence[Row]], Iterator[Problem]], ...] = (
    _check_paths,
    _check_survivors,
    _check_companions,
)
