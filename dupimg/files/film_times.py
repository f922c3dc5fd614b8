"""Read the metadata of videos from the boxes of QuickTime and MP4 files.

Only the heads of boxes and the few bytes of the metadata are read, however large the film is.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, BinaryIO

from dupimg.files.boxes import Span, find_boxes, read_span, whole_file
from dupimg.files.capture_time import Stamp, parse_stamp
from dupimg.files.metadata import Metadata, to_place

_EPOCH = datetime(1904, 1, 1, tzinfo=timezone.utc)
_LONGEST_VALUE = 10_000

# Apple's own keys: its date has an offset from UTC, and the place is that of the phone.
_APPLE_KEYS = (
    b"com.apple.quicktime.creationdate",
    b"com.apple.quicktime.location.ISO6709",
    b"com.apple.quicktime.content.identifier",
)


@dataclass(frozen=True)
class Film:
    """The metadata of a video.

    Attributes
    ----------
    metadata : Metadata
        Dates and place: Apple's date with its offset, then the creation time in UTC.
    seconds : float or None
        Its length.
    content_id : str
        Apple's identifier of a Live Photo, which its photo and its video share; else empty.
    """

    metadata: Metadata = Metadata()
    seconds: float | None = None
    content_id: str = ""

    def to_json(self) -> list[Any]:
        """Return the film as JSON values, which `from_json` reads."""
        return [self.metadata.to_json(), self.seconds, self.content_id]

    @classmethod
    def from_json(cls, values: list[Any]) -> Film:
        """Return the film from the values of `to_json`."""
        metadata, seconds, content_id = values
        return cls(Metadata.from_json(metadata), seconds, content_id)


def read_film(file: BinaryIO) -> Film:
    """Return the metadata of a video.

    Parameters
    ----------
    file : binary file
        QuickTime or MP4; any other file has no metadata.
    """
    stamps: list[Stamp] = []
    place, seconds, content_id = None, None, ""
    with contextlib.suppress(OSError, ValueError, OverflowError):
        moov = dict(find_boxes(file, _child(dict(find_boxes(file, whole_file(file))), b"moov")))
        values = _apple_values(file, _child(moov, b"meta"))
        date, where, content_id = (
            values.get(key, b"").decode("utf-8", "replace") for key in _APPLE_KEYS
        )
        stamp = parse_stamp("quicktime", date)
        stamps += [stamp] if stamp is not None else []
        place = _place(where)
        head = read_span(file, _child(moov, b"mvhd"), _LONGEST_VALUE)
        seconds = _length(head)
        stamps += _creation_time(head)
    return Film(Metadata(tuple(stamps), place), seconds, content_id)


def _child(boxes: Mapping[bytes, Span], kind: bytes) -> Span:
    return boxes.get(kind, (0, 0))


def _creation_time(head: bytes) -> Iterator[Stamp]:
    """Yield the creation time in the header of a film, in seconds since 1904."""
    if len(head) >= 12:
        seconds = int.from_bytes(head[4:12] if head[0] == 1 else head[4:8], "big")
        moment = _EPOCH + timedelta(seconds=seconds) if seconds else None
        yield Stamp("quicktime", moment, is_utc=True)


def _length(head: bytes) -> float | None:
    """Return the length of a film in seconds from its header, which has ticks and their rate."""
    start, end = (20, 32) if head[:1] == b"\1" else (12, 20)
    rate, ticks = head[start : start + 4], head[start + 4 : end]
    unknown = len(head) < end or not any(rate) or not ticks.strip(b"\xff")
    return None if unknown else int.from_bytes(ticks, "big") / int.from_bytes(rate, "big")


def _apple_values(file: BinaryIO, span: Span) -> dict[bytes, bytes]:
    """Return Apple's metadata by the names of its keys."""
    boxes = dict(find_boxes(file, span))
    if b"keys" not in boxes:  # MP4 puts four bytes before them, QuickTime does not
        boxes = dict(find_boxes(file, (span[0] + 4, span[1])))
    if b"keys" not in boxes or b"ilst" not in boxes:
        return {}
    # Each key is a box; before them are the version and the number of keys.
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
    """Parse coordinates in ISO 6709, such as ``+37.77-122.41+10/``."""
    found = re.match(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)", text)
    return to_place(float(found[1]), float(found[2])) if found else None
