"""Merge the user's edits of a plan into the decided rows, and describe the changes.

Only four columns of an edited plan count: `action` (keep, remove or leave), `scene`, `scene_name`
and `destination`. The rest comes from the decided rows, so it does not matter how a spreadsheet
changed dates and numbers, or whether rows were sorted and columns moved or added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from functools import reduce
from typing import NamedTuple

from dupimg.messages import Message, message
from dupimg.plans.dates import redated
from dupimg.plans.followers import settle_companions
from dupimg.plans.layout import BY_SCENES, Layout
from dupimg.plans.merged_metadata import with_sidecars
from dupimg.plans.naming import scene_digits
from dupimg.plans.placing import place_rows
from dupimg.plans.plan import Problem
from dupimg.plans.plan_file import Edit
from dupimg.plans.reasons import action_name, reviewed_reason
from dupimg.plans.rows import KEEP, LEAVE, OTHER, REMOVE, Row
from dupimg.plans.scene_names import name_scenes

# The actions to choose from, for files without a scene (not photos) and with one.
_ACTIONS = {True: (OTHER, LEAVE), False: (KEEP, REMOVE, LEAVE)}


class SceneNumbers(NamedTuple):
    """The highest decided scene number, and the highest one that the user may enter.

    Every photo can get its own scene, and numbers may be skipped. A number with more digits than
    names have is a typing error, and would make the names of all photos longer.
    """

    decided: int
    last: int

    @classmethod
    def of(cls, rows: Iterable[Row]) -> SceneNumbers:
        """Return the numbers of a plan."""
        scenes = [row.scene or 0 for row in rows if row.is_media]
        decided = max(scenes, default=0)
        return cls(decided, 10 ** scene_digits(decided + len(scenes)) - 1)

    def read(self, cell: str) -> int | None:
        """Parse the number of a scene as written by spreadsheets; None if it is not allowed.

        Examples
        --------
        >>> numbers = SceneNumbers(decided=7, last=9)
        >>> numbers.read("7"), numbers.read("7.0"), numbers.read("7,0"), numbers.read("10")
        (7, 7, 7, None)
        """
        whole, _, fraction = cell.strip().replace(",", ".").partition(".")
        # Python refuses to parse thousands of digits.
        is_number = whole.isdecimal() and len(whole) < 10 and not fraction.strip("0")
        number = int(whole) if is_number else 0
        return number if 1 <= number <= self.last else None


@dataclass(frozen=True)
class Reviewed:
    """An edited plan.

    Attributes
    ----------
    rows : tuple of Row
        The rows to apply.
    problems : tuple of Problem
        All problems that prevent applying, each with its row.
    changes : tuple of Message
        The user's changes, one for each file.
    consequences : tuple of Message
        Further changes that follow from these, one for each file.
    """

    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]
    changes: tuple[Message, ...]
    consequences: tuple[Message, ...]


def merge_edits(
    decided: Sequence[Row],
    edits: Sequence[Edit],
    *,
    portable: bool = False,
    layout: Layout = BY_SCENES,
    only: str | None = None,
) -> Reviewed:
    """Apply the user's edits to the decided rows.

    Parameters
    ----------
    decided : sequence of Row
        Named rows.
    edits : sequence of Edit
    portable, layout, only
        See `place_rows`.

    Returns
    -------
    Reviewed
        Names follow actions, scenes and their names, except for destinations edited by hand.
    """
    scenes = SceneNumbers.of(decided)
    merged, problems = merge_decisions(decided, edits, scenes)
    rows = {row.path: row for row in decided}
    known = {edit.path: edit for edit in edits if edit.path in rows}
    merged, conflicts = name_scenes(merged, rows, known.values())
    named = tuple(
        replace(row, destination=known[row.path].destination)
        if row.path in known
        and row.action != LEAVE
        and known[row.path].destination not in ("", rows[row.path].destination)
        else row
        for row in place_rows(merged, portable=portable, layout=layout, only=only)
    )
    changes, consequences = _describe_changes(rows, named, known, scenes)
    return Reviewed(named, (*problems, *conflicts), changes, consequences)


def merge_decisions(
    decided: Sequence[Row], edits: Sequence[Edit], scenes: SceneNumbers
) -> tuple[list[Row], list[Problem]]:
    """Like `merge_edits`, but keep the decided destinations.

    Parameters
    ----------
    decided : sequence of Row
        A plan, or part of one: all rows of some duplicate groups with their companions.
    edits : sequence of Edit
        Edits of these rows.
    scenes : SceneNumbers
        Scene numbers of the plan.

    Returns
    -------
    rows : list of Row
        In the order of `decided`.
    problems : list of Problem
    """
    rows = {row.path: row for row in decided}
    problems = list(_problems(rows, edits, scenes))
    known = {edit.path: edit for edit in edits if edit.path in rows}
    chosen = {path: _chosen(row, known.get(path), scenes) for path, row in rows.items()}
    kept = _kept_by_group(chosen.values())
    merged = [_with_keeper(row, chosen, kept) for row in chosen.values()]
    settled = settle_companions(merged, _not_following(merged, rows))
    return with_sidecars(_with_reasons(redated(settled, rows), rows)), problems


def _not_following(merged: Sequence[Row], decided: Mapping[str, Row]) -> set[str]:
    """Return the companions that do not follow their photo: edited, or in unchanged groups."""

    def group(row: Row) -> object:
        return row.duplicate_group or row.companion_of or row.path

    def is_changed(row: Row) -> bool:
        old = decided[row.path]
        return (row.action, row.keeper, row.scene) != (old.action, old.keeper, old.scene)

    changed = {
        group(row)
        for row in merged
        if (is_changed(row) if not row.is_companion else row.action != decided[row.path].action)
    }
    return {
        row.path
        for row in merged
        if row.is_companion
        and (row.action != decided[row.path].action or group(row) not in changed)
    }


def _problems(
    rows: Mapping[str, Row], edits: Sequence[Edit], scenes: SceneNumbers
) -> Iterator[Problem]:
    first: dict[str, int] = {}
    for edit in edits:
        row = rows.get(edit.path)
        if row is None or edit.digest not in ("", row.digest):
            yield Problem(edit.path, message("problem.not_in_plan"), edit.number)
            continue
        if first.setdefault(edit.path, edit.number) != edit.number:
            told = message("problem.second_row", first=str(first[edit.path]))
            yield Problem(edit.path, told, edit.number)
        if row.protected and (edit.action != LEAVE or edit.destination):
            yield Problem(edit.path, message("problem.protected"), edit.number)
        elif edit.action not in _ACTIONS[row.scene is None]:
            yield Problem(edit.path, _wrong_action(edit, row), edit.number)
        if edit.scene and row.scene is not None and scenes.read(edit.scene) is None:
            told = message(
                "problem.scene",
                scene=repr(edit.scene),
                decided=str(scenes.decided),
                last=str(scenes.last),
            )
            yield Problem(edit.path, told, edit.number)
    missing = [path for path in rows if path not in first]
    if missing:  # the file may have been truncated while saving
        yield Problem("", message("problem.missing_rows", count=len(missing), path=missing[0]))


def _wrong_action(edit: Edit, row: Row) -> Message:
    is_photo = row.scene is not None
    expected = message("problem.photo_actions" if is_photo else "problem.other_actions")
    near = get_close_matches(edit.action, _ACTIONS[not is_photo], n=1)
    action = repr(edit.action)
    if not near:
        return message("problem.no_action", action=action, expected=expected)
    return message("problem.misspelled_action", action=action, expected=expected, guess=near[0])


def _chosen(row: Row, edit: Edit | None, scenes: SceneNumbers) -> Row:
    """Return a row with the action and the scene chosen by the user."""
    if edit is None or row.protected:
        return row.having(action=LEAVE)
    action = edit.action if edit.action in _ACTIONS[row.scene is None] else row.action
    if row.is_companion:
        return row.having(action=action)
    scene = (scenes.read(edit.scene) or row.scene) if row.scene is not None else None
    return row.having(action=action, scene=scene)


def _kept_by_group(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Return the kept photos of every duplicate group."""
    kept: dict[int, list[Row]] = {}
    for row in rows:
        if row.duplicate_group is not None and row.stays and not row.is_companion:
            kept.setdefault(row.duplicate_group, []).append(row)
    return kept


