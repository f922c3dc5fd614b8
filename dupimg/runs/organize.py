"""The verbs that decide and do: organize, plan, apply."""

from __future__ import annotations

import time
from dataclasses import replace

from dupimg.errors import UsageError
from dupimg.files.photos import find_files
from dupimg.files.previews import PreviewFolder
from dupimg.files.sandbox import warm_up
from dupimg.messages import message
from dupimg.options.run_options import OrganizeOptions
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.plans.record import Record
from dupimg.plans.report import write_report
from dupimg.runs import preflight
from dupimg.runs.begin import describe_run, undisturbed, unfinished_journal
from dupimg.runs.execute import finish
from dupimg.runs.journal import Journal, locked
from dupimg.runs.result import PLAN, REPORT, Result, command_line
from dupimg.runs.transfer import probe


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
    run = describe_run(options, options.mode)
    if not options.dry_run and (journal := unfinished_journal(output_dir)) is not None:
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
    from dupimg.decide.decide import decide

    with undisturbed(output_dir, dry_run=options.dry_run) as checkpoints:
        if not options.dry_run:
            probe(options.mode, options.input_dir / found.files[0][0], output_dir)
        decision = decide(options, found, PreviewFolder(output_dir).write, checkpoints)
        rows = decision.rows
        result = Result(
            rows,
            output_dir / REPORT,
            time.perf_counter() - start,
            system_folders=found.system_folders,
            system_files=found.system_files,
            notes=(
                *decision.notes,
                *((message("note.dry_run"),) if options.dry_run else ()),
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
