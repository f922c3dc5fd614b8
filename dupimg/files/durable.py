"""Write files atomically and durably: on the disk in full, or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Folder in an output folder for journal, plan, previews and checkpoints.
STATE_FOLDER = ".dupimg"

# In that folder: the plan, and the journal of the applied steps.
PLAN_RECORD, JOURNAL_RECORD = "plan.jsonl", "journal.jsonl"

# Beside that folder: the duplicates.
REMOVED_FOLDER = "remove"


def holds_result(folder: Path) -> bool:
    """Return whether a folder holds a plan or the result of a run."""
    # `os.path`, unlike `Path`, returns False for paths that are too long or not accessible.
    records = (folder / STATE_FOLDER / name for name in (PLAN_RECORD, JOURNAL_RECORD))
    return any(map(os.path.exists, records))


def finds_no_space(error: OSError) -> bool:
    """Return whether an error says that a disk, or the user's share of it, is full."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def write_durably(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only when all of it is on the disk.

    Parameters
    ----------
    path : Path
        An existing file is replaced when the block ends. A crash may leave ``PATH.part``
        behind, which the next write replaces.

    Yields
    ------
    BinaryIO
        Open for writing. If the block raises, nothing has changed.

    Raises
    ------
    OSError
        The file cannot be written: no permission, no room left.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     with write_durably(Path(folder, "plan.csv")) as file:
    ...         _ = file.write(b"path,action")
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['plan.csv']
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to the disk, if the system can."""
    with contextlib.suppress(OSError):  # Windows cannot open a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
