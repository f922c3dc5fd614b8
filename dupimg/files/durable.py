"""Write files that are there whole and on the disk, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# Where an output folder keeps what runs need to know: journal, plan, previews, checkpoints.
STATE_FOLDER = ".dupimg"


@contextmanager
def write_durably(path: Path) -> Iterator[BinaryIO]:
    """Write a file that takes its name in one step, once all of it is on the disk.

    Parameters
    ----------
    path : Path
        What is there until the block has ended is replaced then. A crash may leave a file
        ``PATH.part`` behind, which the next writing replaces.

    Yields
    ------
    BinaryIO
        To write to. Where the block raises, nothing has changed.

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
    """See to it that the names in a folder are on the disk; a no-op where that is not possible."""
    with contextlib.suppress(OSError):  # Windows cannot open a folder
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
