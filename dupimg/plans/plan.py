"""Make a plan: exactly one row for every file, with its action, destination and reason.

No file is touched. `check_plan` finds these hazards: a file with two rows, two rows with the same
destination (even if only case or Unicode composition differ), a destination outside the folder of
its action, duplicates none of which stays, a companion separated from its photo.
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
    """The groups of n photos; every array has a value for each photo.

    Attributes
    ----------
    keepers : ndarray of shape (n,), int64
        Index of the keeper of each photo; its own if it stays.
    cosine_to_keeper, nearest_cosine : ndarray of shape (n,), float64
        `nearest_cosine` is NaN if there is no other photo.
    scenes : ndarray of shape (n,), int64
        Arbitrary labels of scenes; duplicates have that of their keeper.
    second_look : SecondLook or None
        The verdicts on similar photos, if they were compared.
    nearest_scene_cosine : ndarray of shape (n,), float64, or None
        See `dupimg.plans.rows.Row`; NaN for photos without one, None if no photo has one.
    nearest_in_scene : ndarray of shape (n,), int64, or None
        The photo with `nearest_scene_cosine`; -1 for none.
    best_of : ndarray of shape (n,), int64, or None
        For the best shot of a moment the number of its shots; 0 for all others.
    spared : mapping of int to Message
        Photos that stay although they are as similar as duplicates, with the reasons.
    unlike : mapping of int to Message
        Photos that stay although one is a copy of the other, because their cosine is low, with the
        reasons.
    shared : mapping of int to Message
        Photos that share a scene by details or the camera's clock, with the reasons.
    removed_by : mapping of str to ndarray of shape (n,), bool
        The photos that each duplicate rule removes; at least for the rule in use.
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
        """Return the photos of each group with duplicates, keeper first, then by rank.

        Parameters
        ----------
        order : sequence of int, of length n
            The photos, best first.
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
    """Make a plan for all files of a listing.

    Parameters
    ----------
    listing : Listing
        n photos in order of capture time, and the other files.
    groups : Groups
        Groups of the same n photos in the same order.
    ranking : Ranking
        Ranking of the same photos, for the reasons.
    rule : KeepRule
        The keep rule, for byte-identical videos.
    inputs : Inputs
        The folders of the files, some of which may be protected.
    only : {"duplicates", "scenes"} or None
        See `place_rows`; with "scenes" nothing is removed.
    merge_metadata : bool
        Whether kept photos get the metadata that only their duplicates have, in XMP files.
    portable, layout
        See `name_rows`.
    event_gap : int
        Seconds, see `with_events`.

    Returns
    -------
    tuple of Row
        In the order of `name_rows`.
    """
    if only == DUPLICATES:  # reasons about scenes do not matter
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
        Groups of these photos; its scenes are ignored.
    scene : int
        The number of the scene of the photo.
    group_size : int
        Number of photos in the duplicate group, including the keeper.
    ranking : Ranking
        The ranking that chose the keeper.
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
        reason=joined([reason, *_additional_reasons(photo, i, groups)]),
        nearest_scene_cosine=_cosine(groups.nearest_scene_cosine, i),
        nearest_in_scene=_nearest_in_scene(photos, i, groups),
        frames=photo.traits.frames,
        camera=tidy_camera(photo.traits.camera),
        metadata=" ".join(photo.traits.metadata),
        **_second_look(photos, i, groups.second_look),
    )


def _verdict(photos: Sequence[Photo], i: int, keeper: Photo, groups: Groups) -> str:
    """Return the verdict on photo `i` and its keeper; empty if they were not compared."""
    look = groups.second_look
    if look is None or photos[look.compared_with[i]] is not keeper:
        return ""
    return str(look.verdicts[i])


def _additional_reasons(photo: Photo, i: int, groups: Groups) -> Iterator[Message]:
    """Yield additional reasons of photo `i`."""
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
    """Return the row of a companion; `settle_companions` sets its action."""
    return replace(other_row(file), companion_of=file.companion_of)


def _number_scenes(rows: Sequence[Row]) -> list[Row]:
    """Replace the labels of scenes by 1, 2, … in order of their first kept photo."""
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
    """A problem that makes a plan unsafe to apply.

    Attributes
    ----------
    path : str
        Path of the file; empty if the problem concerns the plan as a whole.
    message : Message
        The problem, without the path.
    row : int or None
        Number of the row in the spreadsheet, if known.
    """

    path: str
    message: Message
    row: int | None = None

    @property
    def full_message(self) -> Message:
        """The problem with its row and path."""
        if not self.path:
            return self.message
        if self.row is None:
            return message("problem.of_file", path=self.path, problem=self.message)
        return message("problem.of_row", row=str(self.row), path=self.path, problem=self.message)

    def __str__(self) -> str:
        """Return the full message in English."""
        return str(self.full_message)


def check_plan(rows: Sequence[Row]) -> list[Problem]:
    """Find all problems that make a plan unsafe to apply.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    list of Problem
        Empty for a safe plan.
    """
    return [*check_decisions(rows), *_check_destinations(rows)]


def check_decisions(rows: Sequence[Row]) -> list[Problem]:
    """Find the problems of `check_plan` that do not depend on destinations."""
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
