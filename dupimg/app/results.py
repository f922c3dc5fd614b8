"""Describe an output folder for the app: its state, its result and its history."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from dupimg.app.runs import Run
from dupimg.errors import UsageError
from dupimg.files.durable import STATE_FOLDER
from dupimg.plans.counts import Counts
from dupimg.plans.merge import merge_edits
from dupimg.plans.placing import DUPLICATES
from dupimg.plans.plan_file import read_edits
from dupimg.plans.record import Record
from dupimg.plans.rows import KEEP, REMOVE, Row
from dupimg.runs.begin import unfinished_look
from dupimg.runs.disk_space import existing_parent, size_across, sizes_of
from dupimg.runs.journal import UNDONE, Journal, is_at_work, read_plan
from dupimg.runs.past_runs import past_runs
from dupimg.runs.result import PLAN
from dupimg.runs.status import status

# Most duplicate groups and scenes shown, and most photos of each.
_MOST_GROUPS, _MOST_PHOTOS = 6, 8

# Most files offered for undo at once.
_MOST_FILES = 300


def describe(output_dir: Path) -> dict[str, Any]:
    """Return the state and the result of an output folder as JSON values.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    standing = status(output_dir)
    look = unfinished_look(output_dir)
    shown: dict[str, Any] = {
        "folder": str(output_dir),
        "state": standing.state,
        "text": standing.text,
        "at_work": is_at_work(output_dir) if (output_dir / STATE_FOLDER).is_dir() else False,
        "resume": look[1] if look else "",
        "has_report": (output_dir / "report.html").is_file(),
    }
    if (record := read_rows(output_dir)) is None:
        return shown
    rows, run = record.rows, record.run
    counts = Counts.of(rows)
    return shown | {
        "input_dirs": [*map(str, run.inputs.movable.values())],
        "only": run.only,
        "mode": run.mode,
        "is_addition": any(row.earlier for row in rows),
        "notes": [note.to_json() for note in run.notes],
        "counts": vars(counts),
        "duplicates": _duplicates(rows),
        "scenes": [] if run.only == DUPLICATES else _scenes(rows),
        "space": _space(record, output_dir),
    }


def result_card(runs: list[Run]) -> dict[str, Any] | None:
    """Return the summary of a result for the home page; None if its folder is gone."""
    run, folder = runs[-1], runs[-1].output_dir
    going = next((run for run in runs if run.is_running and run.verb != "review"), None)
    card = {
        "folder": str(folder),
        "inputs": next((r.about["input_dirs"] for r in runs if r.about["input_dirs"]), []),
        "started": run.about["started"],
        "running": going.to_json() if going else None,
    }
    if going is not None:
        return card | {"state": "running", "previews": min(4, len(going.log.previews))}
    if not folder.is_dir():
        return None
    told = describe(folder)
    if told["state"] == "empty":
        return None
    samples = [p["keeper"]["digest"] for p in told.get("duplicates", ())]
    samples += [group["photos"][0]["digest"] for group in told.get("scenes", ())]
    shown = {name: told[name] for name in ("state", "counts") if name in told}
    return card | shown | {"digests": list(dict.fromkeys(filter(None, samples)))[:4]}


def history(output_dir: Path, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """Return everything done in an output folder, in order: the app's `runs` and all others.

    Others come from a review, a terminal or another app; they have no command.
    """
    names, verbs = {run.id for run in runs}, {run.verb for run in runs}
    others = [
        past
        for past in past_runs(output_dir)
        if past.by not in names and not (past.kind == "plan" and "plan" in verbs)
    ]
    known = [run.to_json() for run in runs]
    told = [{"kind": o.kind, "state": o.state, "started": o.at, "files": o.files} for o in others]
    return sorted(known + told, key=lambda entry: entry["started"])


def read_rows(output_dir: Path) -> Record | None:
    """Return the current rows: those of the applied run, or the plan with the user's edits."""
    if Journal.exists(output_dir):
        journal = Journal(output_dir)
        if journal.state != UNDONE:
            return Record(journal.record.run, journal.rows)
    if (plan := read_plan(output_dir)) is None:
        return None
    try:
        edits = read_edits(output_dir / PLAN)
    except UsageError:
        return plan
    run = plan.run
    reviewed = merge_edits(
        plan.rows, edits, portable=run.portable, layout=run.layout, only=run.only
    )
    return Record(run, reviewed.rows)


def files_to_bring_back(output_dir: Path, search: str) -> dict[str, Any]:
    """Return the transferred files whose path contains `search`, removed ones first."""
    record = read_rows(output_dir)
    rows = [] if record is None else [r for r in record.rows if r.has_step and not r.is_companion]
    found = [row for row in rows if search.casefold() in row.path.casefold()]
    found.sort(key=lambda row: (row.action != REMOVE, row.action != KEEP, row.path))
    return {
        "count": len(found),
        "files": [_photo(row) | {"action": row.action} for row in found[:_MOST_FILES]],
    }


def _photo(row: Row) -> dict[str, Any]:
    return {"path": row.path, "digest": row.digest if row.is_photo else ""}


def _duplicates(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the groups whose duplicates take the most space."""
    keepers = {row.path: row for row in rows if row.is_photo}
    removed = defaultdict(list)
    for row in rows:
        if row.is_photo and row.action == REMOVE and row.keeper in keepers:
            removed[row.keeper].append(row)
    by_size = sorted(removed.items(), key=lambda item: -sum(row.bytes for row in item[1]))
    return [
        {"keeper": _photo(keepers[path]), "removed": _first_photos(group), "count": len(group)}
        for path, group in by_size[:_MOST_GROUPS]
    ]


def _scenes(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the scenes with the most photos."""
    scenes = defaultdict(list)
    for row in rows:
        if row.is_photo and row.action == KEEP:
            scenes[row.scene].append(row)
    largest = sorted((s for s in scenes.values() if len(s) > 1), key=len, reverse=True)
    return [
        {"name": group[0].scene_name, "photos": _first_photos(group), "count": len(group)}
        for group in largest[:_MOST_GROUPS]
    ]


def _first_photos(rows: Iterable[Row]) -> list[dict[str, Any]]:
    return [_photo(row) for row in list(rows)[:_MOST_PHOTOS]]


def _space(record: Record, output_dir: Path) -> dict[str, Any]:
    """Return the bytes that copying needs, that moving copies across disks, and that are free."""
    sizes, target = sizes_of(record.rows, record.run.inputs), existing_parent(output_dir)
    return {
        "needed": sum(sizes.values()),
        "across": size_across(sizes, target),
        "free": shutil.disk_usage(target).free,
    }
