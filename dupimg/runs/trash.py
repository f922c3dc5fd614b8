"""The verb trash: send removed duplicates to the system's trash."""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from dupimg.errors import UsageError
from dupimg.messages import Message, message, why
from dupimg.options.run_options import TrashOptions
from dupimg.options.verbs import verb
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.plans.report import write_report
from dupimg.plans.rows import KEEP, LEAVE, REMOVE, Row
from dupimg.progress import progress_bar
from dupimg.runs.begin import announces, check_run
from dupimg.runs.journal import APPLIED, Journal, locked, opened_journals
from dupimg.runs.result import REPORT, command_line, explain_resume
from dupimg.runs.system_trash import send_to_trash
from dupimg.runs.transfer import is_readable_whole, remove_empty_folders
from dupimg.wording import counted

_SHOWN = 5


@dataclass(frozen=True)
class TrashResult:
    """The outcome for the removed files.

    Attributes
    ----------
    output_dir : Path
    trashed : tuple of Row
        Rows of the trashed files.
    left : mapping of str to Message
        Reasons of the files that stay in ``remove/``, by their place in the output.
    bytes : int
        Bytes that emptying the trash frees.
    seconds : float
    """

    output_dir: Path
    trashed: tuple[Row, ...] = field(repr=False)
    left: Mapping[str, Message] = field(default_factory=dict, repr=False)
    bytes: int = 0
    seconds: float = 0.0

    @property
    def failed(self) -> bool:
        """Whether any file stays."""
        return bool(self.left)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        return {
            "counts": {"trashed": len(self.trashed), "left": len(self.left)},
            "bytes": self.bytes,
            "paths": {"output_dir": str(self.output_dir)},
            "left": {place: str(reason) for place, reason in self.left.items()},
            "seconds": {"total": round(self.seconds, 3)},
        }

    def summary(self) -> str:
        """Return the lines printed at the end."""
        return "\n".join(
            [
                f"trash    {counted(len(self.trashed), 'file')}, {self.bytes / 1e6:,.1f} MB, which "
                "emptying the trash frees",
                f"left     {counted(len(self.left), 'file')}",
                *(f"         {place}: {reason}" for place, reason in self.left.items()),
                *self._onward(),
            ]
        )

    def _onward(self) -> Iterator[str]:
        if self.trashed:
            undo = command_line("undo", self.output_dir)
            yield f"next     {undo} takes all of it back, unless the trash is emptied"


@verb(TrashOptions)
def trash(
    options: TrashOptions,
    *,
    announce: Callable[[Message], object] | None = None,
    confirm: Callable[[str], bool] | None = None,
) -> TrashResult:
    """Send the duplicates of a finished run to the system's trash.

    Returns
    -------
    TrashResult
        The trashed files, and those that stay with their reasons.

    Raises
    ------
    UsageError
        The run is not finished, the disk has no trash, or the answer was no; nothing was touched.
    """
    start, output_dir = time.perf_counter(), options.output_dir
    check_run(output_dir)
    with contextlib.ExitStack() as opened:
        opened.enter_context(locked(output_dir))
        journals = opened_journals(opened.enter_context(Journal(output_dir)), opened)
        journal, before = journals[0], journals[0].rows
        if journal.state != APPLIED or journal.failed:
            status = command_line("status", output_dir)
            told = message("refused.trash_unfinished", folder=str(output_dir), status=status)
            raise UsageError(told, field="output_dir")
        for known in journals:
            known.settle_trash()
        chosen, left = _checked(journal, output_dir, quiet=options.quiet)
        files = {n: _status(output_dir / journal.rows[n].destination) for n in chosen}
        rows, size = [journal.rows[n] for n in chosen], _bytes_freed(files.values())
        _ask(rows, size, output_dir, announce or announces(options), confirm)
        with explain_resume(command_line("trash", output_dir)):
            left |= _send(journals, chosen, output_dir, quiet=options.quiet)
            remove_empty_folders(output_dir / "remove")
            for known in journals:
                known.sync()
            write_report(journal.rows, output_dir / REPORT, instead_of=before)
            write_page(journal.rows, output_dir, PageInfo.of(journal.record.run, "applied"))
            journal.mark_state(APPLIED)
        gone = [n for n in chosen if n in journal.trashed]
        freed = _bytes_freed(files[n] for n in gone)
        trashed = tuple(journal.rows[n] for n in gone)
    return TrashResult(output_dir, trashed, left, freed, time.perf_counter() - start)


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