def _with_keeper(row: Row, chosen: dict[str, Row], kept: dict[int, list[Row]]) -> Row:
    """Update the keeper of a row to a photo that stays now."""
    photo = chosen[row.companion_of] if row.is_companion else row
    keeper = _keeper(photo, kept)
    if keeper is None:
        return row.having(keeper="", cosine_to_keeper=None, scene=photo.scene)
    cosine = None if row.is_companion else _cosine(row, keeper)
    return row.having(keeper=keeper.path, scene=keeper.scene, cosine_to_keeper=cosine)


def _with_reasons(merged: Sequence[Row], decided: dict[str, Row]) -> list[Row]:
    """Update the reasons of all changed rows."""
    row_of = {row.path: row for row in merged}
    now, then = _count_duplicates(merged), _count_duplicates(decided.values())
    return [
        row.having(
            reason=reviewed_reason(
                row, decided[row.path], row_of.get(row.keeper), now[row.path], then[row.path]
            )
        )
        for row in merged
    ]


def _count_duplicates(rows: Iterable[Row]) -> Counter[str]:
    return Counter(row.keeper for row in rows if row.keeper and not row.is_companion)


def _keeper(photo: Row, kept: dict[int, list[Row]]) -> Row | None:
    """Return the keeper of a removed photo: the old one if it stays, else the first kept one."""
    candidates = kept.get(photo.duplicate_group or 0, [])
    if photo.action != REMOVE or not candidates:
        return None
    return next((row for row in candidates if row.path == photo.keeper), candidates[0])


