"""Evaluate an edited plan, and find the cells that a decision changes.

No file is touched. A decision that would make the plan impossible to apply is refused, unless it
was so before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from dupimg.errors import MessageError
from dupimg.messages import message
from dupimg.plans.merge import Reviewed, merge_decisions
from dupimg.plans.plan import Problem, check_decisions, check_plan
from dupimg.plans.plan_file import SCENE_NAME, PlanFile
from dupimg.plans.report import row_cell
from dupimg.plans.rows import Row
from dupimg.plans.scene_names import name_scenes
from dupimg.review.original_plan import DecidedPlan


class Refused(MessageError):
    """A decision is impossible; nothing was changed.

    Attributes
    ----------
    problems : tuple of Problem
    """

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*(problem.full_message for problem in problems))
        self.problems = problems


class NotInPlan(LookupError):
    """A path is not in the plan."""


@dataclass(frozen=True)
class Choice:
    """The user's decision about a file; None leaves a field unchanged.

    Attributes
    ----------
    path : str
    action : {"keep", "remove", "leave", "other"} or None
    scene : int or None
    scene_name : str or None
        Name of its scene; all photos of the scene must get the same.
    """

    path: str
    action: str | None = None
    scene: int | None = None
    scene_name: str | None = None


@dataclass(frozen=True)
class CellChange:
    """A cell of the plan before and after a step, unparsed."""

    path: str
    column: str
    before: str
    after: str

    def reversed(self) -> CellChange:
        """Return the reverse change."""
        return CellChange(self.path, self.column, self.after, self.before)


@dataclass(frozen=True)
class ReviewState:
    """An edited plan and its evaluation; created by `review_state`.

    Attributes
    ----------
    decided : DecidedPlan
    file : PlanFile
    rows : tuple of Row
        In the order of `decided`, so that row numbers stay the same. They have the decided
        destinations; `planned` has those that follow from the edits.
    problems : tuple of Problem
        Problems that prevent applying the plan.
    """

    decided: DecidedPlan
    file: PlanFile
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...]

    @cached_property
    def planned(self) -> Reviewed:
        """The plan to apply; naming 100,000 files takes seconds."""
        return self.decided.merged(self.file)

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """The rows by path."""
        return {row.path: row for row in self.rows}

    def row(self, path: str) -> Row:
        """Return the row with a path; raise NotInPlan for an unknown path."""
        if path not in self.row_of:
            raise NotInPlan(f"Got {path!r}, which is not in the plan.")
        return self.row_of[path]

    def cells_for(self, decisions: Iterable[Choice]) -> tuple[CellChange, ...]:
        """Return the cells that decisions change.

        Parameters
        ----------
        decisions : iterable of Choice

        Returns
        -------
        tuple of CellChange

        Raises
        ------
        NotInPlan
        Refused
            The row of a file was deleted in a spreadsheet.
        """
        wanted: dict[tuple[str, str], str] = {}
        for decision in decisions:
            path = decision.path
            if self.file.edit(self.row(path).path) is None:
                raise Refused(Problem(path, message("problem.row_gone")))
            if decision.scene is not None:
                wanted[path, "scene"] = str(decision.scene)
                if SCENE_NAME in self.file.names:  # or the old scene's name would remain
                    wanted[path, SCENE_NAME] = self._name_cells.get(decision.scene, "")
            if decision.scene_name is not None and SCENE_NAME in self.file.names:
                row = self.row(path).having(scene_name=decision.scene_name)
                wanted[path, SCENE_NAME] = row_cell(row, SCENE_NAME)
            if decision.action is not None:
                wanted |= self._action_cells(path, decision.action)
        changes = (
            CellChange(path, column, self.file.cell(path, column) or "", text)
            for (path, column), text in wanted.items()
        )
        return tuple(change for change in changes if change.before != change.after)

    @cached_property
    def _name_cells(self) -> dict[int | None, str]:
        """Unparsed names of the scenes that have one."""
        return {row.scene: row_cell(row, SCENE_NAME) for row in self.rows if row.scene_name}

    def _action_cells(self, path: str, action: str) -> dict[tuple[str, str], str]:
        cells = {(path, "action"): action}
        for name in (path, *self.decided.companions_of.get(path, ())):
            edit, decided = self.file.edit(name), self.decided.row_of[name]
            if edit is None:
                continue
            if name != path:  # a companion follows its photo by default
                cells[name, "action"] = decided.action
            if edit.destination != decided.destination:  # edited by hand for the old action
                cells[name, "destination"] = ""
        return cells

    def after(self, cells: Iterable[CellChange], decisions: Iterable[Choice] = ()) -> ReviewState:
        """Return the plan after a step.

        Parameters
        ----------
        cells : iterable of CellChange
        decisions : iterable of Choice
            The decisions that the cells express.

        Returns
        -------
        ReviewState

        Raises
        ------
        Refused
            The plan could not be applied, or a decision would have no effect.
        """
        texts = {(cell.path, cell.column): cell.after for cell in cells}
        state = self._with_file(self.file.with_cells(texts), {path for path, _ in texts})
        known = set(self.problems)
        problems = [problem for problem in state.problems if problem not in known]
        if problems := problems or list(_without_effect(state, decisions)):
            raise Refused(*problems)
        return replace(state, file=state.file.with_cells(self._reason_cells(state)))

    def _with_file(self, file: PlanFile, paths: Iterable[str]) -> ReviewState:
        """Return the plan with another file that differs only in the cells of these paths."""
        if self.problems or self.decided.is_placed_by_hand(file):
            return review_state(self.decided, file)
        return _merged_in_part(self.decided, file, self.rows, paths)

    def _reason_cells(self, after: ReviewState) -> dict[tuple[str, str], str]:
        """Return the changed reasons, except those that the user has overwritten."""
        if "reason" not in self.file.names:
            return {}
        cells = {}
        for decided, old, new in zip(self.decided.rows, self.rows, after.rows, strict=True):
            if new.reason != old.reason:
                ours = (row_cell(decided, "reason"), row_cell(old, "reason"))
                if self.file.cell(new.path, "reason") in ours:
                    cells[new.path, "reason"] = row_cell(new, "reason")
        return cells

    def conflicts(self, cells: Iterable[CellChange]) -> list[Problem]:
        """Return a problem for each cell that was changed by others meanwhile."""
        found = ((cell, self.file.cell(cell.path, cell.column)) for cell in cells)
        return [
            Problem(
                cell.path,
                message(
                    "problem.other_program",
                    column=cell.column,
                    now=repr(now),
                    before=repr(cell.before),
                ),
            )
            for cell, now in found
            if now != cell.before
        ]


def review_state(decided: DecidedPlan, file: PlanFile) -> ReviewState:
    """Evaluate an edited plan.

    Parameters
    ----------
    decided : DecidedPlan
    file : PlanFile

    Returns
    -------
    ReviewState
    """
    edits = file.filled_edits
    by_hand = decided.is_placed_by_hand(file)
    if not by_hand and decided.has_each_row_once(edits):
        return _merged_in_part(decided, file, decided.rows, decided.changed_by(edits))
    merged, wrong = merge_decisions(decided.rows, edits, decided.scenes)
    merged, conflicts = name_scenes(merged, decided.row_of, edits)
    problems = check_decisions(merged)
    if by_hand:
        reviewed = decided.merged(file)
        row_of = {row.path: row for row in reviewed.rows}
        # A problem that remains keeps its row, whatever the new names.
        problems = check_plan([row_of[row.path] for row in decided.rows])
    return ReviewState(decided, file, tuple(merged), (*wrong, *conflicts, *problems))


def _merged_in_part(
    decided: DecidedPlan, file: PlanFile, rows: Sequence[Row], paths: Iterable[str]
) -> ReviewState:
    """Return the plan after merging only the edits of these paths and of files they concern.

    Only these files can cause new problems, as dupimg's own names are safe. Merging all of 100,000
    rows takes seconds.
    """
    concerned = decided.concerned_by(paths)
    originals = [decided.rows[number] for number in concerned]
    edits = [edit for row in originals if (edit := file.edit(row.path)) is not None]
    merged, wrong = merge_decisions(originals, edits, decided.scenes)
    all_rows = list(rows)
    for number, row in zip(concerned, merged, strict=True):
        all_rows[number] = row
    named, conflicts = name_scenes(all_rows, decided.row_of, file.filled_edits)
    problems = (*wrong, *conflicts, *check_decisions(merged))
    return ReviewState(decided, file, tuple(named), problems)


def _without_effect(state: ReviewState, decisions: Iterable[Choice]) -> Iterator[Problem]:
    """Yield decisions without effect because a file follows another."""
    for decision in decisions:
        row = state.row_of[decision.path]
        if decision.action in (None, row.action) and decision.scene in (None, row.scene):
            continue
        leader = row.companion_of or row.keeper
        told = message("problem.follows", leader=leader) if leader else message("problem.no_scene")
        yield Problem(row.path, told)
