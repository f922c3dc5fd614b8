"""Read when a video was taken from the boxes of QuickTime and MP4 files.

Only the heads of boxes and the few bytes that hold a date are read, however large the film is.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import BinaryIO

from dupimg.files.boxes import Span, find_boxes, read_span, whole_file
from dupimg.files.capture_time import Stamp, parse_stamp
from dupimg.files.metadata import Metadata, to_place

_EPOCH = datetime(1904, 1, 1, tzinfo=timezone.utc)
_LONGEST_VALUE = 10_000

# Apple's own date has the offset from UTC, and the place is that of the phone.
_APPLE_KEYS = (b"com.apple.quicktime.creationdate", b"com.apple.quicktime.location.ISO6709")


def read_film_times(file: BinaryIO) -> Metadata:
    """Return when and where a video was taken.

    Parameters
    ----------
    file : binary file
        Of QuickTime or MP4; anything else says nothing.

    Returns
    -------
    Metadata
        Apple's date with its offset before the creation time, which is in UTC.
    """
    stamps: list[Stamp] = []
    place = None
    with contextlib.suppress(OSError, ValueError, OverflowError):
        moov = dict(find_boxes(file, _child(dict(find_boxes(file, whole_file(file))), b"moov")))
        values = _apple_values(file, _child(moov, b"meta"))
        date, where = (values.get(key, b"").decode("utf-8", "replace") for key in _APPLE_KEYS)
        stamp = parse_stamp("quicktime", date)
        stamps += [stamp] if stamp is not None else []
        place = _place(where)
        stamps += _creation_time(file, _child(moov, b"mvhd"))
    return Metadata(tuple(stamps), place)


def _child(boxes: Mapping[bytes, Span], kind: bytes) -> Span:
    return boxes.get(kind, (0, 0))


def _creation_time(file: BinaryIO, span: Span) -> Iterator[Stamp]:
    """Yield the creation time in the header of a film, in seconds since 1904."""
    head = read_span(file, span, _LONGEST_VALUE)
    if len(head) >= 12:
        seconds = int.from_bytes(head[4:12] if head[0] == 1 else head[4:8], "big")
        moment = _EPOCH + timedelta(seconds=seconds) if seconds else None
        yield Stamp("quicktime", moment, is_utc=True)


def _apple_values(file: BinaryIO, span: Span) -> dict[bytes, bytes]:
    """Return Apple's metadata by the names of its keys."""
    boxes = dict(find_boxes(file, span))
    if b"keys" not in boxes or b"ilst" not in boxes:
        return {}
    # After its version and the number of keys, each key is a box.
    start, end = boxes[b"keys"]
    names = [read_span(file, key, _LONGEST_VALUE) for _, key in find_boxes(file, (start + 8, end))]
    values = {}
    for number, item in find_boxes(file, boxes[b"ilst"]):
        data = read_span(file, _child(dict(find_boxes(file, item)), b"data"), _LONGEST_VALUE)
        index = int.from_bytes(number, "big") - 1
        if 0 <= index < len(names):
            values[names[index]] = data[8:]  # after the type and the language
    return values


def _place(text: str) -> tuple[float, float] | None:
    """Return the coordinates of a place as ISO 6709 writes it, such as ``+37.77-122.41+10/``."""
    found = re.match(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)", text)
    return to_place(float(found[1]), float(found[2])) if found else None
