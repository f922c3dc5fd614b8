"""Carry a plan out and take it back: the only module that touches the user's files.

A file appears under its final name in one step, whole and verified, and never in the place of
another. A file that is moved leaves its old place only after that. Every step may be taken
again after a crash at any moment: it notices what was done.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from dupimg.journal import FOLDER, UNDOING, UNDONE, Journal, sync_folder
from dupimg.naming import FOLDERS
from dupimg.options import UsageError
from dupimg.photos import content_digest
from dupimg.plan import Row

COPY, MOVE, HARD_LINK, REFLINK = "copy", "move", "hard_link", "reflink"

# What link() answers on filesystems without hard links (FAT, exFAT, some network shares), and
# where the system forbids links to files of others.
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}

# ioctl FICLONE of linux/fs.h: share the blocks of another file until one of them changes.
_FICLONE = 0x40049409

T = TypeVar("T")


def carry_out(
    journal: Journal, output_dir: Path, *, jobs: int, advance: Callable[[], object]
) -> tuple[Row, ...]:
    """Bring every file of a journal to its destination, or the rest of them after a crash.

    Parameters
    ----------
    journal : Journal
        Of a checked plan.
    output_dir : Path
    jobs : int
        Threads.
    advance : callable
        Called after each step.

    Returns
    -------
    tuple of Row
        The rows of the plan; one that failed has no destination and says why.
    """
    input_dir, mode = Path(journal.record.run.input_dir), journal.record.run.mode

    def step(number: int) -> None:
        row = journal.record.rows[number]
        try:
            place(input_dir / row.path, output_dir / row.destination, mode, row.digest)
        except OSError as error:
            journal.mark_failed(number, error.strerror or str(error))
        else:
            journal.mark_done(number)
        advance()

    _in_threads(step, (n for n in _steps(journal) if n not in journal.done), jobs)
    verb = {COPY: "copied", MOVE: "moved", HARD_LINK: "linked", REFLINK: "cloned"}[mode]
    return tuple(
        replace(row, destination="", reason=f"NOT {verb}: {journal.failed[n]}; {row.reason}")
        if n in journal.failed
        else row
        for n, row in enumerate(journal.record.rows)
    )


@dataclass(frozen=True)
class Outcome:
    """What became of one file when a run was taken back.

    Attributes
    ----------
    path, destination : str
        As in the plan.
    result : {"taken back", "left"}
    reason : str
        Why it was left.
    """

    path: str
    destination: str
    result: str
    reason: str = ""


def take_back(
    journal: Journal, output_dir: Path, *, jobs: int, advance: Callable[[], object]
) -> tuple[Outcome, ...]:
    """Undo every step of a journal whose file is still what the step made of it.

    Parameters
    ----------
    journal : Journal
        Of a finished or unfinished run, or of an unfinished undo.
    output_dir : Path
    jobs : int
        Threads.
    advance : callable
        Called after each step.

    Returns
    -------
    tuple of Outcome
        One for each step, in order of the plan.
    """
    input_dir, mode = Path(journal.record.run.input_dir), journal.record.run.mode
    journal.mark_state(UNDOING)

    def step(number: int) -> Outcome:
        row = journal.record.rows[number]
        try:
            displace(input_dir / row.path, output_dir / row.destination, mode, row.digest)
        except OSError as error:
            outcome = Outcome(row.path, row.destination, "left", error.strerror or str(error))
        else:
            outcome = Outcome(row.path, row.destination, "taken back")
            journal.mark_undone(number)
        advance()
        return outcome

    outcomes = _in_threads(step, _steps(journal), jobs)
    for name in FOLDERS.values():
        _remove_empty_folders(output_dir / name)
    if all(outcome.result == "taken back" for outcome in outcomes):
        journal.mark_state(UNDONE)
    return outcomes


def probe(mode: str, source: Path, output_dir: Path) -> None:
    """Refuse hard links and clones where the filesystem has none, before anything is touched.

    Raises
    ------
    UsageError
    """
    trial = output_dir / FOLDER / "probe"
    try:
        if mode == HARD_LINK:
            os.link(source, trial)
        elif mode == REFLINK:
            _share_blocks(source, trial)
    except OSError as error:
        flag = f"--{mode}"
        raise UsageError(
            f"Got {flag}, which does not work from {source.parent} to {output_dir}: "
            f"{error.strerror}. Leave {flag} out to copy, or choose an output_dir on the same disk."
        ) from error
    finally:
        trial.unlink(missing_ok=True)


def place(source: Path, destination: Path, mode: str, digest: str) -> None:
    """Bring one file to its destination.

    Parameters
    ----------
    source, destination : Path
        The folder of the destination is created.
    mode : {"copy", "move", "hard_link", "reflink"}
        A move within one filesystem renames; across filesystems it is a verified copy, after
        which the source is removed.
    digest : str
        SHA-256 that the content must have.

    Raises
    ------
    OSError
        The file is where it was, and nothing is under the destination's name that was not there
        before.
    """
    if os.path.lexists(destination):
        _expect(destination, digest, errno.EEXIST)
        if mode == MOVE and source.exists():  # a crash came between the two halves of the move
            _remove_other_copy(source, destination, digest)
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    if mode == HARD_LINK:
        os.link(source, destination)
        return
    if mode == MOVE and _renamed(source, destination):
        return
    _copy_verified(source, destination, digest, clone=mode == REFLINK)
    if mode == MOVE:
        source.unlink()


def displace(source: Path, destination: Path, mode: str, digest: str) -> None:
    """Take `place` back.

    Raises
    ------
    OSError
        The file in the output was changed, or its source is not what it was; both are left.
    """
    if not os.path.lexists(destination):
        if mode == MOVE:
            _expect(source, digest, errno.ENOENT)
        return
    _expect(destination, digest, errno.EBUSY)
    if mode == MOVE:
        place(destination, source, MOVE, digest)
    else:
        # The source must be there: what is in the output may be the only copy by now.
        _remove_other_copy(destination, source, digest)


def _steps(journal: Journal) -> list[int]:
    return [n for n, row in enumerate(journal.record.rows) if row.destination]


def _in_threads(step: Callable[[int], T], numbers: Iterable[int], jobs: int) -> tuple[T, ...]:
    with ThreadPoolExecutor(jobs) as pool:
        return tuple(pool.map(step, numbers))


def _expect(path: Path, digest: str, error_number: int) -> None:
    """Raise unless a file has the content that it should have."""
    if not os.path.lexists(path):
        raise OSError(errno.ENOENT, f"{path} is gone")
    if path.is_symlink() or path.is_dir() or content_digest(path) != digest:
        what = "is in the way" if error_number == errno.EEXIST else "was changed since"
        raise OSError(error_number, f"{path} {what}")


def _remove_other_copy(path: Path, remaining: Path, digest: str) -> None:
    """Remove one of two files of the same content, once the other is known to be whole."""
    _expect(remaining, digest, errno.EBUSY)
    if not path.samefile(remaining):
        _expect(path, digest, errno.EBUSY)
    path.unlink()


def _renamed(source: Path, destination: Path) -> bool:
    """Rename without overwriting; False where that would cross filesystems."""
    try:
        _rename_without_overwriting(source, destination)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        return False
    return True


def _copy_verified(source: Path, destination: Path, digest: str, *, clone: bool) -> None:
    # Named after the destination: what a crash left here is replaced when the step is taken again.
    name = hashlib.sha256(os.fsencode(destination.name)).hexdigest()[:16]
    part = destination.with_name(f".dupimg-{name}.part")
    try:
        if clone:
            _share_blocks(source, part)
        else:
            shutil.copyfile(source, part)
        with part.open("rb+") as copy:
            os.fsync(copy.fileno())
        if content_digest(part) != digest:
            raise OSError(errno.EIO, "its content is not what was read before")
        shutil.copystat(source, part)
        _rename_without_overwriting(part, destination)
        sync_folder(destination.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _share_blocks(source: Path, copy: Path) -> None:
    with source.open("rb") as original, copy.open("wb") as clone:
        try:
            import fcntl

            fcntl.ioctl(clone.fileno(), _FICLONE, original.fileno())
        except (ImportError, OSError) as error:
            raise OSError(errno.ENOTSUP, "this filesystem cannot share blocks") from error


def _rename_without_overwriting(source: Path, destination: Path) -> None:
    # A rename would overwrite silently on POSIX; a second link to the file cannot.
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), destination) from None
        source.rename(destination)
    else:
        source.unlink()


def _remove_empty_folders(folder: Path) -> None:
    """Remove a folder and those in it, as far as they hold nothing."""
    for parent, _, _ in os.walk(folder, topdown=False):
        with contextlib.suppress(OSError):
            Path(parent).rmdir()