def _cosine(row: Row, keeper: Row) -> float | None:
    """Return the cosine of two photos if the plan has it, which it does for keepers."""
    if row.keeper == keeper.path:
        return row.cosine_to_keeper
    return keeper.cosine_to_keeper if keeper.keeper == row.path else None


def _describe_changes(
    before: Mapping[str, Row],
    after: Sequence[Row],
    known: Mapping[str, Edit],
    scenes: SceneNumbers,
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Describe the differences from the decided rows.

    Parameters
    ----------
    before : mapping of str to Row
        The decided rows by path.
    after : sequence of Row
        The rows to apply.
    known : mapping of str to Edit
        The user's edits by path.
    scenes : SceneNumbers

    Returns
    -------
    changes, consequences : tuple of Message
        The user's changes and their consequences, see `Reviewed`.
    """
    changed = dict(_changes(before, after))
    chosen = _chosen_by_hand(before, after, known)
    changes = (change for path, change in changed.items() if path in chosen)
    consequences = (change for path, change in changed.items() if path not in chosen)
    return (*changes, *_ignored_scenes(before, after, known, scenes)), tuple(consequences)


def _changes(before: Mapping[str, Row], after: Sequence[Row]) -> Iterator[tuple[str, Message]]:
    """Yield the path and the difference of every changed file."""
    for row in after:
        old = before[row.path]
        parts = []
        if row.action != old.action:
            then, now = action_name(old.action), action_name(row.action)
            parts.append(message("change.action", before=then, after=now))
        if row.scene != old.scene:
            parts.append(message("change.scene", before=str(old.scene), after=str(row.scene)))
        if row.scene_name != old.scene_name:
            parts.append(message("change.scene_name", name=row.scene_name))
        if row.destination and row.destination != old.destination:
            parts.append(message("change.destination", destination=row.destination))
        elif row.destination != old.destination:
            parts.append(message("change.stays"))
        if parts:
            change = reduce(lambda a, b: message("change.both", first=a, second=b), parts)
            yield row.path, message("change.of_file", path=row.path, change=change)


def _chosen_by_hand(
    before: Mapping[str, Row], after: Sequence[Row], known: Mapping[str, Edit]
) -> set[str]:
    """Return the files that the user edited directly, without those that follow others."""
    action_of = {row.path: row.action for row in after}

    def is_chosen(row: Row) -> bool:
        old, edit = before[row.path], known.get(row.path)
        if edit is None or edit.destination not in ("", old.destination):
            return True
        if row.companion_of:  # the page also edits companions with their photo
            return row.action != action_of[row.goes_with]
        if row.action != old.action or edit.scene_name:
            return True
        return row.scene != old.scene and not row.keeper

    return {row.path for row in after if is_chosen(row)}


def _ignored_scenes(
    before: Mapping[str, Row], after: Sequence[Row], known: Mapping[str, Edit], scenes: SceneNumbers
) -> Iterator[Message]:
    """Yield notes on scenes entered for companions, where they are ignored."""
    for row in after:
        edit = known.get(row.path)
        if edit is None or row.scene is None or not edit.scene:
            continue
        wanted = scenes.read(edit.scene)
        if wanted is not None and wanted not in (before[row.path].scene, row.scene):
            leader = row.keeper or row.companion_of
            change = message("change.scene_not_taken", scene=edit.scene, leader=leader)
            yield message("change.of_file", path=row.path, change=change)
