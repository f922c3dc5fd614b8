"""Read the crop box of an AVIF picture, which Pillow ignores."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from dupimg.files.boxes import Span, find_boxes, read_span, whole_file

_LONGEST_BOX = 100_000

# Left, upper, right and lower in pixels, before the picture is turned upright.
Box = tuple[int, int, int, int]


def read_crop_box(path: Path, size: tuple[int, int]) -> Box | None:
    """Return the visible part of an AVIF picture.

    Parameters
    ----------
    path : Path
    size : (int, int)
        Width and height of the whole picture.

    Returns
    -------
    (int, int, int, int) or None
        Left, upper, right and lower; None if the file has no crop box or one outside of the
        picture, which readers must ignore.
    """
    try:
        with path.open("rb") as file:
            content = _clean_aperture(file)
    except (OSError, ValueError, struct.error):
        return None
    return None if content is None else _box(content, size)


def _clean_aperture(file: BinaryIO) -> bytes | None:
    """Return the property ``clap`` of the primary item."""
    for kind, (start, end) in find_boxes(file, whole_file(file)):
        if kind != b"meta":
            continue
        meta = dict(find_boxes(file, (start + 4, end)))
        properties = dict(find_boxes(file, meta.get(b"iprp", (0, 0))))
        head = read_span(file, meta.get(b"pitm", (0, 0)), _LONGEST_BOX)
        primary = struct.unpack(">I" if head[:1] == b"\1" else ">H", head[4:])[0]
        table = read_span(file, properties.get(b"ipma", (0, 0)), _LONGEST_BOX)
        numbers = _properties_of(table, primary)
        found = list(find_boxes(file, properties.get(b"ipco", (0, 0))))
        spans: list[Span] = [
            span for i, (name, span) in enumerate(found, 1) if name == b"clap" and i in numbers
        ]
        return read_span(file, spans[0], _LONGEST_BOX) if spans else None
    return None


def _properties_of(table: bytes, item: int) -> set[int]:
    """Return the indices of the properties of an item, counted from 1."""
    version, flags = table[0], table[3]
    (n_items,) = struct.unpack_from(">I", table, 4)
    at = 8
    for _ in range(n_items):
        (number,) = struct.unpack_from(">H" if version < 1 else ">I", table, at)
        at += 2 if version < 1 else 4
        count, width = table[at], 2 if flags & 1 else 1
        values = [table[at + 1 + width * i : at + 1 + width * (i + 1)] for i in range(count)]
        at += 1 + width * count
        if number == item:
            mask = 0x7FFF if width == 2 else 0x7F  # the first bit marks essential properties
            return {int.from_bytes(value, "big") & mask for value in values}
    return set()


def _box(content: bytes, size: tuple[int, int]) -> Box | None:
    """Convert a clean aperture (size and offset of its centre) to a box."""
    if len(content) < 32:
        return None
    numbers = struct.unpack(">IIIIiIiI", content[:32])
    if not all(numbers[1::2]):
        return None
    width, height, right, down = (
        top / bottom for top, bottom in zip(numbers[::2], numbers[1::2], strict=True)
    )
    left = right + (size[0] - width) / 2
    upper = down + (size[1] - height) / 2
    box = (round(left), round(upper), round(left + width), round(upper + height))
    inside = 0 <= box[0] < box[2] <= size[0] and 0 <= box[1] < box[3] <= size[1]
    return box if inside and box != (0, 0, *size) else None
