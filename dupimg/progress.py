"""What a person sees while a run goes on, and what is known of it when it is cut short."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any, ClassVar

from tqdm import tqdm

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
        With its number.
    done, total : int
    unit : str
        What is counted.
    """

    step: str
    done: int
    total: int
    unit: str

    def __str__(self) -> str:
        return f"{self.step}, {self.done:,} of {self.total:,} {self.unit}"


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


def step_name(what: str) -> str:
    """Return what a step is called, with its number where steps are numbered."""
    steps = _STEPS.get()
    return f"{steps.index(what) + 1} of {len(steps)} {what}" if what in steps else what


class ProgressBar(tqdm):
    """A bar that knows how far it is, also where it is not shown.

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
        self._step, self._of, self._counted, self._seen = step_name(what), total, unit, 0
        self._note, self._next_note = _NOTE.get(), 0.0
        super().__init__(
            total=total,
            desc=f"{self._step:<{10 + len(self._step) - len(what)}}",
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
        return Standing(self._step, self._seen, self._of, self._counted)

    def wait_for(self, what: str) -> None:
        """Say what the first of all waits for: `begin` says that the wait is over."""
        self.set_postfix_str(what)

    def begin(self) -> None:
        """Count time from now on."""
        if not self.disable:
            self.set_postfix_str("", refresh=False)
            self.reset()

    def update(self, n: float = 1) -> bool | None:
        """Note that `n` more are done."""
        self._seen += int(n)
        if self._note and time.monotonic() > self._next_note:
            self._tell()
        shown: bool | None = super().update(n)
        return shown

    def _tell(self) -> None:
        self._next_note = time.monotonic() + _SECONDS_BETWEEN_NOTES
        if self._note:
            self._note(self.standing)

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
