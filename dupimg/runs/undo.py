"""What comes after a run: where things stand, and taking it back."""

from __future__ import annotations

import shutil
from pathlib import Path

import joblib

from dupimg.errors import UsageError
from dupimg.files.previews import PreviewFolder
from dupimg.options.run_options import UndoOptions
from dupimg.pages.contact_sheet import PAGE, PageInfo, write_page
from dupimg.plans.report import to_cell, write_report, write_table
from dupimg.progress import progress_bar
from dupimg.runs.execute import UndoOutcome, take_back
from dupimg.runs.journal import UNDONE, Journal, locked, read_plan
from dupimg.runs.result import REPORT, UNDO_REPORT, command_line, explain_resume


def undo(options: UndoOptions) -> tuple[UndoOutcome, ...]:
    """Take a run back, also an unfinished one, file by file, as far as files are unchanged.

    Parameters
    ----------
    options : UndoOptions

    Returns
    -------
    tuple of UndoOutcome
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
    with (
        locked(output_dir),
        Journal(output_dir) as journal,
        explain_resume(command_line("undo", output_dir)),
    ):
        if journal.state == UNDONE:
            raise UsageError(f"Got output_dir={output_dir}, whose run was taken back already.")
        with progress_bar(
            sum(row.has_step for row in journal.record.rows),
            "undoing",
            unit="files",
            quiet=options.quiet,
        ) as bar:
            outcomes = take_back(
                journal, output_dir, jobs=options.jobs or joblib.cpu_count(), advance=bar.update
            )
        names = ("path", "destination", "result", "reason")
        table = {
            name: [
                to_cell(str(getattr(outcome, name) or ""), may_look_like_data=name in names[:2])
                for outcome in outcomes
            ]
            for name in names
        }
        write_table(table, output_dir / UNDO_REPORT)
        if all(outcome.result == "taken back" for outcome in outcomes):
            _withdraw(journal, output_dir)
    return outcomes


def _withdraw(journal: Journal, output_dir: Path) -> None:
    """Remove the page of a run that was undone, or go back to the run that it added to.

    The mark that ends the undo is the last step: whoever is killed before can do it all again.
    """
    if journal.earlier:
        record = Journal(output_dir, journal.earlier).record
        write_report(record.rows, output_dir / REPORT, instead_of=journal.record.rows)
        write_page(record.rows, output_dir, PageInfo.of(record.run, "applied"))
        journal.back_to_earlier()
        return
    if (plan := read_plan(output_dir)) is not None:
        # The plan can be looked over and carried out again.
        write_page(plan.rows, output_dir, PageInfo.of(plan.run, "planned"))
    else:
        (output_dir / PAGE).unlink(missing_ok=True)
        shutil.rmtree(PreviewFolder(output_dir).path, ignore_errors=True)
    journal.mark_state(UNDONE)
