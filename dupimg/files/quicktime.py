"""Read when a video was taken from the atoms of QuickTime and MP4 files.

Only the heads of atoms and the few bytes that hold a date are read, however large the film is.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import BinaryIO

from dupimg.files.capture_time import Stamp, parse_stamp
from dupimg.files.metadata import Metadata, to_place

_EPOCH = datetime(1904, 1, 1, tzinfo=timezone.utc)
_MOST_ATOMS = 1_000
_LONGEST_VALUE = 10_000

# Apple's own date has the offset from UTC, and the place is that of the phone.
_APPLE_DATE = b"com.apple.quicktime.creationdate"
_APPLE_PLACE = b"com.apple.quicktime.location.ISO6709"


def read_video(file: BinaryIO) -> Metadata:
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
        file.seek(0, 2)
        atoms = dict(_atoms(file, 0, file.tell()))
        moov = dict(_atoms(file, *atoms.get(b"moov", (0, 0))))
        values = _apple_values(file, *moov.get(b"meta", (0, 0)))
        stamp = parse_stamp("quicktime", values.get(_APPLE_DATE, b"").decode("utf-8", "replace"))
        stamps += [stamp] if stamp is not None else []
        place = _place(values.get(_APPLE_PLACE, b"").decode("utf-8", "replace"))
        stamps += _creation_time(file, *moov.get(b"mvhd", (0, 0)))
    return Metadata(tuple(stamps), place)


def _atoms(file: BinaryIO, start: int, end: int) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """Yield the kinds of the atoms between two places of a file, and where their contents are."""
    for _ in range(_MOST_ATOMS):
        if end - start < 8:
            return
        file.seek(start)
        head = file.read(8)
        size, kind, first = int.from_bytes(head[:4], "big"), head[4:], start + 8
        if size == 1:
            size, first = int.from_bytes(file.read(8), "big"), start + 16
        elif size == 0:  # up to the end of the file
            size = end - start
        if size < first - start or start + size > end:
            return
        yield kind, (first, start + size)
        start += size


def _creation_time(file: BinaryIO, start: int, end: int) -> Iterator[Stamp]:
    """Yield the creation time in a header of a film, seconds since 1904."""
    file.seek(start)
    head = file.read(min(12, end - start))
    if len(head) == 12:
        seconds = int.from_bytes(head[4:12] if head[0] == 1 else head[4:8], "big")
        moment = _EPOCH + timedelta(seconds=seconds) if seconds else None
        yield Stamp("quicktime", moment, is_utc=True)


def _apple_values(file: BinaryIO, start: int, end: int) -> dict[bytes, bytes]:
    """Return what Apple's list of metadata holds, by the names of its keys."""
    atoms = dict(_atoms(file, start, end))
    if b"keys" not in atoms or b"ilst" not in atoms:
        return {}
    # After its version and the number of keys, each key is an atom with a name space for a kind.
    keys_start, keys_end = atoms[b"keys"]
    names = [_read(file, *place) for _, place in _atoms(file, keys_start + 8, keys_end)]
    values = {}
    for number, place in _atoms(file, *atoms[b"ilst"]):
        data_start, data_end = dict(_atoms(file, *place)).get(b"data", (0, 0))
        index = int.from_bytes(number, "big") - 1
        if 0 <= index < len(names) and data_end - data_start > 8:
            values[names[index]] = _read(file, data_start + 8, data_end)  # after kind and language
    return values


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(min(end - start, _LONGEST_VALUE))


def _place(text: str) -> tuple[float, float] | None:
    """Return the coordinates of a place as ISO 6709 writes it, such as ``+37.77-122.41+10/``."""
    found = re.match(r"([+-]\d{1,2}(?:\.\d+)?)([+-]\d{1,3}(?:\.\d+)?)", text)
    return to_place(float(found[1]), float(found[2])) if found else None
