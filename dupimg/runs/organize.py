"""The verb organize: plan and apply in one run."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from dupimg.errors import UsageError
from dupimg.files.previews import PreviewFolder
from dupimg.files.sandbox import warm_up
from dupimg.messages import Message, message
from dupimg.options.command_text import written_command
from dupimg.options.run_options import OrganizeOptions
from dupimg.options.verbs import verb
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.pages.large_previews import keep_large_previews
from dupimg.plans.record import Record, Run
from dupimg.plans.report import write_report
from dupimg.progress import numbered
from dupimg.runs import disk_space, preflight
from dupimg.runs.begin import (
    DECIDING,
    announces,
    describe_run,
    looking,
    told_folders,
    undisturbed,
    unfinished_journal,
)
from dupimg.runs.ends import told_at_end
from dupimg.runs.execute import carrying_out, finish
from dupimg.runs.journal import Journal, locked
from dupimg.runs.mounts import Folders
from dupimg.runs.result import PLAN, REPORT, Result, command_line


@verb(OrganizeOptions)
@told_at_end()
def organize(
    options: OrganizeOptions,
    *,
    announce: Callable[[Message], object] | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> Result:
    """Decide what to do with a folder of photos, and do it.

    Writes ``processed/``, ``remove/``, ``other/``, ``report.csv`` and ``report.html`` in the output
    folder. After an interruption the same call goes on where it stopped.

    Returns
    -------
    Result
        The outcome for every file.

    Raises
    ------
    UsageError
        Refused; nothing was touched.

    Examples
    --------
    >>> from dupimg import organize
    >>> result = organize("photos", "sorted", duplicate_threshold=0.9)  # doctest: +SKIP
    >>> result.table.groupby("scene").size()  # doctest: +SKIP
    """
    start = time.perf_counter()
    output_dir = options.output_dir
    preflight.check_inputs(options.input_dir, options.protect, "input_dir")
    announce = announce or announces(options)
    run = describe_run(options, options.mode)
    if not options.dry_run and (unfinished := unfinished_journal(output_dir)) is not None:
        return _resume(unfinished, run, options, start)
    if (output_dir / PLAN).exists():
        apply = command_line("apply", output_dir / PLAN)
        told = message("refused.plan_waits", folder=str(output_dir), plan=PLAN, apply=apply)
        raise UsageError(told, field="output_dir")
    folders = Folders(run.inputs, disk_space.existing_parent(output_dir))
    found = preflight.find_input(options, options.input_dir, run.inputs)
    announce(told_folders(run.inputs, output_dir))
    check = partial(_check_space, options, announce, confirm)
    if options.only != "duplicates":  # otherwise the size is still unknown
        check(disk_space.sizes_found(found, run.inputs))

    warm_up()
    from dupimg.decide.decide import decide

    command = written_command("organize", options)
    steps = DECIDING if options.dry_run else (*DECIDING, carrying_out(options.mode))
    with undisturbed(output_dir, dry_run=options.dry_run) as checkpoints, numbered(*steps):
        if not options.dry_run:
            movable = (
                path
                for path, _ in found.files
                if path not in found.excluded and not run.inputs.is_protected(path)
            )
            preflight.probe_each(movable, run.inputs, output_dir, options.mode)
        run = replace(run, portable=preflight.refuses_names(output_dir))
        with looking(output_dir, command, dry_run=options.dry_run):
            decision = decide(
                options,
                run.inputs,
                found,
                PreviewFolder(output_dir).write,
                checkpoints,
                portable=run.portable,
            )
            folders.check(command)
        rows, notes = decision.rows, decision.notes
        run = replace(run, passed_over=decision.passed_over, notes=notes)
        if not options.dry_run:
            keep_large_previews(rows, run, output_dir, jobs=options.jobs, quiet=options.quiet)
        if options.dry_run:
            output_dir.mkdir(parents=True, exist_ok=True)
            write_report(rows, output_dir / REPORT)
            seconds = time.perf_counter() - start
            about = PageInfo.of(run, "dry run", seconds=seconds)
            page = write_page(rows, output_dir, about)
            notes = (*notes, message("note.dry_run"))
            result = Result(rows, output_dir / REPORT, seconds, page, notes=notes)
        else:
            if options.only == "duplicates":
                check(disk_space.sizes_of(rows, run.inputs))
            with Journal.begin(output_dir, Record(run, rows)) as journal:
                result = finish(journal, output_dir, options, start, notes)
    return replace(
        result,
        system_folders=found.system_folders,
        system_files=found.system_files,
        passed_over=found.passed_over + len(decision.passed_over),
        unread=sum(row.is_unread for row in rows),
    )


def _check_space(
    options: OrganizeOptions,
    announce: Callable[[Message], object],
    confirm: Callable[[str], bool] | None,
    sizes: disk_space.Sizes,
) -> None:
    """Raise UsageError if the files do not fit; announce a move that copies."""
    disk_space.check_space(sizes, options.output_dir, options.mode)
    if not options.dry_run:
        disk_space.check_move(
            sizes, options.output_dir, options.mode, announce=announce, confirm=confirm
        )


def _resume(unfinished: Journal, run: Run, options: OrganizeOptions, start: float) -> Result:
    """Carry out the rest of an interrupted run, if it had the same options."""
    output_dir, begun = options.output_dir, unfinished.record.run
    if options.time_zone is None:  # photos are dated already
        zone = begun.settings["time_zone"]
        run = replace(run, settings={**run.settings, "time_zone": zone})
    if begun != replace(run, portable=begun.portable):
        apply, undo = (command_line(verb, output_dir) for verb in ("apply", "undo"))
        told = message("refused.other_options", folder=str(output_dir), apply=apply, undo=undo)
        raise UsageError(told, field="output_dir")
    with locked(output_dir), Journal(output_dir) as journal:
        result = finish(journal, output_dir, options, start)
    return replace(result, unread=sum(row.is_unread for row in result.rows))
