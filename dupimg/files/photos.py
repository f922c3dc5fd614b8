"""List the files of a folder, and the frozen records of photos and other files.

Hazards handled here: files that cannot be read, folders that cannot be listed, symbolic links
(never followed: they may lead out of the folder or in circles), names that are not UTF-8 (kept
as surrogates, as Python's file functions do), clocks that were never set.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from dupimg.files.quicktime import Movie
from dupimg.files.traits import Traits
from dupimg.messages import Message, message, why

# Folders that a system or another program keeps beside photos: thumbnails, bins, indexes.
SYSTEM_FOLDERS = frozenset(
    {
        ".thumbnails",
        ".dupimg",
        "@eadir",
        "$recycle.bin",
        "#recycle",
        ".trash",
        ".trashes",
        ".spotlight-v100",
        ".fseventsd",
        "system volume information",
    }
)

# What `taken_from` says of a file's own time.
FILE_TIME = "file"

# EXIF tags: (date and time, fraction of a second, offset from UTC), the most reliable first.
_CAPTURE_TAGS = (
    (0x9003, 0x9291, 0x9011),  # DateTimeOriginal
    (0x9004, 0x9292, 0x9012),  # DateTimeDigitized
    (0x0132, 0x9290, 0x9010),  # DateTime
)


@dataclass(frozen=True)
class File:
    """A file that is not a readable photo.

    Attributes
    ----------
    path : str
        Relative to the folder, with forward slashes.
    bytes : int
    digest : str
        SHA-256 of the content, hexadecimal; empty where the content could not be read.
    reason : Message
        Why it is no photo.
    companion_of : str
        Path of the photo that it belongs to; empty if there is none.
    modified_ns : int
        Modification time in nanoseconds since 1970, UTC.
    """

    path: str
    bytes: int
    digest: str
    reason: Message
    companion_of: str = ""
    modified_ns: int = 0

    @property
    def readable(self) -> bool:
        """Whether the content could be read, so that it can be copied."""
        return bool(self.digest)


@dataclass(frozen=True)
class Photo:
    """A picture file.

    Attributes
    ----------
    path : str
        Relative to the folder, with forward slashes.
    bytes : int
    digest : str
        SHA-256 of the content, hexadecimal.
    width, height : int
        Pixels, upright.
    taken_at : datetime
        With its offset from UTC where the photo carries one, else the local time.
    taken_from : {"exif", "file"}
        Whether the time comes from the EXIF tags or from the file's own times.
    modified_ns : int
        Modification time in nanoseconds since 1970, UTC.
    traits : Traits
        What the file holds beside its pixels.
    """

    path: str
    bytes: int
    digest: str
    width: int
    height: int
    taken_at: datetime
    taken_from: str
    modified_ns: int = 0
    traits: Traits = Traits()

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height

    @property
    def has_capture_time(self) -> bool:
        """Whether the time is more than that of the file."""
        return self.taken_from != FILE_TIME

    @property
    def local_time(self) -> datetime:
        """Capture time for order and names; see `local_time`."""
        return local_time(self.taken_at)


@dataclass(frozen=True)
class Video:
    """A film on its own, which is named and placed by its date as photos are.

    Attributes
    ----------
    path, bytes, digest, taken_at, taken_from, modified_ns
        As of a `Photo`; `taken_from` is "quicktime" or "file".
    movie : Movie
        What the film says of itself.
    """

    path: str
    bytes: int
    digest: str
    taken_at: datetime
    taken_from: str
    modified_ns: int = 0
    movie: Movie = Movie()

    @property
    def local_time(self) -> datetime:
        """Capture time for order and names; see `local_time`."""
        return local_time(self.taken_at)


def local_time(moment: datetime) -> datetime:
    """Return a time in this machine's zone, without offset, for names and order.

    Cameras mostly record local time without an offset, so photos with and without an offset can
    only be compared in local time.
    """
    if moment.tzinfo is None:
        return moment
    try:
        return moment.astimezone().replace(tzinfo=None)
    except (OverflowError, OSError, ValueError):  # years that the system's calendar lacks
        return moment.replace(tzinfo=None)


@dataclass(frozen=True)
class Listing:
    """Everything that a folder holds.

    Attributes
    ----------
    photos : tuple of Photo
        In order of capture time, ties by path.
    others : tuple of File
        In order of path.
    companions : tuple of File
        Files that belong to one of the photos or videos, in order of path.
    videos : tuple of Video
        In order of capture time, ties by path.
    system_folders : int
        Number of skipped folders, see `SYSTEM_FOLDERS`.
    system_files : int
        Number of files in them.
    """

    photos: tuple[Photo, ...]
    others: tuple[File, ...]
    companions: tuple[File, ...] = ()
    system_folders: int = 0
    system_files: int = 0
    videos: tuple[Video, ...] = ()


@dataclass(frozen=True)
class Found:
    """The files of a folder before any is opened, and the number of skipped ones."""

    files: tuple[tuple[str, os.stat_result], ...]
    others: tuple[File, ...]
    system_folders: int
    system_files: int

    @property
    def bytes(self) -> int:
        """Sum of the sizes of all files."""
        return sum(status.st_size for _, status in self.files)


def find_files(folder: Path) -> Found:
    """Walk a folder without opening a file.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Found
        Regular files in order of path; symbolic links, special files and folders that could not
        be listed are among `others`, each with the reason.
    """
    files: list[tuple[str, os.stat_result]] = []
    others: list[File] = []
    system_folders = system_files = 0
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        try:
            with os.scandir(folder / parent) as entries:
                listed = list(entries)
        except OSError as error:
            reason = message("reason.folder_not_listed", why=why(error))
            others.append(File(parent, 0, "", reason))
            continue
        for entry in listed:
            path = f"{parent}/{entry.name}" if parent else entry.name
            if _is_system_folder(entry):
                system_folders += 1
                system_files += sum(len(names) for _, _, names in os.walk(entry.path))
            elif entry.is_dir(follow_symlinks=False):
                waiting.append(path)
            else:
                status = _regular_status(entry)
                if isinstance(status, Message):
                    others.append(File(path, 0, "", status))
                else:
                    files.append((path, status))
    files.sort(key=lambda file: file[0])
    return Found(tuple(files), tuple(others), system_folders, system_files)


def _is_system_folder(entry: os.DirEntry[str]) -> bool:
    known = entry.name.casefold() in SYSTEM_FOLDERS or entry.name.startswith(".Trash-")
    return known and entry.is_dir(follow_symlinks=False)


def _regular_status(entry: os.DirEntry[str]) -> os.stat_result | Message:
    """Return the status of a regular file, or why there is none."""
    try:
        if entry.is_symlink():
            return message("reason.symbolic_link", target=str(Path(entry.path).readlink()))
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return message("reason.not_looked_at", why=why(error))
    if not stat.S_ISREG(status.st_mode):
        return message("reason.special_file")
    return status


def content_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal.

    Notes
    -----
    OpenSSL uses the processor's SHA instructions: 1.5 GB a second on one core, a small part of
    the time for decoding the same file.
    """
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(1 << 20))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(buffer):
            digest.update(buffer[:size])
    return digest.hexdigest()


