"""Carry out or undo the steps of a journal, one for each file."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TypeVar

import joblib

from dupimg.files.cache import Cache, cache_path
from dupimg.files.durable import finds_no_space
from dupimg.messages import Message, message, why
from dupimg.options.command_text import written_command
from dupimg.options.run_options import AddOptions, ApplyOptions, OrganizeOptions
from dupimg.pages.contact_sheet import PageInfo, write_page
from dupimg.plans.merged_metadata import SIDECAR_SUFFIX
from dupimg.plans.report import write_report
from dupimg.plans.rows import FOLDERS, KEEP, REMOVE, Row
from dupimg.progress import MakeBar, progress_bar
from dupimg.runs.journal import APPLIED, UNDOING, Journal
from dupimg.runs.mounts import Folders
from dupimg.runs.result import REPORT, Result, command_line, explain_resume, next_step
from dupimg.runs.transfer import (
    HARD_LINK,
    MOVE,
    displace,
    expect_other,
    is_whole,
    move_sidecar,
    place,
    remove_empty_folders,
    remove_sidecar,
    unfinished_copy,
    write_sidecar,
)
from dupimg.threads import Threads

T = TypeVar("T")

# Threads for each core: they wait for the disk half of the time.
_THREADS = 2

# What became of a file when a run was taken back.
TAKEN_BACK, ALREADY_BACK, LEFT, GONE = "taken back", "already back", "left", "gone"


def carry_out(
    journal: Journal,
    output_dir: Path,
    *,
    jobs: int,
    advance: Callable[[], object],
    cache: Cache | None = None,
) -> tuple[Row, ...]:
    """Transfer every file of a journal to its destination, or the rest after a crash.

    Parameters
    ----------
    journal : Journal
        The journal of a checked plan.
    output_dir : Path
    jobs : int
        Threads.
    advance : callable
        Called after each step.
    cache : Cache, optional
        Learns the new places of files, and forgets changed ones.

    Returns
    -------
    tuple of Row
        The rows of the plan; a failed one has no destination and the error as its reason.

    Raises
    ------
    OSError
        Input or output vanished, or the journal cannot be written. What was done is marked.
    """
    folders = Folders(journal.record.run.inputs, output_dir)
    known = cache or Cache(None)

    keepers = {row.path: row for row in journal.record.rows if row.stays and not row.destination}
    inputs = journal.record.run.inputs
    found_no_space: set[int] = set()

    def step(number: int) -> None:
        row = journal.record.rows[number]
        source, mode = _origin(journal, row, output_dir)
        destination = output_dir / row.destination
        folders.check_output()
        try:
            keeper = keepers.get(row.keeper) if row.action == REMOVE else None
            if keeper is not None and not destination.exists():
                expect_other(inputs / keeper.path, keeper.digest, keeper.identity, source)
            place(source, destination, mode, row.digest, "" if row.earlier else row.identity)
            _place_sidecar(row, output_dir)
            folders.check_output()
        except OSError as error:
            if not folders.has_output:  # unmounted right now: written to the disk below
                with contextlib.suppress(OSError):
                    _ = tuple(_take_sidecar_back(row, output_dir))
                    displace(source, destination, mode, row.digest)
                remove_empty_folders(output_dir / FOLDERS[row.action])
            folders.check()
            if finds_no_space(error) and number not in found_no_space:
                found_no_space.add(number)
                return
            known.forget_file(row.identity)
            journal.mark_failed(number, why(error))
        else:
            _remember(known, destination, mode, row)
            journal.mark_done(number)
        advance()

    for numbers in _stages(journal):
        _in_threads(step, (n for n in numbers if n not in journal.done), _THREADS * jobs)
        # A large file may have filled the disk for a moment, until it failed.
        _in_threads(step, sorted(found_no_space), 1)
        found_no_space.clear()
        journal.sync()  # the next stage may reuse freed places
    return journal.rows


def _place_sidecar(row: Row, output_dir: Path) -> None:
    """Write the XMP sidecar of a photo beside it, or move an existing one along."""
    if not row.sidecar:
        return
    beside = output_dir / f"{row.destination}{SIDECAR_SUFFIX}"
    if row.earlier:
        move_sidecar(output_dir / f"{row.earlier}{SIDECAR_SUFFIX}", beside)
    else:
        write_sidecar(beside, row.sidecar)


def _take_sidecar_back(row: Row, output_dir: Path) -> Iterator[UndoOutcome]:
    """Undo `_place_sidecar`; yield an outcome if the sidecar was changed and is left."""
    if not row.sidecar:
        return
    place = f"{row.destination}{SIDECAR_SUFFIX}"
    try:
        if row.earlier:
            move_sidecar(output_dir / place, output_dir / f"{row.earlier}{SIDECAR_SUFFIX}")
        else:
            remove_sidecar(output_dir / place, row.sidecar)
    except OSError as error:
        yield UndoOutcome(row.path, place, LEFT, why(error))


def _remember(cache: Cache, path: Path, mode: str, row: Row) -> None:
    """Store the digest of a renamed or linked file again, as its ctime has changed."""
    if mode in (MOVE, HARD_LINK):
        with contextlib.suppress(OSError):
            status = path.lstat()
            cache.forget_file(row.identity)
            cache.remember_digest(status, row.digest)


@dataclass(frozen=True)
class UndoOutcome:
    """The outcome of an undo for one file.

    Attributes
    ----------
    path, destination : str
        Same as in the plan.
    result : {"taken back", "already back", "left", "gone"}
        "already back" if the file had left its place before, or never got there.
    reason : Message or None
        The reason why it was left or is gone.
    """

    path: str
    destination: str
    result: str
    reason: Message | None = None


def take_back(
    journal: Journal,
    output_dir: Path,
    *,
    jobs: int,
    advance: Callable[[], object],
    cache: Cache | None = None,
    gone: Collection[int] = (),
) -> tuple[UndoOutcome, ...]:
    """Undo every step of a journal whose file is still as the step left it.

    The state stays "undoing", because the caller must still handle the report and the pages.

    Parameters
    ----------
    journal : Journal
        The journal of a finished or unfinished run, or of an unfinished undo.
    output_dir : Path
    jobs : int
        Threads.
    advance : callable
        Called after each step.
    cache : Cache, optional
        Learns which files are back.
    gone : collection of int
        Steps whose files were in a trash that was emptied.

    Returns
    -------
    tuple of UndoOutcome
        One for each step.

    Raises
    ------
    OSError
        Input or output vanished, or the journal cannot be written. What was done is marked.
    """
    journal.release_reserve()
    journal.mark_state(UNDOING)
    folders = Folders(journal.record.run.inputs, output_dir)
    known = cache or Cache(None)

    def step(number: int) -> tuple[UndoOutcome, ...]:
        row = journal.record.rows[number]
        source, mode = _origin(journal, row, output_dir)
        destination = output_dir / row.destination
        folders.check_output()
        try:
            # An unmarked step may have been taken, or the file there may not be ours.
            if number in journal.done or is_whole(destination, row.digest):
                was_there = displace(source, destination, mode, row.digest)
            else:
                unfinished_copy(destination).unlink(missing_ok=True)
                was_there = False
        except OSError as error:
            folders.check_output()
            outcomes = [_not_back(journal, number, error, gone)]
        else:
            _remember(known, source, mode, row)
            outcomes = [_back(row, was_there)]
            outcomes += _take_sidecar_back(row, output_dir)
            journal.mark_undone(number)
        advance()
        return tuple(outcomes)

    outcomes: tuple[UndoOutcome, ...] = ()
    for numbers in reversed(_stages(journal)):
        outcomes += tuple(chain.from_iterable(_in_threads(step, numbers, _THREADS * jobs)))
        journal.sync()
    for name in FOLDERS.values():
        remove_empty_folders(output_dir / name)
    return outcomes


def _back(row: Row, was_there: bool) -> UndoOutcome:
    return UndoOutcome(row.path, row.destination, TAKEN_BACK if was_there else ALREADY_BACK)


def _not_back(journal: Journal, number: int, error: OSError, gone: Collection[int]) -> UndoOutcome:
    row = journal.record.rows[number]
    if number in gone:
        reason = message("why.trash_emptied")
        return UndoOutcome(row.path, row.destination, GONE, reason)
    reason = message("why.in_trash") if number in journal.trashed else why(error)
    return UndoOutcome(row.path, row.destination, LEFT, reason)


def bring_back(
    journals: Sequence[Journal],
    numbers: Sequence[int],
    output_dir: Path,
    cache: Cache,
    gone: Collection[int] = (),
) -> tuple[UndoOutcome, ...]:
    """Undo single files: move them back to their input folders.

    Parameters
    ----------
    journals : sequence of Journal
        Journals of the last run, the run that it added to, and so on.
    numbers : sequence of int
        Row numbers in the first journal.
    output_dir : Path
    cache : Cache
        Learns which files are back.
    gone : collection of int
        Rows whose files were in a trash that was emptied.

    Returns
    -------
    tuple of UndoOutcome
        One for each of `numbers`, and for each sidecar that is left because it was changed.
    """
    outcomes = []
    for number in numbers:
        row = journals[0].record.rows[number]
        marks = list(history(journals, number))
        first, place = marks[-1]
        source, mode = _origin(first, first.record.rows[place], output_dir)
        is_back = number in journals[0].back
        try:
            was_there = not is_back and displace(
                source, output_dir / row.destination, mode, row.digest
            )
        except OSError as error:
            outcomes.append(_not_back(journals[0], number, error, gone))
            continue
        _remember(cache, source, mode, row)
        for journal, place in reversed(marks):
            journal.mark_back(place)
        outcomes.append(_back(row, was_there))
        outcomes += _take_sidecar_back(replace(row, earlier=""), output_dir)
    for name in FOLDERS.values():
        remove_empty_folders(output_dir / name)
    return tuple(outcomes)


def history(journals: Sequence[Journal], number: int) -> Iterator[tuple[Journal, int]]:
    """Yield the journals and row numbers of a file, back to its transfer from the input."""
    for journal in journals:
        yield journal, number
        earlier = journal.record.rows[number].earlier
        if not earlier:
            return
        rows = journals[journals.index(journal) + 1].record.rows
        number = next(n for n, row in enumerate(rows) if row.destination == earlier)


def _origin(journal: Journal, row: Row, output_dir: Path) -> tuple[Path, str]:
    """Return the source of the file of a row, and its transfer mode."""
    if row.earlier:
        return output_dir / row.earlier, MOVE
    return journal.record.run.inputs / row.path, journal.record.run.mode


def _stages(journal: Journal) -> tuple[list[int], ...]:
    """Return the steps in stages, so that later ones may reuse places freed by earlier ones.

    First old photos that go, then those that come back, then new files.
    """
    stages: tuple[list[int], ...] = ([], [], [])
    for number in journal.steps:
        row = journal.record.rows[number]
        stages[2 if not row.earlier else 1 if row.action == KEEP else 0].append(number)
    return stages


def _in_threads(step: Callable[[int], T], numbers: Iterable[int], threads: int) -> tuple[T, ...]:
    with Threads(threads) as pool:
        return tuple(pool.each(step, numbers))


def carrying_out(mode: str) -> str:
    """Return the name of the transferring step for bars."""
    return "moving" if mode == MOVE else "copying"


_VERBS = {OrganizeOptions: "organize", ApplyOptions: "apply", AddOptions: "add"}


def finish(
    journal: Journal,
    output_dir: Path,
    options: OrganizeOptions | ApplyOptions | AddOptions,
    start: float,
    notes: Sequence[Message] = (),
    *,
    progress: MakeBar = progress_bar,
) -> Result:
    """Carry out the rest of a journal, and write the report and the page.

    Parameters
    ----------
    journal : Journal
    output_dir : Path
    options : OrganizeOptions, ApplyOptions or AddOptions
    start : float
        Start of the run by `time.perf_counter`.
    notes : sequence of Message
        Further notes for the page.
    progress : callable
        Creates the progress bar.

    Returns
    -------
    Result
    """
    left = len(journal.steps) - len(journal.done)
    step = carrying_out(journal.record.run.mode)
    with (
        explain_resume(f"`{written_command(_VERBS[type(options)], options)}`"),
        progress(left, step, unit="files", quiet=options.quiet) as bar,
        Cache(cache_path(options.cache)) as cache,
    ):
        rows = carry_out(
            journal,
            output_dir,
            jobs=options.jobs or joblib.cpu_count(),
            advance=bar.update,
            cache=cache,
        )
        told = Journal(output_dir, journal.earlier).rows if journal.earlier else ()
        write_report(rows, output_dir / REPORT, instead_of=told)
        seconds = time.perf_counter() - start
        about = PageInfo.of(journal.record.run, "applied", seconds=seconds, notes=notes)
        page = write_page(rows, output_dir, about)
        journal.mark_state(APPLIED, untold=APPLIED)
    source = ", ".join(map(str, options.new_dir)) if isinstance(options, AddOptions) else ""
    to_move = _to_move(options, output_dir)
    return Result(
        rows,
        output_dir / REPORT,
        time.perf_counter() - start,
        page,
        notes=tuple(notes),
        next_step=next_step(journal.record.run, rows, output_dir, to_move, source),
    )


def _to_move(options: OrganizeOptions | ApplyOptions | AddOptions, output_dir: Path) -> str:
    """Return the command that would move the files that a run has copied or linked."""
    moving = replace(options, process_mode="move", hard_link=False, reflink=False)
    undo = command_line("undo", output_dir).strip("`")
    return f"`{undo} && {written_command(_VERBS[type(options)], moving)}`"
