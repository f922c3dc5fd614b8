"""The verb apply: carry out a plan, which the user may have edited."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib

from dupimg.errors import UsageError
from dupimg.files.cache import Cache, cache_path
from dupimg.files.inputs import find_inputs
from dupimg.files.photos import find_files
from dupimg.messages import Message, message
from dupimg.options.run_options import ApplyOptions, searched
from dupimg.options.verbs import verb
from dupimg.plans.merge import Reviewed, merge_edits
from dupimg.plans.plan import Problem, check_plan
from dupimg.plans.plan_file import read_edits
from dupimg.plans.record import Record
from dupimg.plans.rows import Row
from dupimg.progress import MakeBar, numbered, progress_bar
from dupimg.runs import disk_space, preflight
from dupimg.runs.begin import announces, unfinished_journal
from dupimg.runs.ends import told_at_end
from dupimg.runs.execute import carrying_out, finish
from dupimg.runs.journal import Journal, locked, read_plan
from dupimg.runs.result import PLAN, Result, command_line
from dupimg.runs.transfer import COPY


@verb(ApplyOptions)
@told_at_end()
def apply(
    options: ApplyOptions,
    *,
    announce: Callable[[Message], object] | None = None,
    confirm: Callable[[str], bool] | None = None,
    progress: MakeBar = progress_bar,
) -> Result:
    """Carry out a plan, which the user may have edited, or the rest of an interrupted run.

    Returns
    -------
    Result
        The outcome for every file.

    Raises
    ------
    UsageError
        Refused; nothing was touched. Every problem is listed with its row.
    """
    start = time.perf_counter()
    announce = announce or announces(options)
    output_dir = options.plan if options.plan.is_dir() else options.plan.parent
    plan_path = output_dir / PLAN if options.plan.is_dir() else options.plan
    if not (output_dir / ".dupimg").is_dir():
        raise UsageError(message("refused.no_plan_beside", plan=str(options.plan)))
    steps = () if options.dry_run else ("checking", carrying_out(options.mode))
    with locked(output_dir), numbered(*steps):
        if (journal := unfinished_journal(output_dir)) is not None:
            return _resume(journal, output_dir, options, start, progress)
        record = read_plan(output_dir)
        if record is None:
            raise UsageError(message("refused.nothing_left", folder=str(output_dir)))
        reviewed = _reviewed(record, plan_path, output_dir, options, progress)
        rows = reviewed.rows
        notes = [*_what_changed(reviewed), *_what_appeared(record, output_dir)]
        if options.dry_run:
            seconds = time.perf_counter() - start
            return Result(rows, plan_path, seconds, notes=(*notes, message("note.dry_run_apply")))
        for note in notes:
            announce(note)
        sizes = disk_space.sizes_of(rows, record.run.inputs)
        disk_space.check_move(sizes, output_dir, options.mode, announce=announce, confirm=confirm)
        run = replace(record.run, mode=options.mode)
        with Journal.begin(output_dir, Record(run, rows)) as journal:
            return finish(journal, output_dir, options, start, progress=progress)


def _resume(
    journal: Journal, output_dir: Path, options: ApplyOptions, start: float, progress: MakeBar
) -> Result:
    """Carry out the rest of an interrupted run with its original settings."""
    mode, rows = journal.record.run.mode, journal.record.rows
    if options.mode not in (COPY, mode):
        undo = command_line("undo", output_dir)
        raise UsageError(message("refused.other_mode", mode=options.mode, begun=mode, undo=undo))
    if options.dry_run:
        left = len(journal.steps) - len(journal.done)
        note = message("note.dry_run_left", count=left, mode=mode)
        return Result(rows, output_dir / PLAN, time.perf_counter() - start, notes=(note,))
    with journal:
        return finish(journal, output_dir, options, start, progress=progress)


def _reviewed(
    record: Record, plan_path: Path, output_dir: Path, options: ApplyOptions, progress: MakeBar
) -> Reviewed:
    """Return the edited plan; raise UsageError with all of its problems."""
    inputs = record.run.inputs
    for folder in inputs.places:
        preflight.check_input(folder)  # before a long plan is read
    edits = read_edits(plan_path)
    row_of = {edit.path: edit.number for edit in edits}
    portable = record.run.portable or preflight.refuses_names(output_dir)
    run = record.run
    reviewed = merge_edits(record.rows, edits, portable=portable, layout=run.layout, only=run.only)
    found = check_plan(reviewed.rows)
    found += preflight.check_files(
        reviewed.rows,
        inputs,
        output_dir,
        unsafe={problem.path for problem in found},
        jobs=options.jobs or joblib.cpu_count(),
        quiet=options.quiet,
        progress=progress,
    )
    if portable:
        found += preflight.check_names(reviewed.rows)
    _forget_changed(found, reviewed.rows, options.cache)
    found = [*reviewed.problems, *(replace(p, row=row_of.get(p.path)) for p in found)]
    if found:
        raise UsageError(
            message("refused.plan_problems", plan=str(plan_path), count=len(found)),
            *(problem.full_message for problem in found),
        )
    preflight.check_means(reviewed.rows, inputs, output_dir, options.mode)
    return reviewed


def _forget_changed(problems: Sequence[Problem], rows: Sequence[Row], cache: str | None) -> None:
    """Make the cache forget files whose change shows only in their content."""
    changed = {p.path for p in problems if p.message.code == "problem.other_content"}
    if changed:
        with Cache(cache_path(cache)) as memory:
            for row in rows:
                if row.path in changed:
                    memory.forget_file(row.identity)


def _what_changed(reviewed: Reviewed) -> list[Message]:
    """Return messages about the user's changes and their consequences."""
    changes, consequences = reviewed.changes, reviewed.consequences
    if not changes and not consequences:
        return [message("note.as_decided")]
    notes = [message("note.edits", count=len(changes)), *_first_ones(changes)]
    if consequences:
        followed = message("note.consequences", count=len(consequences))
        notes += [followed, *_first_ones(consequences)]
    return notes


def _first_ones(items: Sequence[Message], *, shown: int = 10) -> list[Message]:
    """Return the first of some messages, indented, and the number of further ones."""
    rest = [message("note.more", count=len(items) - shown)] if len(items) > shown else []
    return [*(message("note.item", item=item) for item in items[:shown]), *rest]


def _what_appeared(record: Record, output_dir: Path) -> list[Message]:
    """Return a note about files in the input folders that the plan lacks."""
    known = {row.path for row in record.rows} | set(record.run.passed_over)
    find = partial(find_files, **searched(record.run.settings))
    found = find_inputs(record.run.inputs, output_dir=output_dir, find=find)
    new = [path for path, _ in found.files if path not in known]
    if not new:
        return []
    return [message("note.new_files", count=len(new), path=new[0])]
