"""The verb plan: decide, and write the plan for review."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from dupimg.errors import UsageError
from dupimg.files.previews import PreviewFolder
from dupimg.files.sandbox import warm_up
from dupimg.messages import Message, message
from dupimg.options.command_text import written_command
from dupimg.options.run_options import PlanOptions
from dupimg.options.verbs import verb
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.pages.large_previews import keep_large_previews
from dupimg.plans.record import Record
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
from dupimg.runs.journal import write_plan
from dupimg.runs.mounts import Folders
from dupimg.runs.result import PLAN, Result, command_line


@verb(PlanOptions)
def plan(options: PlanOptions, *, announce: Callable[[Message], object] | None = None) -> Result:
    """Decide what to do with a folder of photos, and write it to ``plan.csv`` for review.

    Returns
    -------
    Result
        The decision about every file; nothing was copied or moved.

    Raises
    ------
    UsageError
        Refused; nothing was touched.
    """
    start = time.perf_counter()
    output_dir = options.output_dir
    preflight.check_inputs(options.input_dir, options.protect, "input_dir")
    if unfinished_journal(output_dir) is not None:
        told = message(
            "refused.run_unfinished",
            folder=str(output_dir),
            apply=command_line("apply", output_dir),
            undo=command_line("undo", output_dir),
        )
        raise UsageError(told, field="output_dir")
    run = describe_run(options, "")
    folders = Folders(run.inputs, disk_space.existing_parent(output_dir))
    found = preflight.find_input(options, options.input_dir, run.inputs)
    (announce or announces(options))(told_folders(run.inputs, output_dir))

    warm_up()
    from dupimg.decide.decide import decide

    command = written_command("plan", options)
    with (
        undisturbed(output_dir) as checkpoints,
        looking(output_dir, command),
        numbered(*DECIDING),
    ):
        run = replace(run, portable=preflight.refuses_names(output_dir))
        decision = decide(
            options,
            run.inputs,
            found,
            PreviewFolder(output_dir).write,
            checkpoints,
            portable=run.portable,
        )
        folders.check(command)
        rows = decision.rows
        run = replace(run, passed_over=decision.passed_over, notes=decision.notes)
        keep_large_previews(rows, run, output_dir, jobs=options.jobs, quiet=options.quiet)
        write_plan(output_dir, Record(run, rows))
        kept = write_report(rows, output_dir / PLAN)
        seconds = time.perf_counter() - start
        about = PageInfo.of(run, "planned", seconds=seconds)
        page = write_page(rows, output_dir, about)
    return Result(
        rows,
        output_dir / PLAN,
        seconds,
        page,
        system_folders=found.system_folders,
        system_files=found.system_files,
        passed_over=found.passed_over + len(decision.passed_over),
        unread=sum(row.is_unread for row in rows),
        notes=(
            *decision.notes,
            *(() if kept is None else (message("note.plan_kept", plan=PLAN, kept=kept.name),)),
            message(
                "note.planned",
                review=command_line("review", output_dir),
                apply=command_line("apply", output_dir / PLAN),
            ),
        ),
    )
