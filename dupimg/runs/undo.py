"""The verb that takes a run back: undo."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

import joblib

from dupimg.errors import UsageError
from dupimg.files.cache import Cache, cache_path
from dupimg.files.previews import PreviewFolder
from dupimg.options.run_options import UndoOptions
from dupimg.options.verbs import verb
from dupimg.pages.contact_sheet import PAGE, PageInfo, write_page
from dupimg.plans.report import to_cell, write_report, write_table
from dupimg.progress import progress_bar
from dupimg.runs.execute import UndoOutcome, take_back
from dupimg.runs.journal import UNDONE, Journal, locked, read_plan
from dupimg.runs.result import REPORT, UNDO_REPORT, command_line, explain_resume
from dupimg.runs.status import Status, status
from dupimg.wording import plural


@dataclass(frozen=True)
class UndoResult:
    """What became of the files of a run that was taken back.

    Attributes
    ----------
    outcomes : tuple of UndoOutcome
        One for each file that the run had put in place.
    report : Path
        ``undo.csv``, which says the same.
    status : Status
        Where things stand now.
    """

    outcomes: tuple[UndoOutcome, ...] = field(repr=False)
    report: Path
    status: Status

    @property
    def left(self) -> int:
        """Number of files that are still in place."""
        return sum(outcome.result == "left" for outcome in self.outcomes)

    @property
    def failed(self) -> bool:
        """Whether a file is still in place."""
        return self.left > 0

    def summary(self) -> str:
        """Return the lines that a person reads at the end."""
        back = len(self.outcomes) - self.left
        without = "its" if self.left == 1 else "their"
        return (
            f"taken back {back:>8,} {plural(back, 'file')}\n"
            f"left       {self.left:>8,} {plural(self.left, 'file')}, changed since or without "
            f"{without} original\n"
            f"report     {self.report}\n"
            f"{self.status}"
        )


@verb(UndoOptions)
def undo(options: UndoOptions) -> UndoResult:
    """Take a run back, also an unfinished one, file by file, as far as files are unchanged.

    Returns
    -------
    UndoResult
        What became of each file.

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
        n_steps = sum(row.has_step for row in journal.record.rows)
        with (
            progress_bar(n_steps, "undoing", unit="files", quiet=options.quiet) as bar,
            Cache(cache_path(options.cache)) as cache,
        ):
            outcomes = take_back(
                journal,
                output_dir,
                jobs=options.jobs or joblib.cpu_count(),
                advance=bar.update,
                cache=cache,
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
    return UndoResult(outcomes, output_dir / UNDO_REPORT, status(output_dir))


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
