"""Show the progress of a run, and record it for interruptions and other programs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, ClassVar

from tqdm import tqdm

from dupimg import progress_file

# Creates a bar; same parameters as `progress_bar`.
MakeBar = Callable[..., AbstractContextManager[Any]]

# Seconds between two reports of the progress.
_SECONDS_BETWEEN_NOTES = 0.5


@dataclass(frozen=True)
class Standing:
    """The progress of a step; as text, ``2 of 6 embedding, 120 of 500 photos``.

    Attributes
    ----------
    step : str
        Name of the step, usually ending in -ing.
    done, total : int
    unit : str
        Noun for the counted items.
    number, of : int
        Number of the step, from 1 on, and number of steps; 0 if steps are not numbered.
    seconds : float
        Duration of the step so far, without pauses.
    waits_for : str
        Reason why the first item has not started yet; empty once it has.
    """

    step: str
    done: int
    total: int
    unit: str
    number: int = 0
    of: int = 0
    seconds: float = 0.0
    waits_for: str = ""

    @property
    def heading(self) -> str:
        """The step with its number."""
        return f"{self.number} of {self.of} {self.step}" if self.of else self.step

    def __str__(self) -> str:
        return f"{self.heading}, {self.done:,} of {self.total:,} {self.unit}"


_STEPS: ContextVar[Sequence[str]] = ContextVar("steps", default=())
_NOTE: ContextVar[Callable[[Standing], object] | None] = ContextVar("note", default=None)


@contextlib.contextmanager
def numbered(*steps: str) -> Iterator[None]:
    """Make bars show the number of their step, as in ``3 of 5 comparing``.

    Parameters
    ----------
    *steps : str
        The names of the steps. Unneeded ones may be skipped.
    """
    token = _STEPS.set(steps)
    progress_file.tell(steps=steps)
    try:
        yield
    finally:
        _STEPS.reset(token)


@contextlib.contextmanager
def noted(note: Callable[[Standing], object]) -> Iterator[None]:
    """Call `note` with the progress every few seconds, and at the end of each bar."""
    token = _NOTE.set(note)
    try:
        yield
    finally:
        _NOTE.reset(token)


class ProgressBar(tqdm):
    """A progress bar that also counts when it is hidden.

    It is drawn in a terminal, and reported to the progress file of another program.

    Parameters
    ----------
    total : int
    what : str
        Name of the step, ending in -ing.
    unit : str
        Noun for the counted items.
    quiet : bool
        Whether to hide the bar even in a terminal.

    Attributes
    ----------
    unfinished : ProgressBar or None
        The latest bar of all, unless it was completed; read after an interruption.
    """

    unfinished: ClassVar[ProgressBar | None] = None

    def __init__(self, total: int, what: str, *, unit: str, quiet: bool) -> None:
        steps = _STEPS.get()
        number = steps.index(what) + 1 if what in steps else 0
        self._standing = Standing(what, 0, total, unit, number, len(steps) if number else 0)
        self._done, self._file = 0, progress_file.progress_file()
        self._note, self._next_note = _NOTE.get(), 0.0
        self._count_time()
        heading = self._standing.heading
        super().__init__(
            total=total,
            desc=f"{heading:<{10 + len(heading) - len(what)}}",
            unit=f" {unit}",
            disable=quiet or None,  # None: off unless standard error is a terminal
            dynamic_ncols=True,
            unit_scale=unit == "pairs",  # billions need prefixes
        )
        ProgressBar.unfinished = self
        self._tell()

    @property
    def standing(self) -> Standing:
        """The current progress."""
        seconds = time.monotonic() - self._begun - self._paused_seconds
        return replace(self._standing, done=self._done, seconds=round(seconds, 3))

    def wait_for(self, what: str) -> None:
        """Show the reason why the first item has not started, until `begin` is called."""
        self._standing = replace(self._standing, waits_for=what)
        self._tell()
        self.set_postfix_str(what)

    def begin(self) -> None:
        """Start to count the time."""
        self._standing = replace(self._standing, waits_for="")
        self._count_time()
        if not self.disable:
            self.set_postfix_str("", refresh=False)
            self.reset()

    def update(self, n: float = 1) -> bool | None:
        """Count `n` more items, and wait while another program pauses the run."""
        self._done += int(n)
        if time.monotonic() > self._next_note:
            self._tell()
        if self._file is not None:
            self._file.wait_while_paused()
        shown: bool | None = super().update(n)
        return shown

    @property
    def _paused_seconds(self) -> float:
        return 0.0 if self._file is None else self._file.paused_seconds

    def _count_time(self) -> None:
        self._begun = time.monotonic() - self._paused_seconds

    def _tell(self) -> None:
        self._next_note = time.monotonic() + _SECONDS_BETWEEN_NOTES
        if self._note:
            self._note(self.standing)
        if self._file is not None:
            self._file.tell(**vars(self.standing))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._tell()
        if error is None:
            ProgressBar.unfinished = None
        super().__exit__(kind, error, trace)


def progress_bar(total: int, what: str, *, unit: str, quiet: bool) -> ProgressBar:
    """Return a bar on standard error, to be used as a context manager; see `ProgressBar`."""
    return ProgressBar(total, what, unit=unit, quiet=quiet)
