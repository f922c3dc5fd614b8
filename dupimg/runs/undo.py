"""The verb undo: take a run back."""

from __future__ import annotations

import contextlib
import csv
import shutil
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import joblib

from dupimg.errors import UsageError
from dupimg.files.cache import Cache, cache_path
from dupimg.files.previews import PreviewFolder
from dupimg.messages import as_text, message
from dupimg.options.run_options import UndoOptions
from dupimg.options.verbs import verb
from dupimg.pages.contact_sheet import PAGE, PageInfo, write_page
from dupimg.plans.report import from_cell, to_cell, write_report, write_table
from dupimg.plans.rows import Row
from dupimg.progress import progress_bar
from dupimg.runs.begin import check_run
from dupimg.runs.ends import told_at_end
from dupimg.runs.execute import ALREADY_BACK, GONE, LEFT, UndoOutcome, bring_back, take_back
from dupimg.runs.journal import (
    APPLIED,
    UNDONE,
    Journal,
    locked,
    opened_journals,
    read_plan,
)
from dupimg.runs.result import REPORT, UNDO_REPORT, command_line, explain_resume
from dupimg.runs.status import Status, status
from dupimg.runs.system_trash import get_back
from dupimg.wording import did_you_mean, plural

_SHOWN = 5

# Columns of the report, as `UndoOutcome` has them.
_COLUMNS = ("path", "destination", "result", "reason")


