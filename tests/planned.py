"""Plans as `dupimg plan` writes them, without looking at a picture."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

from dupimg.files.identity import identity_of
from dupimg.files.inputs import Inputs
from dupimg.messages import as_text
from dupimg.plans.naming import name_rows
from dupimg.plans.record import Record, Run
from dupimg.plans.report import from_cell, write_report
from dupimg.plans.rows import Row
from dupimg.runs.journal import locked, write_plan


def digest(content: bytes) -> str:
    """Return the SHA-256 of a content."""
    return hashlib.sha256(content).hexdigest()


def row_of(source: Path, path: str, action: str = "other", **fields) -> Row:
    """Return the row of a file that is there."""
    status = (source / path).lstat()
    if action != "other" and "companion_of" not in fields:
        fields = {"scene": 1, "taken_at": "2024-05-01T10:00:00.000"} | fields
    return Row(
        path,
        action,
        bytes=status.st_size,
        digest=digest((source / path).read_bytes()),
        modified_ns=status.st_mtime_ns,
        identity=identity_of(status),
        reason=as_text("said so"),
        **fields,
    )


def write_planned(source: Path, output: Path, rows: Sequence[Row]) -> tuple[Row, ...]:
    """Write the plan of a folder and what is remembered of it; return the named rows."""
    named = name_rows(rows)
    with locked(output):
        write_plan(output, Record(Run(Inputs.join([source]), ""), named))
        write_report(named, output / "plan.csv")
    return named


def edit_plan(plan: Path, change: Callable[[str, dict[str, str]], dict[str, str] | None]) -> None:
    """Change a plan as a person would: `change` gets path and cells, and returns cells or None."""
    with plan.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    changed = [change(from_cell(line["path"]), line) for line in lines]
    with plan.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(line for line in changed if line is not None)


def set_cells(plan: Path, path: str, **cells: str) -> None:
    """Change some cells of one row."""
    edit_plan(plan, lambda name, line: line | cells if name == path else line)
