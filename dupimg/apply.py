"""Carry a plan out: the only module that creates, moves or removes a file of the user's.

A file appears under its final name in one step, whole and verified, and never in the place of
another. A file that is moved leaves its old place only after that.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from dupimg.photos import content_digest
from dupimg.plan import Row

# What link() answers on filesystems without hard links (FAT, exFAT, some network shares), and
# where the system forbids links to files of others.
_NO_HARD_LINKS = {errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}


@dataclass(frozen=True)
class Placed:
    """Which rows were carried out.

    Attributes
    ----------
    rows : tuple of Row
        The rows of the plan; one that failed has no destination and says why.
    failures : int
    """

    rows: tuple[Row, ...]
    failures: int


def apply_plan(
    rows: Sequence[Row],
    input_dir: Path,
    output_dir: Path,
    *,
    mode: str,
    jobs: int,
    advance: Callable[[], None],
) -> Placed:
    """Copy or move every file of a plan to its destination.

    Parameters
    ----------
    rows : sequence of Row
        A checked plan.
    input_dir, output_dir : Path
    mode : {"copy", "move"}
    jobs : int
        Threads.
    advance : callable
        Called after each row.

    Returns
    -------
    Placed
    """

    def carry_out(row: Row) -> Row:
        if row.destination:
            try:
                place(input_dir / row.path, output_dir / row.destination, mode, row.digest)
            except OSError as error:
                verb = "copied" if mode == "copy" else "moved"
                reason = f"NOT {verb}: {error.strerror or error}; {row.reason}"
                row = replace(row, destination="", reason=reason)
        advance()
        return row

    with ThreadPoolExecutor(jobs) as pool:
        done = tuple(pool.map(carry_out, rows))
    failures = sum(bool(row.destination) for row in rows) - sum(bool(r.destination) for r in done)
    return Placed(done, failures)


def place(source: Path, destination: Path, mode: str, digest: str) -> None:
    """Bring one file to its destination.

    Parameters
    ----------
    source, destination : Path
        The folder of the destination is created.
    mode : {"copy", "move"}
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
    destination.parent.mkdir(parents=True, exist_ok=True)
    if mode == "move":
        try:
            _rename_without_overwriting(source, destination)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
    _copy_verified(source, destination, digest)
    if mode == "move":
        source.unlink()


def _copy_verified(source: Path, destination: Path, digest: str) -> None:
    handle, name = tempfile.mkstemp(prefix=".dupimg-", suffix=".part", dir=destination.parent)
    part = Path(name)
    try:
        shutil.copyfile(source, part)
        os.fsync(handle)
        if content_digest(part) != digest:
            raise OSError(errno.EIO, "the content differs from what was read before")
        shutil.copystat(source, part)
        _rename_without_overwriting(part, destination)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
        raise
    finally:
        os.close(handle)


def _rename_without_overwriting(source: Path, destination: Path) -> None:
    # A rename would overwrite silently on POSIX; a second link to the file cannot.
    try:
        os.link(source, destination)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if destination.exists():
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), destination) from None
        source.rename(destination)
    else:
        source.unlink()
