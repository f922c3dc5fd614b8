"""What a person sees while a run goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from tqdm import tqdm

# What makes a bar, with the parameters of `progress_bar`.
MakeBar = Callable[..., AbstractContextManager[Any]]


def progress_bar(total: int, what: str, *, unit: str, quiet: bool) -> tqdm:
    """Return a bar on standard error, to be used as a context manager.

    Parameters
    ----------
    total : int
    what : str
        The step, as a word ending in -ing.
    unit : str
        What is counted.
    quiet : bool
        Show nothing, even in a terminal.
    """
    return tqdm(
        total=total,
        desc=f"{what:<10}",
        unit=f" {unit}",
        disable=quiet or None,  # None: off unless standard error is a terminal
        dynamic_ncols=True,
        unit_scale=unit == "pairs",  # there are billions of them
    )
