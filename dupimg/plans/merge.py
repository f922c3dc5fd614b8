"""Merge what a person edited in a plan into what was decided, and tell what that changes.

Of an edited plan only four columns count: `action` (keep, remove or leave), `scene`, `scene_name`
and `destination`. The rest is taken from what was decided, so that it does not matter what a
spreadsheet did to dates and numbers, or whether rows were sorted and columns moved or added.
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

# What a person may choose for a file, by whether it is no photo and so without a scene.
_ACTIONS = {True: (OTHER, LEAVE), False: (KEEP, REMOVE, LEAVE)}


class SceneNumbers(NamedTuple):
    """The highest number of a scene that was decided, and that a person may give.

    Every photo can get a scene of its own, and numbers may be left out. One with more digits than
    names have is a slip, and would make the names of all photos longer.
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
        """Read the number of a scene as spreadsheets write it; None where a person may not give it.

        Examples
        --------
        >>> numbers = SceneNumbers(decided=7, last=9)
        >>> numbers.read("7"), numbers.read("7.0"), numbers.read("7,0"), numbers.read("10")
        (7, 7, 7, None)
        """
        whole, _, fraction = cell.strip().replace(",", ".").partition(".")
        # Python refuses to read thousands of digits.
        is_number = whole.isdecimal() and len(whole) < 10 and not fraction.strip("0")
        number = int(whole) if is_number else 0
        return number if 1 <= number <= self.last else None


@dataclass(frozen=True)
class Reviewed:
    """An edited plan.

    Attributes
    ----------
    rows : tuple of Row
        What is to be carried out.
    problems : tuple of Problem
        Everything that stands in the way, each with its row.
    changes : tuple of Message
        Everything that a person changed, one for each file.
    consequences : tuple of Message
        What else is not as it was decided because of that, one for each file.
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
    """Apply the edits of a person to what was decided.

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
        Names follow actions, scenes and their names, but for destinations written by hand.
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
    """Apply the edits as `merge_edits`, but let the destinations be as they were decided.

    Parameters
    ----------
    decided : sequence of Row
        A plan, or part of one: all rows of some duplicate groups with their companions.
    edits : sequence of Edit
        Of these rows.
    scenes : SceneNumbers
        Of the plan.

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
    """Return the companions that stay as they are: by hand, or where nothing else has changed."""

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
    if missing:  # the file may have been cut off while it was saved
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
    """Return a row with the action and the scene that a person chose."""
    if edit is None or row.protected:
        return row.having(action=LEAVE)
    action = edit.action if edit.action in _ACTIONS[row.scene is None] else row.action
    if row.is_companion:
        return row.having(action=action)
    scene = (scenes.read(edit.scene) or row.scene) if row.scene is not None else None
    return row.having(action=action, scene=scene)


def _kept_by_group(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Return the photos that stay of every duplicate group."""
    kept: dict[int, list[Row]] = {}
    for row in rows:
        if row.duplicate_group is not None and row.stays and not row.is_companion:
            kept.setdefault(row.duplicate_group, []).append(row)
    return kept


def _with_keeper(row: Row, chosen: dict[str, Row], kept: dict[int, list[Row]]) -> Row:
    """Give a row the keeper that stays now."""
    photo = chosen[row.companion_of] if row.is_companion else row
    keeper = _keeper(photo, kept)
    if keeper is None:
        return row.having(keeper="", cosine_to_keeper=None, scene=photo.scene)
    cosine = None if row.is_companion else _cosine(row, keeper)
    return row.having(keeper=keeper.path, scene=keeper.scene, cosine_to_keeper=cosine)


def _with_reasons(merged: Sequence[Row], decided: dict[str, Row]) -> list[Row]:
    """Say of every row why it is so now."""
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
    """Return the photo in favour of which one is removed: the old keeper, or the first kept."""
    candidates = kept.get(photo.duplicate_group or 0, [])
    if photo.action != REMOVE or not candidates:
        return None
    return next((row for row in candidates if row.path == photo.keeper), candidates[0])


def _cosine(row: Row, keeper: Row) -> float | None:
    """Return the cosine of two photos if the plan knows it: that of a photo and its keeper."""
    if row.keeper == keeper.path:
        return row.cosine_to_keeper
    return keeper.cosine_to_keeper if keeper.keeper == row.path else None


def _describe_changes(
    before: Mapping[str, Row],
    after: Sequence[Row],
    known: Mapping[str, Edit],
    scenes: SceneNumbers,
) -> tuple[tuple[Message, ...], tuple[Message, ...]]:
    """Tell what is not as it was decided.

    Parameters
    ----------
    before : mapping of str to Row
        What was decided, by path.
    after : sequence of Row
        What is to be carried out.
    known : mapping of str to Edit
        What the person wrote, by path.
    scenes : SceneNumbers

    Returns
    -------
    changes, consequences : tuple of Message
        What the person changed, and what follows from it: see `Reviewed`.
    """
    changed = dict(_changes(before, after))
    chosen = _chosen_by_hand(before, after, known)
    changes = (change for path, change in changed.items() if path in chosen)
    consequences = (change for path, change in changed.items() if path not in chosen)
    return (*changes, *_not_taken(before, after, known, scenes)), tuple(consequences)


def _changes(before: Mapping[str, Row], after: Sequence[Row]) -> Iterator[tuple[str, Message]]:
    """Yield the path of every file that is not as it was decided, and what is different."""
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
    """Return the files that a person decided about, rather than about others that they follow."""
    action_of = {row.path: row.action for row in after}

    def is_chosen(row: Row) -> bool:
        old, edit = before[row.path], known.get(row.path)
        if edit is None or edit.destination not in ("", old.destination):
            return True
        if row.companion_of:  # the page writes the action of a photo for its companions, too
            return row.action != action_of[row.goes_with]
        if row.action != old.action or edit.scene_name:
            return True
        return row.scene != old.scene and not row.keeper

    return {row.path for row in after if is_chosen(row)}


def _not_taken(
    before: Mapping[str, Row], after: Sequence[Row], known: Mapping[str, Edit], scenes: SceneNumbers
) -> Iterator[Message]:
    """Name the scenes that were written where they do not count: on what goes with a photo."""
    for row in after:
        edit = known.get(row.path)
        if edit is None or row.scene is None or not edit.scene:
            continue
        wanted = scenes.read(edit.scene)
        if wanted is not None and wanted not in (before[row.path].scene, row.scene):
            leader = row.keeper or row.companion_of
            change = message("change.scene_not_taken", scene=edit.scene, leader=leader)
            yield message("change.of_file", path=row.path, change=change)
