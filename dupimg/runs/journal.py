"""Record the plan, the steps and the progress of a run in ``OUTPUT_DIR/.dupimg``.

All steps are in the journal on the disk before the first one is taken. Each step is marked when it
is done; a mark lost in a crash does no harm, because a repeated step detects that it was done.
Everything is JSON, one record a line: names that are not UTF-8 survive as escapes, and reading
never runs any code.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

from filelock import FileLock, Timeout

from dupimg.errors import UsageError
from dupimg.files.durable import (
    JOURNAL_RECORD,
    PLAN_RECORD,
    STATE_FOLDER,
    sync_folder,
    write_durably,
)
from dupimg.messages import Message, message, quoted, why
from dupimg.plans.reasons import both, by_hand_reason, failed_reason, without
from dupimg.plans.record import (
    Record,
    row_from_json,
    row_to_json,
    run_from_json,
    run_to_json,
)
from dupimg.plans.rows import LEAVE, Row
from dupimg.progress_file import progress_file
from dupimg.runs.ends import append_mark, tell_of

_LOCK, _RESERVE = "lock", "reserve"

# Reserves space so that undo can write its first marks on a full disk; then it frees more.
_RESERVE_BYTES = 64 * 1024

APPLYING, APPLIED, UNDOING, UNDONE = "applying", "applied", "undoing", "undone"


def write_plan(output_dir: Path, record: Record) -> None:
    """Write the decided plan, for comparison with an edited one."""
    _write_lines(output_dir / STATE_FOLDER / PLAN_RECORD, _record_lines(record))


def read_plan(output_dir: Path) -> Record | None:
    """Return the decided plan of an output folder, or None."""
    path = output_dir / STATE_FOLDER / PLAN_RECORD
    return _parse_record(_read_lines(path)) if path.exists() else None


def plan_marks(output_dir: Path) -> tuple[tuple[int, int, int] | None, ...]:
    """Return values that change as soon as a plan is replaced or applied."""
    return tuple(
        _mark_of(output_dir / STATE_FOLDER / name) for name in (PLAN_RECORD, JOURNAL_RECORD)
    )


def _mark_of(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


class Journal:
    """The steps and the progress of a run.

    Parameters
    ----------
    output_dir : Path
        The output folder with a journal written by `begin`, here or in an earlier process.
    name : str
        Name of the file, such as `earlier` of another journal.

    Attributes
    ----------
    record : Record
        The run and its rows; step i applies row i.
    state : {"applying", "applied", "undoing", "undone"}
    untold : {"", "applied", "undone"}
        What has ended without a word to anybody, see `dupimg.runs.ends`. Where that was the undo
        of an addition, `state` is that of the run before it.
    done : set of int
        Steps that are done and not undone.
    failed : dict of int to Message
        Failed steps with their errors.
    back : set of int
        Rows whose files the user brought back singly; they are left alone from then on.
    trashed : set of int
        Rows whose files were sent to the system's trash.
    trashing : set of int
        Rows whose files were about to be trashed when the process ended; `settle_trash` finds out
        whether they were.
    trash : str
        The user's trash that received files; empty if none were trashed.
    earlier : str
        Name of the journal of the run that this one adds to; empty for none.
    """

    def __init__(self, output_dir: Path, name: str = JOURNAL_RECORD) -> None:
        self.output_dir = output_dir
        self._path = output_dir / STATE_FOLDER / name
        lines = _read_lines(self._path)
        n_rows = lines[0]["rows"]
        self.earlier: str = lines[0].pop("earlier", "")
        self.record = _parse_record(lines[: n_rows + 1])
        self.state, self.untold = APPLYING, ""
        self.done: set[int] = set()
        self.failed: dict[int, Message] = {}
        self.back: set[int] = set()
        self.trashed = {n for n, row in enumerate(self.record.rows) if row.trashed}
        self._trashed_before = frozenset(self.trashed)
        self.trashing: set[int] = set()
        self.trash = ""
        for mark in lines[n_rows + 1 :]:
            self._take_in(mark)

    @property
    def steps(self) -> list[int]:
        """The numbers of the rows to apply, without those brought back."""
        rows = self.record.rows
        return [n for n, row in enumerate(rows) if row.has_step and n not in self.back]

    @property
    def rows(self) -> tuple[Row, ...]:
        """The current rows: those that failed or were brought back have no destination."""
        if not self.failed and not self.back and self.trashed == self._trashed_before:
            return self.record.rows
        back = {self.record.rows[n].path for n in self.back}
        return tuple(
            _failed_row(row, self.failed[n], self.record.run.mode)
            if n in self.failed
            else _brought_back(row, back)
            if n in self.back
            else _in_trash(row, n in self.trashed)
            for n, row in enumerate(self.record.rows)
        )

    @cached_property
    def _file(self) -> int:
        # Opened by the first mark, so that the state can be read on a read-only disk.
        return os.open(self._path, os.O_WRONLY | os.O_APPEND)

    @staticmethod
    def exists(output_dir: Path) -> bool:
        """Return whether an output folder has a journal."""
        return (output_dir / STATE_FOLDER / JOURNAL_RECORD).exists()

    @classmethod
    def begin(cls, output_dir: Path, record: Record, *, adds: bool = False) -> Journal:
        """Write a new journal to the disk; keep an earlier one under another name.

        With `adds`, this run adds to the earlier one, so that its undo may end with
        `back_to_earlier`.
        """
        path = output_dir / STATE_FOLDER / JOURNAL_RECORD
        kept = _keep_copy(path)
        path.with_name(_RESERVE).write_bytes(bytes(_RESERVE_BYTES))
        header, *rows = _record_lines(record)
        header |= {"earlier": kept} if adds else {}
        _write_lines(path, [header, *rows, _state_mark(APPLYING)])
        return cls(output_dir)

    @property
    def changed_ns(self) -> int:
        """Time of the last mark in nanoseconds since 1970, UTC."""
        return self._path.stat().st_mtime_ns

    def back_to_earlier(self) -> None:
        """Restore the journal of the earlier run, after this addition was undone.

        This ends the undo, so it must come last: until then the state is "undoing".
        """
        _keep_copy(self._path)
        self._path.with_name(self.earlier).replace(self._path)
        sync_folder(self._path.parent)

    def release_reserve(self) -> None:
        """Free the space reserved for an undo on a full disk."""
        self._path.with_name(_RESERVE).unlink(missing_ok=True)

    def mark_done(self, step: int) -> None:
        """Mark a step as done."""
        self._mark({"done": step})

    def mark_failed(self, step: int, reason: Message) -> None:
        """Mark a step as failed."""
        self._mark({"failed": step, "reason": reason.to_json()})

    def mark_undone(self, step: int) -> None:
        """Mark a step as undone."""
        self._mark({"undone": step})

    def mark_back(self, number: int) -> None:
        """Mark that the user brought back the file of a row singly."""
        self._mark({"back": number})

    def mark_trashing(self, number: int, trash: str) -> None:
        """Mark that the file of a row is about to be sent to the system's trash."""
        self._mark({"trashing": number, "trash": trash})

    def mark_trashed(self, number: int) -> None:
        """Mark that the file of a row is in the system's trash."""
        self._mark({"trashed": number})

    def mark_untrashed(self, number: int) -> None:
        """Mark that the file of a row was not sent to the trash, or is back from it."""
        self._mark({"untrashed": number})

    def settle_trash(self) -> None:
        """Mark whether files reached the trash when a run was killed while sending them.

        Also mark the files that the user has put back from the trash.
        """
        for number in sorted(self.trashing | self.trashed):
            if os.path.lexists(self.output_dir / self.record.rows[number].destination):
                self.mark_untrashed(number)
            elif number in self.trashing:
                self.mark_trashed(number)

    def mark_state(self, state: str, *, untold: str = "") -> None:
        """Mark the state of the run, and flush all marks to the disk.

        With `untold`, this is the end of a run or an undo whose summary was not shown yet.
        """
        mark = _state_mark(state)
        if untold and tell_of(self._path.with_name(JOURNAL_RECORD)):
            mark["untold"] = untold
        self._mark(mark)
        self.sync()

    def sync(self) -> None:
        """Flush all marks to the disk."""
        if "_file" in self.__dict__:
            os.fsync(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if "_file" in self.__dict__:
            os.close(self.__dict__.pop("_file"))

    def _mark(self, mark: dict[str, Any]) -> None:
        append_mark(self._file, mark)
        self._take_in(mark)

    def _take_in(self, mark: dict[str, Any]) -> None:
        if "state" in mark:
            self.state, self.untold = mark["state"], mark.get("untold", "")
        elif "told" in mark:
            self.untold = ""
        elif "done" in mark:
            self.done.add(mark["done"])
            self.failed.pop(mark["done"], None)
        elif "failed" in mark:
            reason = mark["reason"]  # an English text from dupimg 0.1.0
            told = quoted(reason) if isinstance(reason, str) else Message.from_json(reason)
            self.failed[mark["failed"]] = told
        elif "trashing" in mark:
            self.trashing.add(mark["trashing"])
            self.trash = mark.get("trash", "")
        elif "trashed" in mark:
            self.trashing.discard(mark["trashed"])
            self.trashed.add(mark["trashed"])
        elif "untrashed" in mark:
            self._leaves_trash(mark["untrashed"])
        elif "back" in mark:
            self.done.discard(mark["back"])
            self.back.add(mark["back"])
            self._leaves_trash(mark["back"])
        else:
            self.done.discard(mark["undone"])
            self._leaves_trash(mark["undone"])

    def _leaves_trash(self, number: int) -> None:
        self.trashing.discard(number)
        self.trashed.discard(number)


def _state_mark(state: str) -> dict[str, Any]:
    """Return the mark of a state, with the time and the app's run, see `PastRun`."""
    run = progress_file()
    return {"state": state, "at": round(time.time(), 3)} | ({"by": run.name} if run else {})


def opened_journals(journal: Journal, opened: contextlib.ExitStack) -> list[Journal]:
    """Return a journal followed by the journals of the runs that it added to, all open."""
    journals = [journal]
    while journals[-1].earlier:
        earlier = Journal(journal.output_dir, journals[-1].earlier)
        journals.append(opened.enter_context(earlier))
    return journals


def _failed_row(row: Row, error: Message, mode: str) -> Row:
    """Return the row of a file that could not be transferred."""
    reason = failed_reason("move" if row.earlier else mode, error, row.reason)
    return replace(row, destination=row.earlier, reason=reason, failed=True)


def _in_trash(row: Row, trashed: bool) -> Row:
    """Return the row of a file with its trash state."""
    if row.trashed == trashed:
        return row
    if trashed:
        return replace(row, trashed=True, reason=both(message("reason.trashed"), row.reason))
    return replace(row, trashed=False, reason=without(row.reason, "reason.trashed"))


def _brought_back(row: Row, back: Collection[str]) -> Row:
    """Return the row of a file brought back to the input; `back` are the paths of all of them."""
    row = replace(
        _in_trash(row, False),
        action=LEAVE,
        destination="",
        earlier="",
        keeper="",
        cosine_to_keeper=None,
        reason=by_hand_reason(LEAVE, row.action, without(row.reason, "reason.trashed")),
    )
    if row.is_companion and row.companion_of not in back:  # its photo remains in the output
        return replace(row, companion_of="", scene=None, duplicate_group=None)
    return row


@contextlib.contextmanager
def locked(output_dir: Path) -> Iterator[None]:
    """Lock an output folder against other runs; the lock ends with the process.

    Raises
    ------
    UsageError
        Another run holds the lock, or the folder is not writable.
    """
    folder = output_dir / STATE_FOLDER
    created = [path for path in (folder, output_dir) if not path.exists()]
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise UsageError(message("refused.another_run", folder=str(output_dir))) from None
    except OSError as error:
        raise UsageError(
            message("refused.nothing_written", folder=str(output_dir), why=why(error))
        ) from error
    try:
        yield
    finally:
        # Remove the folder if a refused or interrupted run has written nothing.
        with contextlib.suppress(OSError):  # the disk may be gone
            if created and [path.name for path in folder.iterdir()] == [_LOCK]:
                (folder / _LOCK).unlink()
                for path in created:
                    path.rmdir()
        lock.release()


def is_at_work(output_dir: Path) -> bool:
    """Return whether a run holds the lock of a folder."""
    path = output_dir / STATE_FOLDER / _LOCK
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # nobody can lock a read-only folder
        return False


def _record_lines(record: Record) -> Iterator[dict[str, Any]]:
    yield run_to_json(record.run) | {"rows": len(record.rows)}
    yield from map(row_to_json, record.rows)


def _parse_record(lines: Iterable[dict[str, Any]]) -> Record:
    header, *rows = lines
    header.pop("rows")
    return Record(run_from_json(header), tuple(map(row_from_json, rows)))


def _write_lines(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    with write_durably(path) as file:
        file.write("\n".join(map(json.dumps, lines)).encode("ascii"))


def _read_lines(path: Path) -> list[dict[str, Any]]:
    content = path.read_bytes()
    with contextlib.suppress(ValueError):  # half the time of reading each line for itself
        whole: list[dict[str, Any]] = json.loads(b"[%s]" % content.strip().replace(b"\n", b","))
        return whole
    lines = []
    for line in content.decode("ascii", errors="replace").splitlines():
        # A crash may truncate the last mark; the next run continues on a new line.
        with contextlib.suppress(json.JSONDecodeError):
            lines.append(json.loads(line))
    return lines


def _keep_copy(path: Path) -> str:
    """Copy a journal to a free name beside it, so that there is always one."""
    if not path.exists():
        return ""
    names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
    copy = next(name for name in names if not name.exists())
    with path.open("rb") as journal, write_durably(copy) as file:
        shutil.copyfileobj(journal, file)
    return copy.name
