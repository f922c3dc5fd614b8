"""The verbs that decide and do: organize, plan, apply."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import joblib

from dupimg.commands import written_command
from dupimg.converters import counted
from dupimg.files.photos import find_files
from dupimg.files.sandbox import warm_up
from dupimg.options import (
    AddOptions,
    ApplyOptions,
    OrganizeOptions,
    PlanOptions,
    UsageError,
)
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.pages.previews import PreviewFolder
from dupimg.plans.merge import Reviewed, merge_edits
from dupimg.plans.plan import check_plan
from dupimg.plans.plan_file import read_edits
from dupimg.plans.report import write_report
from dupimg.progress import Progress, progress_bar
from dupimg.runs import preflight
from dupimg.runs.apply import COPY, MOVE, probe
from dupimg.runs.journal import (
    APPLIED,
    APPLYING,
    FOLDER,
    UNDOING,
    Journal,
    Record,
    Run,
    locked,
    read_plan,
    write_plan,
)
from dupimg.runs.result import PLAN, REPORT, Result, command_line, told_how_to_go_on
from dupimg.runs.steps import carry_out
from dupimg.search.checkpoints import Checkpoints

_VERBS = {OrganizeOptions: "organize", ApplyOptions: "apply", AddOptions: "add"}


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
                f"Got output_dir={output_dir}, where a run with other options is unfinished. "
                f"Finish it with {command_line('apply', output_dir)}, or take it back with "
                f"{command_line('undo', output_dir)}."
            )
        with locked(output_dir), Journal(output_dir) as journal:
            return finish(journal, output_dir, options, start)
    if (output_dir / PLAN).exists():
        raise UsageError(
            f"Got output_dir={output_dir}, which holds a {PLAN} that may have been edited. Carry "
            f"it out with {command_line('apply', output_dir / PLAN)}, or choose another folder."
        )
    preflight.check_output(options.input_dir, output_dir)
    found = find_files(options.input_dir)
    preflight.check_found(found, options.input_dir, output_dir, options.mode)

    warm_up()
    from dupimg.pipeline.decide import decide

    with _undisturbed(output_dir, dry_run=options.dry_run) as checkpoints:
        if not options.dry_run:
            probe(options.mode, options.input_dir / found.files[0][0], output_dir)
        decision = decide(options, found, PreviewFolder(output_dir), checkpoints)
        rows = decision.rows
        result = Result(
            rows,
            output_dir / REPORT,
            time.perf_counter() - start,
            system_folders=found.system_folders,
            system_files=found.system_files,
            notes=(
                *decision.notes,
                *(("dry run: no file was copied or moved",) if options.dry_run else ()),
            ),
        )
        if options.dry_run:
            output_dir.mkdir(parents=True, exist_ok=True)
            write_report(rows, result.report)
            about = PageInfo.of(run, "dry run", seconds=result.seconds, notes=decision.notes)
            return replace(result, page=write_page(rows, output_dir, about))
        with Journal.begin(output_dir, Record(run, rows)) as journal:
            finished = finish(journal, output_dir, options, start, notes=decision.notes)
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
    if _unfinished(output_dir) is not None:
        raise UsageError(
            f"Got output_dir={output_dir}, where a run is unfinished. Finish it with "
            f"{command_line('apply', output_dir)}, or take it back with "
            f"{command_line('undo', output_dir)}."
        )
    preflight.check_output(options.input_dir, output_dir)
    found = find_files(options.input_dir)
    preflight.check_found(found, options.input_dir, output_dir, "")

    warm_up()
    from dupimg.pipeline.decide import decide

    with _undisturbed(output_dir) as checkpoints:
        decision = decide(options, found, PreviewFolder(output_dir), checkpoints)
        rows = decision.rows
        run = _run(options, "")
        write_plan(output_dir, Record(run, rows))
        kept = write_report(rows, output_dir / PLAN)
        seconds = time.perf_counter() - start
        about = PageInfo.of(run, "planned", seconds=seconds, notes=decision.notes)
        page = write_page(rows, output_dir, about)
    return Result(
        rows,
        output_dir / PLAN,
        seconds,
        page,
        system_folders=found.system_folders,
        system_files=found.system_files,
        notes=(
            *decision.notes,
            *(() if kept is None else (f"The {PLAN} that was there is {kept.name} now.",)),
            "No file was copied or moved. Look the plan over and change it as you like, in the",
            f"browser with {command_line('review', output_dir)} or in a spreadsheet. Then run",
            f"{command_line('apply', output_dir / PLAN)}.",
        ),
    )


def apply(
    options: ApplyOptions,
    *,
    announce: Callable[[str], object] = print,
    progress: Progress = progress_bar,
) -> Result:
    """Carry out a plan that a person may have edited, or the rest of an interrupted run.

    Parameters
    ----------
    options : ApplyOptions
    announce : callable
        Is given the lines that say what the edits change, before anything is touched.
    progress : callable
        Makes the bars that show how far it is, see `dupimg.progress`.

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
            return finish(journal, output_dir, options, start, progress=progress)


