"""Find the boxes (atoms) of QuickTime, MP4 and JPEG 2000 files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

_MOST_BOXES = 1_000

# Begin and end of the content of a box in its file.
Span = tuple[int, int]


def find_boxes(file: BinaryIO, span: Span) -> Iterator[tuple[bytes, Span]]:
    """Yield the kinds and the spans of the boxes in a part of a file.

    Parameters
    ----------
    file : binary file
    span : (int, int)
        Begin and end of the part.

    Yields
    ------
    kind : bytes
        Of length 4.
    span : (int, int)
        Always inside the part: a box that exceeds it ends the search.
    """
    start, end = span
    for _ in range(_MOST_BOXES):
        if end - start < 8:
            return
        file.seek(start)
        head = file.read(8)
        size, kind, first = int.from_bytes(head[:4], "big"), head[4:], start + 8
        if size == 1:
            size, first = int.from_bytes(file.read(8), "big"), start + 16
        elif size == 0:  # up to the end
            size = end - start
        if size < first - start or start + size > end:
            return
        yield kind, (first, start + size)
        start += size


def whole_file(file: BinaryIO) -> Span:
    """Return the span of a whole file."""
    return 0, file.seek(0, 2)


def read_span(file: BinaryIO, span: Span, longest: int) -> bytes:
    """Return the bytes of a span; no bytes if it is longer than `longest`."""
    start, end = span
    file.seek(start)
    return file.read(end - start) if end - start <= longest else b""
