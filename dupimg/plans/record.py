"""A plan as it is remembered: its rows, and what they were decided with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
    settings : mapping of str to object
        The options that led to the plan, as JSON values.
    """

    input_dir: str
    mode: str
    settings: Mapping[str, Any] = field(default_factory=dict)


def read_settings(written: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run as a journal holds them.

    Version 0.1.0 wrote them as JSON text, and called `scene_head` `head`.

    Examples
    --------
    >>> read_settings('{"head": "own.npz"}')
    {'scene_head': 'own.npz'}
    """
    settings = json.loads(written or "{}") if isinstance(written, str) else written
    return {"scene_head" if name == "head" else name: value for name, value in settings.items()}


@dataclass(frozen=True)
class Record:
    """A run and the rows of its plan."""

    run: Run
    rows: tuple[Row, ...]
