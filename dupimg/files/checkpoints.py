"""Save the partial results of long searches, so that a killed search can resume.

A log is a file of records, one for each finished block: its number, the length and the CRC-32 of
its result, and the result. A truncated record and all after it are ignored. Records are in the
order in which the search used them, so a record only depends on earlier ones.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_HEADER = b"dupimg search 1\n"
_RECORD = struct.Struct("<QQI")  # number, length, CRC-32


class Checkpoints:
    """The logs of unfinished searches, in a folder.

    Parameters
    ----------
    folder : path-like
        Created when the first search is logged.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = Checkpoints(folder).log("a")
    ...     log.append(3, b"found")
    ...     list(Checkpoints(folder).log("a").records())
    [(3, b'found')]

    Notes
    -----
    As a context manager it removes the logs at the end, but keeps them after an error or a signal:

    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Checkpoints(folder) as checkpoints:
    ...         checkpoints.log("a").append(3, b"found")
    ...     list(Checkpoints(folder).log("a").records())
    []
    """

    def __init__(self, folder: str | Path) -> None:
        self._folder = Path(folder)

    def __enter__(self) -> Checkpoints:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove the logs unless an error occurred."""
        if kind is None:
            self.clear()

    def log(self, key: str) -> SearchLog:
        """Return the log of the search with this key, empty for a new one."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return SearchLog(self._folder / f"{key}.search")

    def clear(self) -> None:
        """Remove all logs, and the folder if nothing else is in it."""
        for path in self._folder.glob("*.search"):
            path.unlink()
        if self._folder.is_dir() and not any(self._folder.iterdir()):
            self._folder.rmdir()


class SearchLog:
    """The results of the blocks of one search.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Yield the numbers and the results of finished blocks; cut off damaged records."""
        if not self._path.exists():
            return
        with self._path.open("r+b") as file:
            whole = 0
            if file.read(len(_HEADER)) == _HEADER:
                whole = file.tell()
                while (record := _read(file)) is not None:
                    whole = file.tell()
                    yield record
            file.truncate(whole)

    def append(self, number: int, found: bytes) -> None:
        """Append the result of a block, in one write."""
        record = _RECORD.pack(number, len(found), _checksum(number, found)) + found
        with self._path.open("ab", buffering=0) as file:
            file.write(record if file.tell() else _HEADER + record)


def _read(file: BinaryIO) -> tuple[int, bytes] | None:
    head = file.read(_RECORD.size)
    if len(head) < _RECORD.size:
        return None
    number, length, checksum = _RECORD.unpack(head)
    if length > os.fstat(file.fileno()).st_size:
        return None
    found = file.read(length)
    if len(found) < length or _checksum(number, found) != checksum:
        return None
    return number, found


def _checksum(number: int, found: bytes) -> int:
    # Includes the number, so that a record of zeros is invalid.
    return zlib.crc32(found, number + 1 & 0xFFFFFFFF)
