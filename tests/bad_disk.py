"""A real disk of which a part cannot be read: "Input/output error" half-way in a file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from filesystems import loop_mounted

_BLOCK = 4096


class BadDisk:
    """A filesystem in a file, from whose end something can be cut off.

    Attributes
    ----------
    folder : Path
        Where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._image = folder, folder.with_suffix(".img")

    @contextlib.contextmanager
    def failing(self, folder: str = "") -> Iterator[Path]:
        """Let half of the last photo of a folder be unreadable; yield its path.

        The system still remembers what else is lost with it.
        """
        os.sync()
        whole = self._image.read_bytes()
        places = {path: whole.find(_head(path)) for path in (self.folder / folder).glob("*.jpg")}
        last = max(places, key=lambda path: places[path])
        middle = places[last] + last.stat().st_size // 2 // _BLOCK * _BLOCK
        self._forget(last)
        os.truncate(self._image, middle)
        try:
            yield last
        finally:
            with self._image.open("rb+") as image:
                image.seek(middle)
                image.write(whole[middle:])
            self._forget(last)

    def _forget(self, path: Path) -> None:
        """Let the system read a file from the disk again."""
        file = os.open(path, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_BLOCK)


@contextlib.contextmanager
def bad_disk(folder: Path) -> Iterator[BadDisk]:
    """Mount such a disk, whole at first."""
    make = ["mkfs.ext4", "-q", "-O", "^has_journal"]
    with loop_mounted(
        folder, make, ["mount", "-o", "noatime"], megabytes=16, package="e2fsprogs"
    ) as mounted:
        yield BadDisk(mounted)
