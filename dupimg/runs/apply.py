"""The verb that carries out a plan that a person may have edited: apply."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import joblib

from dupimg.errors import UsageError
from dupimg.files.photos import find_files
from dupimg.options.run_options import ApplyOptions
from dupimg.options.verbs import verb
from dupimg.plans.merge import Reviewed, merge_edits
from dupimg.plans.plan import check_plan
from dupimg.plans.plan_file import read_edits
from dupimg.plans.record import Record
from dupimg.progress import Progress, progress_bar
from dupimg.runs import preflight
from dupimg.runs.begin import unfinished_journal
from dupimg.runs.execute import finish
from dupimg.runs.journal import Journal, locked, read_plan
from dupimg.runs.result import PLAN, REPORT, Result, command_line
from dupimg.runs.transfer import COPY
from dupimg.wording import counted


@verb(ApplyOptions)
def apply(
    options: ApplyOptions,
    *,
    announce: Callable[[str], object] | None = None,
    progress: Progress = progress_bar,
) -> Result:
    """Carry out a plan that a person may have edited, or the rest of an interrupted run.

    Other Parameters
    ----------------
    announce : callable
        Is given the lines that say what the edits change, before anything is touched. By default
        they are printed, unless `quiet`.
    progress : callable
        Makes the bars that show how far it is, see `dupimg.progress`.

    Returns
    -------
    Result
        What happened to every file.

    Raises
    ------
    UsageError
        Refused; nothing was touched. Every problem is listed with its row.
    """
    start = time.perf_counter()
    announce = announce or (_say_nothing if options.quiet else print)
    output_dir = options.plan if options.plan.is_dir() else options.plan.parent
    plan_path = output_dir / PLAN if options.plan.is_dir() else options.plan
    if not (output_dir / ".dupimg").is_dir():
        raise UsageError(
            f"Got {options.plan}, beside which no run was planned, expected the plan.csv that "
            "`dupimg plan` wrote, in its folder, or that folder."
        )
    with locked(output_dir):
        if (journal := unfinished_journal(output_dir)) is not None:
            return _resume(journal, output_dir, options, start, progress)
        record = read_plan(output_dir)
        if record is None:
            raise UsageError(f"Got {output_dir}, in which nothing is left to carry out.")
        reviewed = _reviewed(record, plan_path, output_dir, options, progress)
        rows = reviewed.rows
        notes = [*_what_changed(reviewed), *_what_appeared(record)]
        if options.dry_run:
            seconds = time.perf_counter() - start
            return Result(rows, plan_path, seconds, notes=(*notes, "dry run: nothing was done"))
        for note in notes:
            announce(note)
        run = replace(record.run, mode=options.mode)
        with Journal.begin(output_dir, Record(run, rows)) as journal:
            rows, page = finish(journal, output_dir, options, start, progress=progress)
    return Result(rows, output_dir / REPORT, time.perf_counter() - start, page)


def _say_nothing(text: str) -> None:
    """Take a line and drop it."""


def _resume(
    journal: Journal, output_dir: Path, options: ApplyOptions, start: float, progress: Progress
) -> Result:
    """Carry out the rest of an interrupted run, in the way in which it was begun."""
    mode, rows = journal.record.run.mode, journal.record.rows
    if options.mode not in (COPY, mode):
        raise UsageError(
            f"Got {options.mode} for a run that was begun as {mode} and is unfinished. Leave that "
            f"out to finish it, or take it back with {command_line('undo', output_dir)}."
        )
    if options.dry_run:
        left = sum(row.has_step for row in rows) - len(journal.done)
        are = "is" if left == 1 else "are"
        note = f"dry run: nothing was done, {counted(left, 'file')} {are} left to {mode}"
        return Result(rows, output_dir / PLAN, time.perf_counter() - start, notes=(note,))
    with journal:
        rows, page = finish(journal, output_dir, options, start, progress=progress)
    return Result(rows, output_dir / REPORT, time.perf_counter() - start, page)


def _reviewed(
    record: Record, plan_path: Path, output_dir: Path, options: ApplyOptions, progress: Progress
) -> Reviewed:
    """Return an edited plan, or refuse it with all its problems."""
    input_dir = Path(record.run.input_dir)
    preflight.check_input(input_dir)  # before a long plan is read
    edits = read_edits(plan_path)
    numbers = {edit.path: f"row {edit.number}: " for edit in edits}
    reviewed = merge_edits(record.rows, edits)
    found = check_plan(reviewed.rows)
    found += preflight.check_files(
        reviewed.rows,
        input_dir,
        output_dir,
        unsafe={problem.path for problem in found},
        jobs=options.jobs or joblib.cpu_count(),
        quiet=options.quiet,
        progress=progress,
    )
    problems = [
        *reviewed.problems,
        *(f"{numbers.get(p.path, '')}{p.path}: {p.sentence}" for p in found),
    ]
    if problems:
        raise UsageError(
            f"Got {plan_path} with {counted(len(problems), 'problem')}, nothing was touched:\n  "
            + "\n  ".join(problems)
        )
    preflight.check_means(reviewed.rows, input_dir, output_dir, options.mode)
    return reviewed


def _what_changed(reviewed: Reviewed) -> list[str]:
    """Return the lines that tell a person what the edits change, and what follows from that."""
    changes, consequences = reviewed.changes, reviewed.consequences
    if not changes and not consequences:
        return ["the plan is carried out as it was decided"]
    lines = [f"{counted(len(changes), 'file')} changed by your edits:", *_first_ones(changes)]
    if consequences:
        files = counted(len(consequences), "other file")
        lines += [f"{files} changed as a consequence:", *_first_ones(consequences)]
    return lines


def _first_ones(lines: Sequence[str], *, shown: int = 10) -> list[str]:
    """Return the first of some lines, indented, and how many more there are."""
    rest = [f"  … and {len(lines) - shown:,} more"] if len(lines) > shown else []
    return [*(f"  {line}" for line in lines[:shown]), *rest]


def _what_appeared(record: Record) -> list[str]:
    """Return a line about files that the input holds and the plan does not know."""
    known = {row.path for row in record.rows}
    found = find_files(Path(record.run.input_dir))
    new = [path for path, _ in found.files if path not in known]
    if not new:
        return []
    return [f"{counted(len(new), 'new file')} since the plan, left where they are, first {new[0]}"]