def capture_time(exif: Mapping[int, Any]) -> datetime | None:
    """Return the time in the EXIF tags at which a photo was taken.

    Parameters
    ----------
    exif : mapping of int to object
        EXIF tags; unusable values (clocks that were never set, other formats) are skipped.

    Returns
    -------
    datetime or None
        With fractions of a second, and with the offset from UTC where there is one.

    Examples
    --------
    >>> capture_time({0x9003: "2025:06:13 23:07:56", 0x9291: "444", 0x9011: "+02:00"}).isoformat()
    '2025-06-13T23:07:56.444000+02:00'
    >>> capture_time({0x9003: "0000:00:00 00:00:00"}) is None
    True
    """
    for date_tag, fraction_tag, offset_tag in _CAPTURE_TAGS:
        numbers = re.match(
            r"\s*(\d{4})\D(\d\d?)\D(\d\d?)\D+(\d\d?):(\d\d?)(?::(\d\d?))?", _text(exif, date_tag)
        )
        if numbers is None:
            continue
        fraction = re.match(r"\d{1,6}", _text(exif, fraction_tag).strip())
        microsecond = int(fraction.group().ljust(6, "0")) if fraction else 0
        year, month, day, hour, minute, second = (int(n or 0) for n in numbers.groups())
        try:
            moment = datetime(year, month, day, hour, minute, second, microsecond)
        except ValueError:
            continue
        return moment.replace(tzinfo=_zone(_text(exif, offset_tag)))
    return None


def _text(exif: Mapping[int, Any], tag: int) -> str:
    value = exif.get(tag, "")
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _zone(offset: str) -> timezone | None:
    found = re.match(r"\s*([+-])(\d\d):?(\d\d)", offset)
    if found is None:
        return timezone.utc if offset.strip() == "Z" else None
    minutes = int(found[2]) * 60 + int(found[3])
    # No place on earth is further than 14 hours from UTC.
    return timezone(timedelta(minutes=int(found[1] + str(minutes)))) if minutes <= 14 * 60 else None


def earliest_time(status: os.stat_result) -> datetime:
    """Return the earliest time in a file's status, in local time."""
    times = [status.st_mtime, status.st_ctime, getattr(status, "st_birthtime", status.st_mtime)]
    try:
        return datetime.fromtimestamp(min(times))
    except (OverflowError, OSError, ValueError):
        return datetime(1970, 1, 1)