def _bytes_freed(files: Iterable[os.stat_result | None]) -> int:
    """Return the bytes freed without these files; those with other hard links free none."""
    names = Counter((s.st_dev, s.st_ino, s.st_size, s.st_nlink) for s in files if s is not None)
    return sum(size for (*_, size, links), count in names.items() if links <= count)


def _checked(
    journal: Journal, output_dir: Path, *, quiet: bool
) -> tuple[list[int], dict[str, Message]]:
    """Return the rows that may go, and the reasons for others, after reading all files."""
    rows = journal.rows
    by_path = {row.path: row for row in rows}
    places = {row.path: _place(row, journal, output_dir) for row in rows}

    @cache
    def whole(path: str) -> bool:
        return is_readable_whole(places[path], by_path[path].digest)

    def doubt(row: Row) -> Message | None:
        if not whole(row.path):
            return message("why.changed")
        photo = by_path[row.companion_of] if row.is_companion else row
        keeper = by_path.get(photo.keeper)
        if photo.action != REMOVE or keeper is None or keeper.action not in (KEEP, LEAVE):
            return message("why.no_keeper", path=photo.keeper or photo.path)
        if not whole(keeper.path):
            return message("why.keeper_changed", path=str(places[keeper.path]))
        return doubt(photo) if row.is_companion and not photo.trashed else None

    numbers = [
        n for n, r in enumerate(rows) if r.action == REMOVE and r.destination and not r.trashed
    ]
    left = {}
    with progress_bar(len(numbers), "checking", unit="files", quiet=quiet) as bar:
        for n in numbers:
            if (reason := doubt(rows[n])) is not None:
                left[rows[n].destination] = reason
            bar.update()
    return [n for n in numbers if rows[n].destination not in left], left


def _place(row: Row, journal: Journal, output_dir: Path) -> Path:
    """Return the current place of a file."""
    if row.destination and not row.failed:
        return output_dir / row.destination
    return journal.record.run.inputs / row.path


def _ask(
    rows: Sequence[Row],
    size: int,
    output_dir: Path,
    announce: Callable[[Message], object],
    confirm: Callable[[str], bool] | None,
) -> None:
    """Announce the files for the trash, and ask unless `confirm` is None."""
    if not rows:
        announce(message("note.nothing_to_trash", folder=str(output_dir / "remove")))
        return
    told = message(
        "note.goes_to_trash" if confirm is None else "note.to_trash",
        count=len(rows),
        size=f"{size / 1e6:,.1f}",
        folder=str(output_dir / "remove"),
    )
    announce(told)
    for row in rows[:_SHOWN]:
        announce(message("note.item", item=row.destination))
    if len(rows) > _SHOWN:
        announce(message("note.more", count=len(rows) - _SHOWN))
    if confirm is not None and not confirm("Send them to the trash?"):
        raise UsageError(message("refused.declined"))


def _send(
    journals: Sequence[Journal], numbers: Sequence[int], output_dir: Path, *, quiet: bool
) -> dict[str, Message]:
    """Send files to the trash; return the reasons of those that stay.

    Raises
    ------
    UsageError
        No file could be sent; nothing was touched.
    """
    left: dict[str, Message] = {}
    with progress_bar(len(numbers), "to the trash", unit="files", quiet=quiet) as bar:
        for number in numbers:
            try:
                send_to_trash(journals, number, output_dir)
            except OSError as error:
                left[journals[0].record.rows[number].destination] = why(error)
            bar.update()
    if left and not any(number in journals[0].trashed for number in numbers):
        reason = next(iter(left.values()))
        raise UsageError(message("refused.no_trash", folder=str(output_dir), why=reason))
    return left
