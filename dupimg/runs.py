"""The verbs that end in files: organize, plan, apply, undo, status."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import joblib

from dupimg import preflight
from dupimg.apply import MOVE, Outcome, carry_out, probe, take_back
from dupimg.journal import (
    APPLIED,
    APPLYING,
    UNDOING,
    UNDONE,
    Journal,
    Record,
    Run,
    locked,
    read_plan,
    write_plan,
)
from dupimg.naming import KEEP, LEAVE, OTHER, REMOVE
from dupimg.options import (
    ApplyOptions,
    OrganizeOptions,
    PlanOptions,
    UndoOptions,
    UsageError,
)
from dupimg.photos import find_files
from dupimg.plan import Row, check_plan
from dupimg.progress import progress_bar
from dupimg.report import to_cell, write_report, write_table
from dupimg.review import merge_edits, read_edits

PLAN, REPORT, UNDO_REPORT = "plan.csv", "report.csv", "undo.csv"


@dataclass(frozen=True)
class Result:
    """What a run did, or would do.

    Attributes
    ----------
    rows : tuple of Row
        One for each file found.
    report : Path
        The report, or the plan where nothing was carried out.
    seconds : float
    failures : int
        Files that could not be brought to their destination; they are where they were.
    system_folders, system_files : int
        Passed over: thumbnails, bins, indexes.
    notes : tuple of str
        What else a person should know.
    """

    rows: tuple[Row, ...]
    report: Path
    seconds: float
    failures: int = 0
    system_folders: int = 0
    system_files: int = 0
    notes: tuple[str, ...] = ()

    def count(self, action: str) -> int:
        """Return how many files have an action."""
        return sum(row.action == action for row in self.rows)

    def summary(self) -> str:
        """Return the lines that a person reads at the end."""
        output = self.report.parent
        scenes = len({row.scene for row in self.rows if row.action == KEEP})
        freed = sum(row.bytes for row in self.rows if row.action == REMOVE)
        left = self.count(LEAVE)
        lines = [
            f"found    {len(self.rows):>8,} files = kept + removed + other"
            + " + left" * bool(left),
            f"kept     {self.count(KEEP):>8,} in {scenes:,} scenes      {output / 'processed'}",
            f"removed  {self.count(REMOVE):>8,} duplicates, {freed / 1e6:,.1f} MB freed"
            f"      {output / 'remove'}",
            f"other    {self.count(OTHER):>8,} no readable photo      {output / 'other'}",
        ]
        if left:
            lines.append(f"left     {left:>8,} where they are")
        if companions := sum(bool(row.companion_of) for row in self.rows):
            lines.append(f"         {companions:>8,} of these files are companions of photos")
        if self.system_folders:
            lines.append(
                f"skipped  {self.system_files:>8,} files in {self.system_folders:,} system folders"
            )
        if self.failures:
            lines.append(
                f"FAILED   {self.failures:>8,} files, left where they were: see the report"
            )
        photos = sum(row.width is not None for row in self.rows)
        rate = photos / max(self.seconds, 1e-9)
        lines.append(f"took     {self.seconds:>8,.1f} s, {rate:,.1f} photos per second")
        return "\n".join([*lines, *self.notes, f"report   {self.report}"])


def organize(options: OrganizeOptions) -> Result:
    """Decide what to do with a folder of photos, and do it.

    Parameters
    ----------
    options : OrganizeOptions

    Returns
    -------
    Result

    Raises
    ------
    UsageError
        Refused; nothing was touched.
    """
    start = time.perf_counter()
    output_dir = options.output_dir
    preflight.check_input(options.input_dir)
    run = _run(options, options.mode)
    if not options.dry_run and (journal := _unfinished(output_dir)) is not None:
        if journal.record.run != run:
            raise UsageError(
                f"Got output_dir={output_dir}, where a run with other options is unfinished. Finish "
                f"it with `dupimg apply {output_dir}`, or take it back with `dupimg undo`."
            )
        with locked(output_dir):
            return _finish(Journal(output_dir), output_dir, options, start)
    preflight.check_output(options.input_dir, output_dir)
    found = find_files(options.input_dir)
    preflight.check_found(found, options.input_dir, output_dir, options.mode)

    from dupimg.pipeline import decide

    with contextlib.nullcontext() if options.dry_run else locked(output_dir):
        if not options.dry_run:
            probe(options.mode, options.input_dir / found.files[0][0], output_dir)
        rows = decide(options, found)
        result = Result(
            rows,
            output_dir / REPORT,
            time.perf_counter() - start,
            system_folders=found.system_folders,
            system_files=found.system_files,
            notes=("dry run: no file was copied or moved",) if options.dry_run else (),
        )
        if options.dry_run:
            output_dir.mkdir(parents=True, exist_ok=True)
            write_report(rows, result.report)
            return result
        with Journal.begin(output_dir, Record(run, rows)) as journal:
            finished = _finish(journal, output_dir, options, start)
    return replace(finished, system_folders=found.system_folders, system_files=found.system_files)


def plan(options: PlanOptions) -> Result:
    """Decide what to do with a folder of photos, and write it to ``plan.csv`` for review.

    Parameters
    ----------
    options : PlanOptions

    Returns
    -------
    Result

    Raises
    ------
    UsageError
        Refused; nothing was touched.
    """
    start = time.perf_counter()
    output_dir = options.output_dir
    preflight.check_input(options.input_dir)
    preflight.check_output(options.input_dir, output_dir)
    found = find_files(options.input_dir)
    preflight.check_found(found, options.input_dir, output_dir, "")

    from dupimg.pipeline import decide

    with locked(output_dir):
        rows = decide(options, found)
        write_plan(output_dir, Record(_run(options, ""), rows))
        write_report(rows, output_dir / PLAN)
    return Result(
        rows,
        output_dir / PLAN,
        time.perf_counter() - start,
        system_folders=found.system_folders,
        system_files=found.system_files,
        notes=(
            "No file was copied or moved. Look the plan over, change actions and scenes as you",
            f"like, then run: dupimg apply {output_dir / PLAN}",
        ),
    )


def apply(options: ApplyOptions, *, announce: Callable[[str], object] = print) -> Result:
    """Carry out a plan that a person may have edited, or the rest of an interrupted run.

    Parameters
    ----------
    options : ApplyOptions
    announce : callable
        Is given the lines that say what the edits change, before anything is touched.

    Returns
    -------
    Result

    Raises
    ------
    UsageError
        Refused; nothing was touched. Every problem is listed with its row.
    """
    start = time.perf_counter()
    output_dir = options.plan if options.plan.is_dir() else options.plan.parent
    plan_path = output_dir / PLAN if options.plan.is_dir() else options.plan
    if not (output_dir / ".dupimg").is_dir():
        raise UsageError(
            f"Got {options.plan}, beside which no run was planned, expected the plan.csv that "
            "`dupimg plan` wrote, in its folder, or that folder."
        )
    with locked(output_dir):
        if (journal := _unfinished(output_dir)) is not None:
            return _finish(journal, output_dir, options, start)
        record = read_plan(output_dir)
        if record is None:
            raise UsageError(f"Got {output_dir}, in which nothing is left to carry out.")
        rows, changes = _reviewed(record, plan_path, output_dir, options)
        notes = _what_changed(changes)
        if options.dry_run:
            seconds = time.perf_counter() - start
            return Result(rows, plan_path, seconds, notes=(*notes, "dry run: nothing was done"))
        for note in notes:
            announce(note)
        run = replace(record.run, mode=options.mode)
        with Journal.begin(output_dir, Record(run, rows)) as journal:
            return _finish(journal, output_dir, options, start)


def undo(options: UndoOptions) -> tuple[Outcome, ...]:
    """Take a run back, also an unfinished one, file by file, as far as files are unchanged.

    Parameters
    ----------
    options : UndoOptions

    Returns
    -------
    tuple of Outcome
        What became of each file; also written to ``undo.csv``.

    Raises
    ------
    UsageError
        There is nothing to take back.
    """
    output_dir = options.output_dir
    if not Journal.exists(output_dir):
        raise UsageError(
            f"Got output_dir={output_dir}, in which no run was carried out, expected the "
            "output_dir of a run."
        )
    with locked(output_dir), Journal(output_dir) as journal:
        if journal.state == UNDONE:
            raise UsageError(f"Got output_dir={output_dir}, whose run was taken back already.")
        with progress_bar(
            sum(bool(row.destination) for row in journal.record.rows),
            "undoing",
            unit="files",
            quiet=options.quiet,
        ) as bar:
            outcomes = take_back(
                journal, output_dir, jobs=options.jobs or joblib.cpu_count(), advance=bar.update
            )
        names = ("path", "destination", "result", "reason")
        table = {name: [to_cell(getattr(outcome, name)) for outcome in outcomes] for name in names}
        write_table(table, output_dir / UNDO_REPORT)
    return outcomes


def status(output_dir: Path) -> str:
    """Say where things stand in an output folder.

    Parameters
    ----------
    output_dir : Path

    Returns
    -------
    str
        What was done there last, and what can be done next.
    """
    if not Journal.exists(output_dir):
        if read_plan(output_dir) is None:
            return f"{output_dir}: no run was planned or carried out here."
        return (
            f"{output_dir}: planned, not carried out. Look {PLAN} over, then: "
            f"dupimg apply {output_dir / PLAN}"
        )
    with Journal(output_dir) as journal:
        steps = sum(bool(row.destination) for row in journal.record.rows)
        done, failed, mode = len(journal.done), len(journal.failed), journal.record.run.mode
        return {
            APPLYING: f"{output_dir}: unfinished, {done:,} of {steps:,} files are in place "
            f"(mode {mode}). `dupimg apply {output_dir}` finishes the run, "
            f"`dupimg undo {output_dir}` takes it back.",
            APPLIED: f"{output_dir}: finished, {done:,} of {steps:,} files are in place (mode "
            f"{mode}), {failed:,} failed. `dupimg undo {output_dir}` takes the run back.",
            UNDOING: f"{output_dir}: partly taken back, {done:,} of {steps:,} files are still in "
            f"place; {UNDO_REPORT} says why. `dupimg undo {output_dir}` tries again.",
            UNDONE: f"{output_dir}: taken back, every file is where it was.",
        }[journal.state]


def _run(options: PlanOptions, mode: str) -> Run:
    """Describe a run by all options on which its outcome depends."""
    ignored = {"input_dir", "output_dir", "jobs", "batch_size", "quiet", "debug", "dry_run"}
    settings = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(PlanOptions)
        if field.name not in ignored
    }
    return Run(str(options.input_dir.resolve()), mode, json.dumps(settings, sort_keys=True))


def _unfinished(output_dir: Path) -> Journal | None:
    """Return the journal of a run that can go on."""
    if not Journal.exists(output_dir):
        return None
    journal = Journal(output_dir)
    if journal.state == UNDOING:
        raise UsageError(
            f"Got {output_dir}, whose run is partly taken back. `dupimg undo {output_dir}` goes on "
            "with that."
        )
    if journal.state == APPLYING or (journal.state == APPLIED and journal.failed):
        return journal
    if journal.state == APPLIED:
        raise UsageError(
            f"Got {output_dir}, which already holds results. Choose another output_dir, or take "
            f"the run back with `dupimg undo {output_dir}`."
        )
    return None


def _finish(
    journal: Journal, output_dir: Path, options: OrganizeOptions | ApplyOptions, start: float
) -> Result:
    """Carry out what is left of a journal, and write the report."""
    left = sum(bool(row.destination) for row in journal.record.rows) - len(journal.done)
    verb = "moving" if journal.record.run.mode == MOVE else "copying"
    with progress_bar(left, verb, unit="files", quiet=options.quiet) as bar:
        rows = carry_out(
            journal, output_dir, jobs=options.jobs or joblib.cpu_count(), advance=bar.update
        )
    write_report(rows, output_dir / REPORT)
    journal.mark_state(APPLIED)
    return Result(rows, output_dir / REPORT, time.perf_counter() - start, len(journal.failed))


def _reviewed(
    record: Record, plan_path: Path, output_dir: Path, options: ApplyOptions
) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    """Return the rows of an edited plan and its changes, or refuse it with all its problems."""
    input_dir = Path(record.run.input_dir)
    preflight.check_input(input_dir)
    edits = read_edits(plan_path)
    numbers = {edit.path: f"row {edit.number}: " for edit in edits}
    reviewed = merge_edits(record.rows, edits)
    found = list(check_plan(reviewed.rows))
    found += preflight.check_places(reviewed.rows, output_dir)
    found += preflight.check_unchanged(
        reviewed.rows, input_dir, jobs=options.jobs or joblib.cpu_count(), quiet=options.quiet
    )
    problems = [
        *reviewed.problems,
        *(f"{numbers.get(p.path, '')}{p.path}: {p.sentence}" for p in found),
    ]
    if problems:
        raise UsageError(
            f"Got {plan_path} with {len(problems):,} problems, nothing was touched:\n  "
            + "\n  ".join(problems)
        )
    preflight.check_space(
        sum(r.bytes for r in reviewed.rows if r.destination), input_dir, output_dir, options.mode
    )
    first = next((row for row in reviewed.rows if row.destination), None)
    if first is not None:
        probe(options.mode, input_dir / first.path, output_dir)
    return reviewed.rows, reviewed.changes


def _what_changed(changes: Sequence[str], *, shown: int = 10) -> list[str]:
    """Return the lines that tell a person what the edits change: how many, and the first ones."""
    if not changes:
        return ["the plan is carried out as it was decided"]
    rest = [f"  … and {len(changes) - shown:,} more"] if len(changes) > shown else []
    return [
        f"{len(changes):,} files change by your edits:",
        *(f"  {c}" for c in changes[:shown]),
        *rest,
    ]
