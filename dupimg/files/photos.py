"""List the files of a folder; define the records of photos, videos and other files.

Hazards handled here: files that cannot be read, folders that cannot be listed, symbolic links
(never followed: they may lead out of the folder or in circles), names that are not UTF-8 (kept
as surrogates, as Python's file functions do), clocks that were never set.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from dupimg.files.capture_time import FILE_TIME
from dupimg.files.durable import holds_result
from dupimg.files.system_files import is_system_file, is_system_folder
from dupimg.files.traits import Traits
from dupimg.messages import Message, message, why
from dupimg.options.globs import first_match

if TYPE_CHECKING:
    from dupimg.files.metadata import Metadata


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
        The reason why it is no photo.
    companion_of : str
        Path of the photo that it belongs to; empty if there is none.
    modified_ns : int
        Modification time in nanoseconds since 1970, UTC.
    identity : str
        Of the file that has this content, see `dupimg.files.identity.identity_of`.
    """

    path: str
    bytes: int
    digest: str
    reason: Message
    companion_of: str = ""
    modified_ns: int = 0
    identity: str = ""

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
        The time that the camera's clock showed, with its offset from UTC where it is known.
    taken_from : str
        Where the time was found, see `dupimg.files.capture_time.FIELDS`; "file" for the earliest
        time of the file itself.
    modified_ns : int
        Modification time in nanoseconds since 1970, UTC.
    passed_over : Message or None
        Implausible dates that were passed over.
    traits : Traits
        Pages, camera, exposure and the like.
    identity : str
        Of the file that has this content, see `dupimg.files.identity.identity_of`.
    """

    path: str
    bytes: int
    digest: str
    width: int
    height: int
    taken_at: datetime
    taken_from: str
    modified_ns: int = 0
    passed_over: Message | None = None
    traits: Traits = Traits()
    identity: str = ""

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.width * self.height

    @property
    def local_time(self) -> datetime:
        """Capture time for order and names; see `local_time`."""
        return local_time(self.taken_at)

    @property
    def has_capture_time(self) -> bool:
        """Whether it is known when the photo was taken, not only when the file was written."""
        return self.taken_from != FILE_TIME


@dataclass(frozen=True)
class Video:
    """A video that is no companion; it is named and placed by its date like a photo.

    Attributes
    ----------
    path, bytes, digest, taken_at, taken_from, modified_ns, passed_over, identity
        See `Photo`.
    seconds : float or None
        Its length, if known.
    content_id : str
        See `dupimg.files.traits.Traits`.
    """

    path: str
    bytes: int
    digest: str
    taken_at: datetime
    taken_from: str
    modified_ns: int = 0
    passed_over: Message | None = None
    seconds: float | None = None
    content_id: str = ""
    identity: str = ""

    @property
    def local_time(self) -> datetime:
        """Capture time for order and names; see `local_time`."""
        return local_time(self.taken_at)

    @property
    def has_capture_time(self) -> bool:
        """Whether it is known when the photo was taken, not only when the file was written."""
        return self.taken_from != FILE_TIME


def local_time(moment: datetime) -> datetime:
    """Return the time that the camera's clock showed, for names and order.

    Only local times are comparable among photos with and without an offset from UTC.
    """
    return moment.replace(tzinfo=None)


def by_time(photo: Photo | Video) -> tuple[datetime, str]:
    """Sort key of photos and videos: by capture time, ties by path."""
    return photo.local_time, photo.path


@dataclass(frozen=True)
class Listing:
    """All files of a folder.

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
        Number of skipped folders, see `dupimg.files.system_files`.
    system_files : int
        Number of files in them, and of skipped files elsewhere.
    metadata : mapping of str to Metadata
        Dates and places in the contents of photos and videos, by digest.
    passed_over : tuple of str
        Paths of files that are not in the listing, see `dupimg.files.passed_over`.
    """

    photos: tuple[Photo, ...]
    others: tuple[File, ...]
    companions: tuple[File, ...] = ()
    system_folders: int = 0
    system_files: int = 0
    metadata: Mapping[str, Metadata] = field(default_factory=dict, repr=False)
    videos: tuple[Video, ...] = ()
    passed_over: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """The files of a folder before any is opened, and the skipped ones.

    Attributes
    ----------
    files : tuple of (str, os.stat_result)
        Paths of regular files.
    others : tuple of File
    system_folders, system_files : int
        See `Listing`.
    notes : tuple of Message
        Notes for the user.
    passed_over : int
        Number of files in excluded folders.
    excluded : frozenset of str
        Paths of `files` and `others` that the options exclude; they are listed only to find their
        companions.
    results : tuple of str
        Paths of skipped subfolders that hold the result of an earlier run.
    """

    files: tuple[tuple[str, os.stat_result], ...]
    others: tuple[File, ...]
    system_folders: int
    system_files: int
    notes: tuple[Message, ...] = ()
    passed_over: int = 0
    excluded: frozenset[str] = frozenset()
    results: tuple[str, ...] = ()

    @property
    def first(self) -> str | None:
        """Path of the first file that is not excluded."""
        return next((path for path, _ in self.files if path not in self.excluded), None)


def find_files(
    folder: Path,
    *,
    enter: Callable[[str], bool] | None = None,
    exclude: Sequence[str] = (),
    recursive: bool = True,
    include_system: bool = False,
    below: str = "",
) -> Found:
    """List the files of a folder without opening them.

    Parameters
    ----------
    folder : Path
    enter : callable, optional
        Returns whether to walk a subfolder, given its relative path; empty for the folder itself.
    exclude : sequence of str
        Patterns of paths to leave out, see `dupimg.options.globs`.
    recursive : bool, default=True
        Whether to search subfolders, too.
    include_system : bool, default=False
        Whether to include the files of systems and programs, and results of earlier runs. These
        hold photos under other names, which a move would take away from them.
    below : str
        Path of `folder` in the input folder, to which the patterns are relative.

    Returns
    -------
    Found
        Regular files in order of path; symbolic links, special files and folders that could not
        be listed are among `others`, each with the reason.
    """
    files: list[tuple[str, os.stat_result]] = []
    others: list[File] = []
    system_folders = system_files = passed_over = 0
    excluded: set[str] = set()
    results: list[str] = []
    waiting = [""]
    while waiting:
        parent = waiting.pop()
        if enter is not None and not enter(parent):
            continue
        entries = _entries(folder / parent)
        if isinstance(entries, Message):
            others.append(File(parent, 0, "", entries))
            continue
        if parent and not include_system and holds_result(folder / parent):
            results.append(parent)
            system_folders += 1
            system_files += _count_files(folder / parent)
            continue
        for entry in reversed(entries):  # the last one on the stack is walked first
            path = f"{parent}/{entry.name}" if parent else entry.name
            in_input = f"{below}/{path}" if below else path
            is_excluded = bool(exclude) and first_match(exclude, in_input) < len(exclude)
            if entry.is_dir(follow_symlinks=False):
                if is_system_folder(in_input, include_system=include_system):
                    system_folders += 1
                    system_files += _count_files(entry)
                elif recursive and not is_excluded:
                    waiting.append(path)
                else:
                    passed_over += _count_files(entry)
            elif not include_system and is_system_file(path):
                system_files += 1
            else:
                if is_excluded:
                    excluded.add(path)
                status = _regular_status(entry)
                if isinstance(status, Message):
                    others.append(File(path, 0, "", status))
                else:
                    files.append((path, status))
    files.sort(key=lambda file: file[0])
    return Found(
        tuple(files),
        tuple(others),
        system_folders,
        system_files,
        passed_over=passed_over,
        excluded=frozenset(excluded),
        results=tuple(results),
    )


def _entries(folder: Path) -> list[os.DirEntry[str]] | Message:
    """Return the entries of a folder by name, or the reason why it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        return message("reason.folder_not_listed", why=why(error))


def _count_files(folder: Path | os.DirEntry[str]) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def _regular_status(entry: os.DirEntry[str]) -> os.stat_result | Message:
    """Return the status of a regular file, or the reason why it has none."""
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
