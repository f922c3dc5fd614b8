"""Apply a plan in the background, or undo that, and report the progress."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib

from dupimg.errors import UsageError
from dupimg.messages import Message, details, message
from dupimg.options.run_options import ApplyOptions
from dupimg.plans.plan import Problem
from dupimg.review.review_session import ReviewSession
from dupimg.runs import preflight
from dupimg.runs.journal import Journal
from dupimg.runs.result import Result

IDLE, RUNNING, DONE, REFUSED, FAILED = "idle", "running", "done", "refused", "failed"
TAKEN_BACK = "taken back"


def obstacles(session: ReviewSession, stamp: str, mode: str) -> list[Problem]:
    """Find the problems for which `dupimg.runs.apply.apply` would refuse, except by slow checks.

    Parameters
    ----------
    session : ReviewSession
    stamp : str
        Stamp of the plan that the user saw.
    mode : {"copy", "move", "hard_link", "reflink"}

    Returns
    -------
    list of Problem
        Problems of the plan as a whole have no path. Photos are only checked by size and time;
        their contents are checked when they are transferred.

    Raises
    ------
    PlanChanged, ReviewOver
    UsageError
        The plan cannot be read.
    """
    with session.held(stamp) as state:
        inputs, problems = session.record.run.inputs, list(state.problems)
        rows = state.planned.rows
        try:
            problems += preflight.check_files(
                rows,
                inputs,
                session.output_dir,
                unsafe={problem.path for problem in problems if problem.row is None},
                jobs=joblib.cpu_count(),
                quiet=True,
                contents=False,
            )
            if not problems:
                preflight.check_means(rows, inputs, session.output_dir, mode)
        except UsageError as error:
            problems.append(Problem("", error.message))
    return problems


class BackgroundApply:
    """Apply a plan in a background thread, and undo it.

    Attributes
    ----------
    state : {"idle", "running", "done", "refused", "failed", "taken back"}
        Refused: nothing was touched. Failed: some files may be transferred; it can be resumed.
    step : str
        The current step, ending in -ing.
    done, total : int
        Numbers of files in that step.
    errors : tuple of Message
        The messages of a refusal or failure.
    result : Result or None
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self.state = IDLE
        self.step, self.done, self.total = "", 0, 0
        self.errors: tuple[Message, ...] = ()
        self.result: Result | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is working."""
        return self.state == RUNNING

    @property
    def begun(self) -> bool:
        """Whether applying has started, so that decisions are closed."""
        return self.state in (RUNNING, DONE)

    def start(self, options: ApplyOptions) -> None:
        """Start to apply unless it has started, without waiting for the end."""
        with self._lock:
            if self.begun:
                return
            self._begin(self._run, options)

    def take_back(self, output_dir: Path, cache: str | None, files: Sequence[str] = ()) -> None:
        """Start to undo an applied plan, without waiting for the end.

        With `files`, only these are undone.
        """
        with self._lock:
            if self.state == DONE:
                self._begin(self._undo, output_dir, cache, files)

    def _begin(self, work: Callable[..., object], *values: object) -> None:
        self.state, self.errors = RUNNING, ()
        self.step, self.done, self.total = "", 0, 0
        # No daemon thread: the program must not end before the files are transferred.
        self._thread = threading.Thread(target=work, args=values)
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the thread."""
        if self._thread is not None:
            self._thread.join()

    def _run(self, options: ApplyOptions) -> None:
        from dupimg.runs.apply import apply

        try:
            self.result = apply(**options.as_keywords(), progress=self._bar)
        except UsageError as error:
            self.errors, self.state = error.messages, REFUSED
        except Exception as error:
            self.errors, self.state = (_failure(error),), FAILED
        else:
            self.state = DONE

    def _undo(self, output_dir: Path, cache: str | None, files: Sequence[str]) -> None:
        from dupimg.runs.undo import undo

        single = {"file": ",".join(files)} if files else {}
        try:
            outcome = undo(output_dir, cache=cache, quiet=True, **single)
        except UsageError as error:
            self.errors, self.state = error.messages, DONE
        except Exception as error:
            self.errors, self.state = (_failure(error),), FAILED
        else:
            if files and self.result is not None:
                # The counts must describe the current files.
                self.result = replace(self.result, rows=Journal(output_dir).rows)
            if outcome.gone:
                told = message(
                    "why.gone_for_good", count=len(outcome.gone), report=str(outcome.report)
                )
                self.errors = (told,)
            if outcome.left:
                left = message("why.left_in_place", count=outcome.left, report=str(outcome.report))
                self.errors, self.state = (*self.errors, left), DONE
            elif files:
                self.state = DONE
            else:
                self.state, self.result = TAKEN_BACK, None

    @contextlib.contextmanager
    def _bar(self, total: int, what: str, **_: Any) -> Iterator[BackgroundApply]:
        with self._lock:
            self.step, self.done, self.total = what, 0, total
        yield self

    def update(self, count: int = 1) -> None:
        """Count finished files; thread-safe."""
        with self._lock:
            self.done += count

    def progress(self) -> dict[str, Any]:
        """Return the progress and the outcome as JSON values."""
        with self._lock:
            return {
                "state": self.state,
                "step": self.step,
                "done": self.done,
                "total": self.total,
                "outcome": _outcome(self.result) if self.result else None,
                "errors": [error.to_json() for error in self.errors],
            }


def _failure(error: Exception) -> Message:
    return message("why.error", kind=type(error).__name__, why=details(error))


def _outcome(result: Result) -> dict[str, Any]:
    """Return the counts of a result as JSON values."""
    counts = result.counts
    return {
        **counts.by_action,
        "found": counts.found,
        "failed": counts.failed,
        "scenes": counts.scenes,
        "freed": counts.bytes_freed,
        "report": str(result.report),
    }
