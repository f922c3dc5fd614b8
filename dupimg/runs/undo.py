"""What comes after a run: where things stand, and taking it back."""

from __future__ import annotations

import shutil
from pathlib import Path

import joblib

from dupimg.converters import counted
from dupimg.options import UndoOptions, UsageError
from dupimg.pages.contact_sheet import PAGE, PageInfo, write_page
from dupimg.pages.previews import PreviewFolder
from dupimg.plans.report import to_cell, write_report, write_table
from dupimg.progress import progress_bar
from dupimg.runs.journal import APPLIED, APPLYING, UNDOING, UNDONE, Journal, locked, read_plan
from dupimg.runs.result import PLAN, REPORT, UNDO_REPORT, command_line, told_how_to_go_on
from dupimg.runs.steps import Outcome, take_back


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
    with (
        locked(output_dir),
        Journal(output_dir) as journal,
        told_how_to_go_on(command_line("undo", output_dir)),
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
                to_cell(getattr(outcome, name), may_look_like_data=name in names[:2])
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
    if not output_dir.is_dir():
        raise UsageError(f"Got output_dir={output_dir}, which does not exist, expected a folder.")
    if not Journal.exists(output_dir):
        if read_plan(output_dir) is None:
            return f"{output_dir}: no run was planned or carried out here."
        return (
            f"{output_dir}: planned, not carried out. Look {PLAN} over, in a spreadsheet or with "
            f"{command_line('review', output_dir)}, then run "
            f"{command_line('apply', output_dir / PLAN)}."
        )
    with Journal(output_dir) as journal:
        return f"{output_dir}: {_standing(journal, output_dir)}"


def _standing(journal: Journal, output_dir: Path) -> str:
    """Say how far a run has come, and what can be done next."""
    apply, undo = command_line("apply", output_dir), command_line("undo", output_dir)
    done, failed = len(journal.done), len(journal.failed)
    of_all = f"{done:,} of {counted(sum(row.has_step for row in journal.record.rows), 'file')}"
    are, were = ("is", "was") if done == 1 else ("are", "were")
    placed = f"{of_all} {were} put in place"
    mode = f"mode {journal.record.run.mode}"
    back = f"{undo} takes the whole run back."
    if journal.earlier:
        back = f"{undo} takes the addition back; what was there before it stays."
    again = f"; {apply} tries them again" if failed else ""
    return {
        APPLYING: f"unfinished, {placed} ({mode}). {apply} finishes it, {back}",
        APPLIED: f"finished, {placed} ({mode}), {failed:,} failed{again}. {back}",
        UNDOING: f"partly taken back, {of_all} {are} still in place"
        f"{_why_left(journal, output_dir)}.",
        UNDONE: "taken back, every file is where it was.",
    }[journal.state]


def _why_left(journal: Journal, output_dir: Path) -> str:
    """Say where an undo told of files that it left, or that it was cut short."""
    report, command = output_dir / UNDO_REPORT, command_line("undo", output_dir)
    if not journal.done:
        return f": only the report is not as it was. {command} goes on"
    # An undo writes its report when it has set its last mark.
    if report.exists() and report.stat().st_mtime_ns >= journal.changed_ns:
        return f"; {UNDO_REPORT} says why. {command} tries again"
    return f": that was interrupted. {command} goes on"
