"""Carry a plan out in the background, or take that back, and say how far it is."""

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
    """Find what `dupimg.runs.apply.apply` would refuse, but for what takes long.

    Parameters
    ----------
    session : ReviewSession
    stamp : str
        Of the plan that the person saw.
    mode : {"copy", "move", "hard_link", "reflink"}

    Returns
    -------
    list of Problem
        Those about the plan as a whole are without a path. Photos are known by size and time:
        that their contents are the same is found out when they are carried to their places.

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
    """Carry a plan out in a thread of its own, and take that back.

    Attributes
    ----------
    state : {"idle", "running", "done", "refused", "failed", "taken back"}
        Refused: nothing was touched. Failed: some files may be at their places; it can go on.
    step : str
        What it is at, as a word ending in -ing.
    done, total : int
        Files of that step.
    errors : tuple of Message
        Why it was refused or failed, and the parts of that.
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
        """Whether files may be on their way."""
        return self.state == RUNNING

    @property
    def begun(self) -> bool:
        """Whether there is nothing left to decide."""
        return self.state in (RUNNING, DONE)

    def start(self, options: ApplyOptions) -> None:
        """Begin, unless that was done, and do not wait for the end."""
        with self._lock:
            if self.begun:
                return
            self._begin(self._run, options)

    def take_back(self, output_dir: Path, cache: str | None, files: Sequence[str] = ()) -> None:
        """Begin to take back what was carried out, if it was, and do not wait for the end.

        With `files`, only these go back, and what else was carried out stays.
        """
        with self._lock:
            if self.state == DONE:
                self._begin(self._undo, output_dir, cache, files)

    def _begin(self, work: Callable[..., object], *values: object) -> None:
        self.state, self.errors = RUNNING, ()
        self.step, self.done, self.total = "", 0, 0
        # No daemon: the program ends when the files are at their places.
        self._thread = threading.Thread(target=work, args=values)
        self._thread.start()

    def wait(self) -> None:
        """Return when it has come to its end."""
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
                # Which counts the files as they are now.
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
        """Note that files are done; called from many threads."""
        with self._lock:
            self.done += count

    def progress(self) -> dict[str, Any]:
        """Return how far it is and what came of it, as JSON values."""
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
    """Return what the summary of a run counts."""
    counts = result.counts
    return {
        **counts.by_action,
        "found": counts.found,
        "failed": counts.failed,
        "scenes": counts.scenes,
        "freed": counts.bytes_freed,
        "report": str(result.report),
    }
