"""Store a plan: its rows, and the settings of its run."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import lru_cache, reduce
from typing import Any

from dupimg.files.inputs import Inputs
from dupimg.messages import Message, as_text, message, quoted
from dupimg.options.templates import SCENES
from dupimg.plans.layout import Layout
from dupimg.plans.reasons import both, by_hand_reason, kept_reason
from dupimg.plans.rows import Row


@dataclass(frozen=True)
class Run:
    """The settings of a plan.

    Attributes
    ----------
    inputs : Inputs
        The input folders.
    mode : {"copy", "move", "hard_link", "reflink", ""}
        The transfer mode; empty until it is chosen.
    settings : mapping of str to object
        The options of the plan as JSON values.
    portable : bool
        Whether names are valid on every file system, because the target disk requires it.
    passed_over : sequence of str
        Paths of files excluded by the options, which have no rows.
    notes : sequence of Message
        Hints for the user about the plan.
    """

    inputs: Inputs
    mode: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    portable: bool = False
    passed_over: Sequence[str] = field(default=(), compare=False)
    notes: Sequence[Message] = field(default=(), compare=False)

    @property
    def layout(self) -> Layout:
        """The layout of kept photos; by scenes in runs of version 0.1.0."""
        return Layout(self.settings.get("layout", SCENES))

    @property
    def only(self) -> str | None:
        """The single task of the run: "duplicates", "scenes", or None for both."""
        only: str | None = self.settings.get("only")
        return only


def run_to_json(run: Run) -> dict[str, Any]:
    """Return a run as JSON values."""
    notes = [note.to_json() for note in run.notes]
    return vars(run) | {"inputs": run.inputs.to_json(), "notes": notes}


def run_from_json(values: Mapping[str, Any]) -> Run:
    """Return the run from `run_to_json`, or from version 0.1.0, which had one folder."""
    read = {name: value for name, value in values.items() if name not in ("input_dir", "inputs")}
    folder = values.get("input_dir")
    inputs = Inputs.from_json(values["inputs"]) if folder is None else Inputs({"": folder})
    notes = tuple(map(Message.from_json, values.get("notes", ())))
    settings = read_settings(read["settings"])
    return Run(inputs, **read | {"settings": settings, "notes": notes})


def read_settings(written: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a run from a journal.

    Version 0.1.0 wrote them as JSON text, without `time_zone`, and called `scene_head` `head`.

    Examples
    --------
    >>> read_settings('{"head": "own.npz"}')
    {'time_zone': None, 'scene_head': 'own.npz'}
    """
    if not isinstance(written, str):
        return dict(written)
    settings = json.loads(written or "{}")
    named = {"scene_head" if name == "head" else name: value for name, value in settings.items()}
    return {"time_zone": None} | named


_DEFAULTS = {field.name: field.default for field in fields(Row)}


@dataclass(frozen=True)
class Record:
    """A run and the rows of its plan."""

    run: Run
    rows: tuple[Row, ...]


def row_to_json(row: Row) -> dict[str, Any]:
    """Return a row as JSON values, without those that rows have by default."""
    values = {name: value for name, value in vars(row).items() if value != _DEFAULTS[name]}
    return values if row.reason is None else values | {"reason": row.reason.to_json()}


def row_from_json(values: dict[str, Any]) -> Row:
    """Return the row from `row_to_json`, or from dupimg 0.1.0."""
    reason = values.get("reason")
    if not reason:
        return Row(**values | {"reason": None})
    read = reason_of_0_1_0 if isinstance(reason, str) else Message.from_json
    return Row(**values | {"reason": read(reason)})


# Sentences of 0.1.0 that this version parses.
_KEEPER = re.compile(r"keeper of ([\d,]+) duplicates?")
_BY_HAND = re.compile(
    r"(keep|remove|other|leave) by hand \(was (keep|remove|other|leave)\)(?:: (.*))?"
)
_NOT_LISTED = "folder could not be listed: "


@lru_cache
def reason_of_0_1_0(sentence: str) -> Message:
    """Return the reason for an English sentence in a journal of dupimg 0.1.0.

    Parameters
    ----------
    sentence : str
        Not empty.

    Returns
    -------
    Message
        Its English text is `sentence`. Only reasons that matter later get their own code: those of
        keepers and duplicates, the user's choices, unlisted folders, and all without values. The
        rest is text.
    """
    if found := _BY_HAND.fullmatch(sentence):
        action, before, rest = found.groups()
        return by_hand_reason(action, before, reason_of_0_1_0(rest) if rest else None)
    if sentence.startswith(_NOT_LISTED):
        return message("reason.folder_not_listed", why=quoted(sentence.removeprefix(_NOT_LISTED)))
    parts = [_part_of_0_1_0(part) for part in sentence.split("; ")]
    if any(part.code == "text" for part in parts):
        return as_text(sentence)
    return reduce(lambda last, part: both(part, last), reversed(parts))


def _part_of_0_1_0(part: str) -> Message:
    if found := _KEEPER.fullmatch(part):
        return kept_reason(int(found[1].replace(",", "")))
    return quoted(part)
