"""A plan as it is remembered: its rows, and what they were decided with."""

from __future__ import annotations

from dataclasses import dataclass

from dupimg.plans.rows import Row


@dataclass(frozen=True)
class Run:
    """What a plan was made with.

    Attributes
    ----------
    input_dir : str
        Absolute.
    mode : {"copy", "move", "hard_link", "reflink", ""}
        How files get to their destinations; empty while that is not decided.
    settings : str
        The options that led to the plan, as text to compare.
    """

    input_dir: str
    mode: str
    settings: str


@dataclass(frozen=True)
class Record:
    """A run and the rows of its plan."""

    run: Run
    rows: tuple[Row, ...]
