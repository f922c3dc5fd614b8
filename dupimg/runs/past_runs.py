"""What was done in an output folder so far, whoever did it: as its journals have it."""

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
    """Something that was done with files, or decided about them.

    Attributes
    ----------
    kind : {"plan", "apply", "add", "back", "trash", "undo"}
        The verb; "back" is an undo of single files.
    state : {"done", "applying", "undoing"}
        The last two where it was not finished.
    at : float
        When it ended, or began if it was not finished: seconds since 1970, UTC; 0 where no mark
        says it.
    files : int
        What it was done with; 0 for a plan.
    by : str
        Name of the run of the app that set its last mark; empty if that was no run of an app.
    """

    kind: str
    state: str
    at: float
    files: int = 0
    by: str = ""


def past_runs(output_dir: Path) -> list[PastRun]:
    """Return what was done in an output folder, in order; an undone apply is there, too."""
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
    """Yield what the marks of a journal tell of: each run ends with the mark of a state."""
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
        # The undo of an addition ends with the journal before it in place of this one.
        yield PastRun("undo", DONE, begun.at, files["undone"], begun.by)
    elif begun is not None:
        yield begun


def _read_marks(path: Path) -> tuple[bool, Iterator[dict[str, Any]]]:
    """Return whether a journal adds to another, and its marks; its rows are not looked at."""
    lines = path.read_text("ascii", "replace").splitlines()
    header = json.loads(lines[0])

    def marks() -> Iterator[dict[str, Any]]:
        for line in islice(lines, header["rows"] + 1, None):
            with contextlib.suppress(json.JSONDecodeError):  # torn by a crash
                yield json.loads(line)

    return bool(header.get("earlier")), marks()
