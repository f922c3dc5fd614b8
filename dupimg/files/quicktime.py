"""Read length, time and Apple's identifier of a MOV or MP4 file, in a bounded number of steps.

A file is a list of boxes, each with its length and four letters; some hold boxes themselves. Only
the few that say something are read. A broken or hostile file says nothing.
"""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, BinaryIO

# More boxes, or a longer list of names and values, no camera writes.
_MOST_BOXES = 1000
_MOST_BYTES = 1 << 18

_EPOCH = datetime(1904, 1, 1, tzinfo=timezone.utc)
_CONTENT_ID = b"com.apple.quicktime.content.identifier"
_CREATED = b"com.apple.quicktime.creationdate"


@dataclass(frozen=True)
class Movie:
    """What a film says of itself.

    Attributes
    ----------
    seconds : float or None
        Its length.
    created : datetime or None
        With an offset from UTC; in UTC where the file does not say where it was.
    content_id : str
        Apple's identifier of a Live Photo, which its photo and its video share; else empty.
    """

    seconds: float | None = None
    created: datetime | None = None
    content_id: str = ""

    def to_json(self) -> list[Any]:
        """Return the film's values as JSON values, which `from_json` reads."""
        return [self.seconds, self.created and self.created.isoformat(), self.content_id]

    @classmethod
    def from_json(cls, values: list[Any]) -> Movie:
        """Return what `to_json` wrote."""
        seconds, created, content_id = values
        return cls(seconds, datetime.fromisoformat(created) if created else None, content_id)


def read_movie(path: Path) -> Movie:
    """Read what a film says of itself.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Movie
        Empty for a file of another kind, or one that cannot be read.
    """
    seconds, created, values = None, None, {}
    with (
        contextlib.suppress(OSError, struct.error, ValueError, OverflowError),
        path.open("rb") as file,
    ):
        for kind, start, end in _boxes(file, 0, file.seek(0, 2)):
            if kind != b"moov":
                continue
            for inner, at, stop in _boxes(file, start, end):
                if inner == b"mvhd":
                    seconds, created = _header(_read(file, at, stop))
                elif inner == b"meta":
                    values = _apple_values(file, at, stop)
            break
    with contextlib.suppress(ValueError):
        created = datetime.strptime(values.get(_CREATED, ""), "%Y-%m-%dT%H:%M:%S%z")
    return Movie(seconds, created, values.get(_CONTENT_ID, ""))


def _boxes(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind of each box between two places, and where its content begins and ends."""
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        size, kind = struct.unpack(">I4s", file.read(8))
        content = start + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            content += 8
        stop = end if size == 0 else start + size
        if stop > end or stop < content:
            return
        yield kind, content, stop
        start = stop


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, _MOST_BYTES))


def _header(content: bytes) -> tuple[float | None, datetime | None]:
    """Return length and creation time of the header of a film."""
    layout = ">4xQQIQ" if content[:1] == b"\1" else ">4xIIII"
    created, _, scale, duration = struct.unpack_from(layout, content)
    moment = _EPOCH + timedelta(seconds=created) if created else None
    return (duration / scale if scale else None), moment


def _apple_values(file: BinaryIO, start: int, end: int) -> dict[bytes, str]:
    """Return Apple's metadata by name: a list of names, and one of values by their numbers."""
    names: list[bytes] = []
    values: dict[bytes, str] = {}
    # MP4 puts four bytes before the boxes, QuickTime does not.
    if _read(file, start, start + 8)[4:] != b"hdlr":
        start += 4
    for kind, at, stop in _boxes(file, start, end):
        if kind == b"keys":
            names = list(_names(_read(file, at, stop)))
        elif kind == b"ilst":
            for number, value_at, value_end in _boxes(file, at, stop):
                (place,) = struct.unpack(">I", number)
                content = _read(file, value_at, value_end)
                if 1 <= place <= len(names) and content[4:8] == b"data":
                    values[names[place - 1]] = content[16:].decode("utf-8")
    return values


def _names(content: bytes) -> Iterator[bytes]:
    at = 8
    while at + 8 <= len(content):
        (size,) = struct.unpack_from(">I", content, at)
        if size < 8:
            return
        yield content[at + 8 : at + size]
        at += size
