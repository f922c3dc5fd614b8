"""What a person sees while a run goes on, and what is known of it when it is cut short."""

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

# What makes a bar, with the parameters of `progress_bar`.
MakeBar = Callable[..., AbstractContextManager[Any]]

# How often whoever wants to know is told how far it is.
_SECONDS_BETWEEN_NOTES = 0.5


@dataclass(frozen=True)
class Standing:
    """How far a step has come; as text, ``2 of 6 embedding, 120 of 500 photos``.

    Attributes
    ----------
    step : str
        As a word ending in -ing, mostly.
    done, total : int
    unit : str
        What is counted.
    number, of : int
        Which step it is, from 1 on, and of how many; 0 where steps are not numbered.
    seconds : float
        Since it began, without pauses.
    waits_for : str
        What the first of all waits for; empty once it has begun.
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
    """Let bars say the number of a step, as in ``3 of 5 comparing``.

    Parameters
    ----------
    *steps : str
        As bars call them. One that turns out to be needless is passed over.
    """
    token = _STEPS.set(steps)
    progress_file.tell(steps=steps)
    try:
        yield
    finally:
        _STEPS.reset(token)


@contextlib.contextmanager
def noted(note: Callable[[Standing], object]) -> Iterator[None]:
    """Tell `note` every few seconds, and at the end of each bar, how far it is."""
    token = _NOTE.set(note)
    try:
        yield
    finally:
        _NOTE.reset(token)


class ProgressBar(tqdm):
    """A bar that knows how far it is, also where it is not shown.

    It is drawn in a terminal, and written down for another program that wants to know.

    Parameters
    ----------
    total : int
    what : str
        The step, as a word ending in -ing.
    unit : str
        What is counted.
    quiet : bool
        Show nothing, even in a terminal.

    Attributes
    ----------
    unfinished : ProgressBar or None
        The latest of all bars, unless it came to its end: what an interruption interrupted.
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
            unit_scale=unit == "pairs",  # there are billions of them
        )
        ProgressBar.unfinished = self
        self._tell()

    @property
    def standing(self) -> Standing:
        """How far it is."""
        seconds = time.monotonic() - self._begun - self._paused_seconds
        return replace(self._standing, done=self._done, seconds=round(seconds, 3))

    def wait_for(self, what: str) -> None:
        """Say what the first of all waits for: `begin` says that the wait is over."""
        self._standing = replace(self._standing, waits_for=what)
        self._tell()
        self.set_postfix_str(what)

    def begin(self) -> None:
        """Count time from now on."""
        self._standing = replace(self._standing, waits_for="")
        self._count_time()
        if not self.disable:
            self.set_postfix_str("", refresh=False)
            self.reset()

    def update(self, n: float = 1) -> bool | None:
        """Note that `n` more are done, and wait if another program wants that."""
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