@contextlib.contextmanager
def _undisturbed(output_dir: Path, *, dry_run: bool = False) -> Iterator[Checkpoints | None]:
    """Keep other runs out of the folder, and there what long searches have found so far."""
    if dry_run:
        yield None
        return
    with locked(output_dir), Checkpoints(output_dir / FOLDER / "search") as checkpoints:
        yield checkpoints


def _run(options: PlanOptions, mode: str) -> Run:
    """Describe a run by all options on which its outcome depends."""
    ignored = {"input_dir", "output_dir", "cache", "quiet", "debug"}
    ignored |= {
        "jobs",
        "batch_size",
        "memory",
        "scheduler",
    }  # these change how fast it is, and nothing else
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
            f"Got {output_dir}, whose run is partly taken back. "
            f"{command_line('undo', output_dir)} goes on with that."
        )
    if journal.state == APPLYING or (journal.state == APPLIED and journal.failed):
        return journal
    if journal.state == APPLIED:
        raise UsageError(
            f"Got {output_dir}, which already holds results. Choose another output_dir, or take "
            f"the run back with {command_line('undo', output_dir)}."
        )
    return None


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
        return finish(journal, output_dir, options, start, progress=progress)


def finish(
    journal: Journal,
    output_dir: Path,
    options: OrganizeOptions | ApplyOptions | AddOptions,
    start: float,
    notes: Sequence[str] = (),
    *,
    progress: Progress = progress_bar,
) -> Result:
    """Carry out what is left of a journal, and write the report and the page.

    Parameters
    ----------
    journal : Journal
    output_dir : Path
    options : OrganizeOptions, ApplyOptions or AddOptions
    start : float
        When the run began, by `time.perf_counter`.
    notes : sequence of str
        What else a person should know.
    progress : callable
        Makes the bar.

    Returns
    -------
    Result
    """
    left = sum(row.has_step for row in journal.record.rows) - len(journal.done)
    verb = "moving" if journal.record.run.mode == MOVE else "copying"
    with (
        told_how_to_go_on(f"`{written_command(_VERBS[type(options)], options)}`"),
        progress(left, verb, unit="files", quiet=options.quiet) as bar,
    ):
        rows = carry_out(
            journal, output_dir, jobs=options.jobs or joblib.cpu_count(), advance=bar.update
        )
        told = Journal(output_dir, journal.earlier).record.rows if journal.earlier else ()
        write_report(rows, output_dir / REPORT, instead_of=told)
        seconds = time.perf_counter() - start
        about = PageInfo.of(journal.record.run, "applied", seconds=seconds, notes=notes)
        page = write_page(rows, output_dir, about)
        journal.mark_state(APPLIED)
    return Result(
        rows, output_dir / REPORT, seconds, page, failures=len(journal.failed), notes=tuple(notes)
    )


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