@dataclass(frozen=True)
class UndoResult:
    """The outcome of an undo.

    Attributes
    ----------
    outcomes : tuple of UndoOutcome
        One for each transferred file of the run.
    report : Path
        ``undo.csv`` with the same outcomes.
    status : Status
        The current state.
    seconds : float
    """

    outcomes: tuple[UndoOutcome, ...] = field(repr=False)
    report: Path
    status: Status
    seconds: float = 0.0

    @property
    def left(self) -> int:
        """Number of files that are still at their destinations."""
        return self._count(LEFT)

    @property
    def gone(self) -> tuple[str, ...]:
        """Paths of the files that are gone, because the trash was emptied."""
        return tuple(outcome.path for outcome in self.outcomes if outcome.result == GONE)

    @property
    def already_back(self) -> int:
        """Number of files that were at their old places before this undo."""
        return self._count(ALREADY_BACK)

    @property
    def taken_back(self) -> int:
        """Number of files that this undo moved back to their old places."""
        return len(self.outcomes) - self.already_back - self.left - len(self.gone)

    @property
    def failed(self) -> bool:
        """Whether any file is not back at its old place."""
        return self.left + len(self.gone) > 0

    def _count(self, result: str) -> int:
        return sum(outcome.result == result for outcome in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        return {
            "counts": {
                "taken_back": self.taken_back,
                "already_back": self.already_back,
                "left": self.left,
                "gone": len(self.gone),
            },
            "paths": {"output_dir": str(self.status.output_dir), "undo": str(self.report)},
            "seconds": {"total": round(self.seconds, 3)},
            "state": self.status.state,
        }

    def summary(self) -> str:
        """Return the lines printed at the end."""
        back, already = self.taken_back, self.already_back
        before = f"already    {already:>8,} {plural(already, 'file')}, back before\n"
        without = "its" if self.left == 1 else "their"
        return (
            f"taken back {back:>8,} {plural(back, 'file')}\n"
            f"{before * bool(already)}{self._told_gone()}"
            f"left       {self.left:>8,} {plural(self.left, 'file')}, changed since or without "
            f"{without} original\n"
            f"report     {self.report}\n"
            f"{self.status}"
        )

    def _told_gone(self) -> str:
        """Return a text about the files that are gone; empty if there are none."""
        if not self.gone:
            return ""
        n = len(self.gone)
        shown = [*self.gone[:_SHOWN], *[f"and {n - _SHOWN:,} more"] * (n > _SHOWN)]
        return (
            f"gone       {n:>8,} {plural(n, 'file')}, for good: the trash that "
            f"{'it was' if n == 1 else 'they were'} sent to was emptied\n"
            + "".join(f"           {line}\n" for line in shown)
        )


@verb(UndoOptions)
@told_at_end()
def undo(options: UndoOptions) -> UndoResult:
    """Take back a finished or unfinished run, for all files that are unchanged since.

    With `file`, only these files and their companions go back to their old places. After an undo
    that was killed at its very end, the same call reports the result of that one.

    Returns
    -------
    UndoResult
        The outcome for each file.

    Raises
    ------
    UsageError
        There is nothing to take back.
    """
    start, output_dir = time.perf_counter(), options.output_dir
    check_run(output_dir)
    with (
        locked(output_dir),
        Journal(output_dir) as journal,
        explain_resume(command_line("undo", output_dir)),
    ):
        if journal.untold == UNDONE and not options.file:
            outcomes = _read_outcomes(output_dir / UNDO_REPORT)
            journal.mark_state(journal.state, untold=UNDONE)
        elif journal.state == UNDONE:
            raise UsageError(message("refused.taken_back", folder=str(output_dir)))
        else:
            take, told = _single_files if options.file else _all_files, journal.rows
            outcomes = take(journal, options)
            _write_outcomes(outcomes, output_dir / UNDO_REPORT)
            if not options.file and all(outcome.result != LEFT for outcome in outcomes):
                _withdraw(journal, output_dir, told)
    seconds = time.perf_counter() - start
    return UndoResult(outcomes, output_dir / UNDO_REPORT, status(output_dir), seconds)


def _all_files(journal: Journal, options: UndoOptions) -> tuple[UndoOutcome, ...]:
    with contextlib.ExitStack() as opened:
        journals = opened_journals(journal, opened)
        for known in journals:
            known.settle_trash()
        trashed = [n for n in journal.steps if n in journal.trashed]
        gone = get_back(journals, trashed, options.output_dir)
    with (
        progress_bar(len(journal.steps), "undoing", unit="files", quiet=options.quiet) as bar,
        Cache(cache_path(options.cache)) as cache,
    ):
        return take_back(
            journal,
            options.output_dir,
            jobs=options.jobs or joblib.cpu_count(),
            advance=bar.update,
            cache=cache,
            gone=gone,
        )


def _single_files(journal: Journal, options: UndoOptions) -> tuple[UndoOutcome, ...]:
    """Undo the files named by the options, and update the report and the page."""
    output_dir = options.output_dir
    if journal.state != APPLIED:
        raise UsageError(message("refused.not_finished", folder=str(output_dir)))
    numbers = _chosen(journal, options)
    before = journal.rows
    with contextlib.ExitStack() as opened:
        journals = opened_journals(journal, opened)
        cache = opened.enter_context(Cache(cache_path(options.cache)))
        for known in journals:
            known.settle_trash()
        gone = get_back(journals, [n for n in numbers if n in journal.trashed], output_dir)
        outcomes = bring_back(journals, numbers, output_dir, cache, gone)
        for known in journals:
            known.sync()
    write_report(journal.rows, output_dir / REPORT, instead_of=before)
    write_page(journal.rows, output_dir, PageInfo.of(journal.record.run, "applied"))
    journal.mark_state(APPLIED)
    return outcomes


def _chosen(journal: Journal, options: UndoOptions) -> list[int]:
    """Return the rows of the files named by the options, and of their companions."""
    rows = journal.record.rows
    names = {row.path: n for n, row in enumerate(rows)}
    names |= {row.destination: n for n, row in enumerate(rows) if row.destination}
    root = options.output_dir.resolve()
    numbers = []
    for name in _split(options.file, names):
        inside = Path(name).resolve()
        known = inside.relative_to(root).as_posix() if inside.is_relative_to(root) else name
        number = names.get(name, names.get(known))
        if number is None or not rows[number].destination:
            near = did_you_mean(name, names)
            told = message("refused.not_placed", file=repr(name), folder=str(root), near=near)
            raise UsageError(told)
        numbers.append(number)
    chosen = {rows[number].path for number in numbers}
    numbers += [n for n, row in enumerate(rows) if row.companion_of in chosen and row.destination]
    return list(dict.fromkeys(numbers))


def _split(files: Sequence[str], known: Collection[str]) -> Iterator[str]:
    """Yield names, separated by commas that are not part of a known name."""
    for file in files:
        yield from [file] if file in known or Path(file).exists() else file.split(",")


def _write_outcomes(outcomes: Sequence[UndoOutcome], path: Path) -> None:
    table = {
        name: [
            to_cell(str(getattr(outcome, name) or ""), may_look_like_data=name in _COLUMNS[:2])
            for outcome in outcomes
        ]
        for name in _COLUMNS
    }
    write_table(table, path)


def _read_outcomes(path: Path) -> tuple[UndoOutcome, ...]:
    """Read what `_write_outcomes` wrote; nothing where it is gone, or a person has changed it."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            lines = [[from_cell(line[name]) for name in _COLUMNS] for line in csv.DictReader(file)]
            return tuple(
                UndoOutcome(name, place, result, as_text(reason) if reason else None)
                for name, place, result, reason in lines
            )
    except (OSError, LookupError, ValueError):
        return ()


def _withdraw(journal: Journal, output_dir: Path, told: Sequence[Row]) -> None:
    """Remove the page of an undone run, or go back to the run that it added to.

    `told` are the rows of the current report. The mark that ends the undo is the last step, so that
    a killed undo can be repeated.
    """
    if journal.earlier:
        with Journal(output_dir, journal.earlier) as earlier:
            write_report(earlier.rows, output_dir / REPORT, instead_of=told)
            write_page(earlier.rows, output_dir, PageInfo.of(earlier.record.run, "applied"))
            # Before it is the journal: whoever is killed after that must not take it back, too.
            earlier.mark_state(APPLIED, untold=UNDONE)
        journal.back_to_earlier()
        return
    if (plan := read_plan(output_dir)) is not None:
        # The plan can be reviewed and applied again.
        write_page(plan.rows, output_dir, PageInfo.of(plan.run, "planned"))
    else:
        (output_dir / PAGE).unlink(missing_ok=True)
        shutil.rmtree(PreviewFolder(output_dir).path, ignore_errors=True)
    journal.mark_state(UNDONE, untold=UNDONE)
