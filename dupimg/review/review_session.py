"""Review a plan: write decisions to ``plan.csv`` one by one, and undo them.

The file is the single source of truth: a spreadsheet and any number of pages are views of it. A
decision only changes cells if the file is still the one that the user saw, by its stamp.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dupimg.errors import MessageError, UsageError
from dupimg.files.cache import Cache
from dupimg.files.durable import STATE_FOLDER
from dupimg.messages import as_text, message
from dupimg.plans.plan import Problem
from dupimg.plans.plan_file import parse_plan_file, read_bytes, replace_file
from dupimg.plans.record import Record
from dupimg.plans.rows import KEEP, Row
from dupimg.review.edited_plan import (
    CellChange,
    Choice,
    Refused,
    ReviewState,
    review_state,
)
from dupimg.review.original_plan import DecidedPlan
from dupimg.review.reviewed_groups import ReviewedGroups
from dupimg.runs.journal import APPLIED, UNDONE, Journal, locked, plan_marks, read_plan
from dupimg.runs.result import PLAN, command_line
from dupimg.runs.status import status


class PlanChanged(MessageError):
    """The plan on the disk is not the one that the user saw.

    Attributes
    ----------
    stamp : str
        Stamp of the plan on the disk.
    """

    def __init__(self, stamp: str) -> None:
        super().__init__(message("refused.plan_changed"))
        self.stamp = stamp


class ReviewOver(MessageError):
    """The plan was applied or replaced, so that no decisions are possible."""


@dataclass(frozen=True)
class Step:
    """A step that can be undone.

    Attributes
    ----------
    cells : tuple of CellChange
    label : str
        Description of the step by the page.
    apart, together : tuple of (str, str) or None
        Digests of two photos that the step declares distinct, or no longer distinct.
    """

    cells: tuple[CellChange, ...]
    label: str = ""
    apart: tuple[str, str] | None = None
    together: tuple[str, str] | None = None

    def reversed(self) -> Step:
        """Return the reverse step."""
        cells = tuple(cell.reversed() for cell in self.cells)
        return Step(cells, self.label, self.together, self.apart)


@dataclass(frozen=True)
class Saved:
    """The outcome of a step.

    Attributes
    ----------
    state : ReviewState
    changed : tuple of Row
        The changed rows.
    undo, redo : int
        Numbers of steps that can be undone and redone.
    """

    state: ReviewState
    changed: tuple[Row, ...]
    undo: int
    redo: int


class ReviewSession:
    """The review of a plan; thread-safe.

    Parameters
    ----------
    plan : Path
        The ``plan.csv``, or its folder.
    cache : Cache
        Stores pairs of distinct photos for later runs.

    Attributes
    ----------
    plan, output_dir : Path
    record : Record
        The decided plan.
    done, undone : list of Step
        The steps to undo and redo, the next one last.
    reviewed : ReviewedGroups
        The groups marked as reviewed.
    foreign_changes : int
        Number of changes of the file by others.

    Raises
    ------
    UsageError
        There is no plan, or it was applied.
    """

    def __init__(self, plan: Path, cache: Cache) -> None:
        if not plan.exists() and not plan.parent.joinpath(STATE_FOLDER).is_dir():
            raise UsageError(message("refused.plan_missing", plan=str(plan)))
        self.output_dir = plan if plan.is_dir() else plan.parent
        self.plan = plan / PLAN if plan.is_dir() else plan
        self._marks = plan_marks(self.output_dir)
        self.record = _open_record(self.output_dir)
        self.done: list[Step] = []
        self.undone: list[Step] = []
        self.reviewed = ReviewedGroups(self.output_dir)
        self.foreign_changes = 0
        self._cache = cache
        self._lock = threading.RLock()
        run = self.record.run
        self._decided = DecidedPlan(self.record.rows, run.portable, run.layout, run.only)
        self._state = self._parsed(read_bytes(self.plan))

    def current(self) -> ReviewState:
        """Return the current plan, including changes by others.

        Raises
        ------
        ReviewOver
        UsageError
            The file is gone, or is no longer a plan.
        """
        with self._lock:
            self._expect_open()
            content = read_bytes(self.plan)
            if content != self._state.file.content:
                self._state = self._parsed(content)
                self.foreign_changes += 1
            return self._state

    def expect(self, stamp: str) -> ReviewState:
        """Return the plan; raise PlanChanged if it is not the one that the user saw."""
        state = self.current()
        if state.file.stamp != stamp:
            raise PlanChanged(state.file.stamp)
        return state

    @contextlib.contextmanager
    def held(self, stamp: str) -> Iterator[ReviewState]:
        """Yield the plan like `expect`, and block changes meanwhile."""
        with self._lock, locked(self.output_dir):
            yield self.expect(stamp)

    def reopen(self) -> None:
        """Continue with a plan that was applied and undone."""
        with self._lock:
            self._marks = plan_marks(self.output_dir)

    def apart(self) -> list[tuple[str, str]]:
        """Return the pairs of digests that were declared distinct."""
        return self._cache.distinct_pairs(row.digest for row in self.record.rows)

    def decide(self, stamp: str, decisions: Sequence[Choice], label: str = "") -> Saved:
        """Make decisions as one step, either all or none.

        Parameters
        ----------
        stamp : str
            Stamp of the file that the user saw.
        decisions : sequence of Choice
        label : str

        Returns
        -------
        Saved

        Raises
        ------
        NotInPlan
            A path is not in the plan.
        Refused
            The plan could not be applied.
        PlanChanged, ReviewOver
        UsageError
            The file cannot be written.
        """
        with self._lock:
            cells = self.expect(stamp).cells_for(decisions)
            return self._make_step(Step(cells, label), decisions)

    def not_duplicate(self, stamp: str, path: str, label: str = "") -> Saved:
        """Keep a photo, and store that it is no duplicate of its keeper; see `decide`."""
        with self._lock:
            state = self.expect(stamp)
            row = state.row(path)
            if not row.keeper or row.is_companion:
                raise Refused(Problem(path, message("problem.not_removed")))
            pair = (row.digest, state.row_of[row.keeper].digest)
            if pair[0] == pair[1]:
                raise Refused(Problem(path, message("problem.same_bytes", keeper=row.keeper)))
            decision = Choice(path, KEEP)
            # Undoing the step must not forget an earlier declaration.
            apart = None if self._cache.distinct_pairs(pair) else pair
            return self._make_step(Step(state.cells_for([decision]), label, apart), [decision])

    def undo(self, stamp: str) -> Saved:
        """Undo the last step, see `decide`; drop it if its cells were changed since."""
        return self._take_back(stamp, self.done, self.undone)

    def redo(self, stamp: str) -> Saved:
        """Redo the last undone step, see `undo`."""
        return self._take_back(stamp, self.undone, self.done)

    def _take_back(self, stamp: str, steps: list[Step], others: list[Step]) -> Saved:
        """Reverse the last of `steps`, and add the reverse to `others`."""
        with self._lock:
            state = self.expect(stamp)
            if not steps:
                raise Refused(Problem("", message("problem.no_step")))
            step = steps[-1].reversed()
            if conflicts := state.conflicts(step.cells):
                steps.pop()
                raise Refused(*conflicts)
            changed = self._change_cells(step)
            steps.pop()
            others.append(step)
            return self._saved(changed)

    def _saved(self, changed: tuple[Row, ...]) -> Saved:
        return Saved(self._state, changed, len(self.done), len(self.undone))

    def _make_step(self, step: Step, decisions: Sequence[Choice]) -> Saved:
        """Make a new step if it changes anything."""
        if not step.cells:
            return self._saved(())
        changed = self._change_cells(step, decisions)
        self.done.append(step)
        self.undone.clear()
        return self._saved(changed)

    def _change_cells(self, step: Step, decisions: Sequence[Choice] = ()) -> tuple[Row, ...]:
        """Change the cells of a step, and return the changed rows."""
        before = self._state
        after = before.after(step.cells, decisions)
        with locked(self.output_dir):
            self._expect_open()
            if (content := read_bytes(self.plan)) != before.file.content:
                raise PlanChanged(hashlib.sha256(content).hexdigest())
            replace_file(self.plan, after.file.content)
        self._state = after
        if step.apart:
            self._cache.remember_distinct(*step.apart)
        if step.together:
            self._cache.forget_distinct(*step.together)
        both = zip(after.rows, before.rows, strict=True)
        return tuple(new for new, old in both if new is not old and new != old)

    def _parsed(self, content: bytes) -> ReviewState:
        return review_state(self._decided, parse_plan_file(content, self.plan))

    def _expect_open(self) -> None:
        if plan_marks(self.output_dir) != self._marks:
            folder, command = str(self.output_dir), command_line("status", self.output_dir)
            raise ReviewOver(message("refused.plan_over", folder=folder, status=command))


def _open_record(output_dir: Path) -> Record:
    """Return the record of a plan that was not applied yet."""
    if Journal.exists(output_dir) and Journal(output_dir).state != UNDONE:
        is_done = Journal(output_dir).state == APPLIED
        told = message(
            "refused.plan_done" if is_done else "refused.plan_partly_done",
            folder=str(output_dir),
            state=as_text(str(status(output_dir))),
        )
        raise UsageError(told)
    record = read_plan(output_dir)
    if record is None:
        raise UsageError(message("refused.nothing_planned", folder=str(output_dir)))
    return record
