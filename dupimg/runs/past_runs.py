"""List past runs of an output folder from its journals."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from dupimg.files.durable import JOURNAL_RECORD, PLAN_RECORD, STATE_FOLDER
from dupimg.runs.journal import APPLIED, APPLYING, UNDOING, UNDONE

DONE = "done"


@dataclass(frozen=True)
class PastRun:
    """A past run or plan.

    Attributes
    ----------
    kind : {"plan", "apply", "add", "back", "trash", "undo"}
        The verb; "back" is an undo of single files.
    state : {"done", "applying", "undoing"}
        "done", or the state of an unfinished run.
    at : float
        Its end, or its start if it is unfinished, in seconds since 1970, UTC; 0 if unknown.
    files : int
        Number of files; 0 for a plan.
    by : str
        Name of the app's run that set its last mark; empty for runs outside the app.
    """

    kind: str
    state: str
    at: float
    files: int = 0
    by: str = ""


def past_runs(output_dir: Path) -> list[PastRun]:
    """Return the past runs of an output folder in order, including undone ones."""
    folder = output_dir / STATE_FOLDER
    current = folder / JOURNAL_RECORD
    earlier = folder.glob(f"{current.stem}-*{current.suffix}")
    found = [run for path in earlier for run in _runs_of(path, is_current=False)]
    with contextlib.suppress(OSError):
        found += _runs_of(current, is_current=True)
    with contextlib.suppress(OSError):
        found.append(PastRun("plan", DONE, (folder / PLAN_RECORD).stat().st_mtime))
    return sorted(found, key=lambda run: run.at)


def _runs_of(path: Path, *, is_current: bool) -> Iterator[PastRun]:
    """Yield the runs in a journal: each ends with the mark of a state."""
    adds, marks = _read_marks(path)
    verb = "add" if adds else "apply"
    files: Counter[str] = Counter()
    begun: PastRun | None = None
    for mark in marks:
        if "state" not in mark:
            files.update(mark.keys() - {"reason"})
            continue
        state, at, by = mark["state"], mark.get("at", 0.0), mark.get("by", "")
        if state == APPLYING:
            begun = PastRun(verb, APPLYING, at, by=by)
        elif state == UNDOING:
            if begun is not None and begun.state == APPLYING:
                yield begun
            begun = PastRun("undo", UNDOING, at, by=by)
        elif state == UNDONE:
            if begun is not None:  # else an end that was marked before is told once more
                yield PastRun("undo", DONE, at, files["undone"], by)
            begun = None
        elif state == APPLIED:
            kinds = {"done": verb, "back": "back", "trashed": "trash"}
            done = [kind for kind in kinds if files[kind]]
            kind = "done" if begun else next(iter(done), "")
            if kind:
                yield PastRun(kinds[kind], DONE, at, files[kind], by)
            begun = None
        files.clear()
    if begun is not None and begun.state == UNDOING and not is_current:
        # The undo of an addition ends by restoring the earlier journal.
        yield PastRun("undo", DONE, begun.at, files["undone"], begun.by)
    elif begun is not None:
        yield begun


def _read_marks(path: Path) -> tuple[bool, Iterator[dict[str, Any]]]:
    """Return whether a journal adds to another, and its marks, without parsing its rows."""
    lines = path.read_text("ascii", "replace").splitlines()
    header = json.loads(lines[0])

    def marks() -> Iterator[dict[str, Any]]:
        for line in islice(lines, header["rows"] + 1, None):
            with contextlib.suppress(json.JSONDecodeError):  # truncated by a crash
                yield json.loads(line)

    return bool(header.get("earlier")), marks()
