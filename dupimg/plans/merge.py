"""Merge what a person edited in a plan into what was decided.

Of an edited plan only three columns count: `action` (keep, remove or leave), `scene` and
`destination`. The rest is taken from what was decided, so that it does not matter what a
spreadsheet did to dates and numbers, or whether rows were sorted and columns moved or added.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dupimg.plans.naming import name_rows
from dupimg.plans.plan_diff import describe_changes
from dupimg.plans.plan_file import Edit
from dupimg.plans.reasons import reviewed_reason
from dupimg.plans.rows import KEEP, LEAVE, OTHER, REMOVE, Row
from dupimg.plans.scene_numbers import SceneNumbers
from dupimg.wording import counted, did_you_mean

# What a person may choose for a file, by whether it is no photo and so without a scene.
_ACTIONS = {True: (OTHER, LEAVE), False: (KEEP, REMOVE, LEAVE)}


@dataclass(frozen=True)
class Reviewed:
    """An edited plan.

    Attributes
    ----------
    rows : tuple of Row
        What is to be carried out.
    problems : tuple of str
        Everything that stands in the way, each with its row.
    changes : tuple of str
        Everything that a person changed, a line each.
    consequences : tuple of str
        What else is not as it was decided because of that, a line for each file.
    """

    rows: tuple[Row, ...]
    problems: tuple[str, ...]
    changes: tuple[str, ...]
    consequences: tuple[str, ...]


def merge_edits(decided: Sequence[Row], edits: Sequence[Edit]) -> Reviewed:
    """Apply the edits of a person to what was decided.

    Parameters
    ----------
    decided : sequence of Row
        Named rows.
    edits : sequence of Edit

    Returns
    -------
    Reviewed
        Names follow actions and scenes, but for destinations that were written by hand.
    """
    scenes = SceneNumbers.of(decided)
    merged, problems = merge_decisions(decided, edits, scenes)
    rows = {row.path: row for row in decided}
    known = {edit.path: edit for edit in edits if edit.path in rows}
    named = tuple(
        replace(row, destination=known[row.path].destination)
        if row.path in known
        and row.action != LEAVE
        and known[row.path].destination not in ("", rows[row.path].destination)
        else row
        for row in name_rows(merged)
    )
    changes, consequences = describe_changes(rows, named, known, scenes)
    return Reviewed(named, tuple(problems), changes, consequences)


def merge_decisions(
    decided: Sequence[Row], edits: Sequence[Edit], scenes: SceneNumbers
) -> tuple[list[Row], list[str]]:
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
    problems : list of str
    """
    rows = {row.path: row for row in decided}
    problems = list(_problems(rows, edits, scenes))
    known = {edit.path: edit for edit in edits if edit.path in rows}
    chosen = {
        path: _chosen(row, known.get(path), rows, known, scenes) for path, row in rows.items()
    }
    kept = _kept_by_group(chosen.values())
    merged = [_with_keeper(row, chosen, kept) for row in chosen.values()]
    return _with_reasons(merged, rows), problems


def _problems(rows: dict[str, Row], edits: Sequence[Edit], scenes: SceneNumbers) -> Iterator[str]:
    first: dict[str, int] = {}
    for edit in edits:
        row = rows.get(edit.path)
        where = f"row {edit.number}: {edit.path}"
        if row is None or edit.digest not in ("", row.digest):
            yield f"{where}: is not in the plan that was made for this folder; run `dupimg plan`."
            continue
        if first.setdefault(edit.path, edit.number) != edit.number:
            yield f"{where}: has row {first[edit.path]} already, expected one row."
        actions = _ACTIONS[row.scene is None]
        if edit.action not in actions:
            hint = did_you_mean(edit.action, actions)
            expected = f"{', '.join(actions[:-1])} or {actions[-1]}"
            yield f"{where}: Got action {edit.action!r}, expected {expected}.{hint}"
        if edit.scene and row.scene is not None and scenes.read(edit.scene) is None:
            yield (
                f"{where}: Got scene {edit.scene!r}, expected a whole number: 1 to "
                f"{scenes.decided} for a scene of the plan, up to {scenes.last} for a new one."
            )
    missing = [path for path in rows if path not in first]
    if missing:  # the file may have been cut off while it was saved
        yield (
            f"{counted(len(missing), 'file')} of the plan without a row, first {missing[0]}, "
            "expected one for each. Write leave where a file is to stay."
        )


def _chosen(
    row: Row, edit: Edit | None, rows: dict[str, Row], known: dict[str, Edit], scenes: SceneNumbers
) -> Row:
    """Return a row with the action and the scene that a person chose."""
    if edit is None:
        return row.having(action=LEAVE)
    if row.is_companion and edit.action == row.action:  # goes where its photo goes
        photo = _chosen(rows[row.companion_of], known.get(row.companion_of), rows, known, scenes)
        return row.having(action=photo.action, scene=photo.scene)
    scene = (scenes.read(edit.scene) or row.scene) if row.scene is not None else None
    known_action = edit.action in _ACTIONS[row.scene is None]
    return row.having(action=edit.action if known_action else row.action, scene=scene)


def _kept_by_group(rows: Iterable[Row]) -> dict[int, list[Row]]:
    """Return the photos that stay of every duplicate group."""
    kept: dict[int, list[Row]] = {}
    for row in rows:
        if row.duplicate_group is not None and row.action == KEEP and not row.is_companion:
            kept.setdefault(row.duplicate_group, []).append(row)
    return kept


def _with_keeper(row: Row, chosen: dict[str, Row], kept: dict[int, list[Row]]) -> Row:
    """Give a row the keeper that stays now."""
    photo = chosen[row.companion_of] if row.is_companion else row
    keeper = _keeper(photo, kept)
    if keeper is None:
        return row.having(keeper="", cosine_to_keeper=None)
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
