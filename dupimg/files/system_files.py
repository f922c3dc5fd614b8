"""Recognize files that systems and programs keep beside photos: trash, previews, indexes."""

from __future__ import annotations

from fnmatch import fnmatchcase

_FOLDERS = (
    ".thumbnails",
    "@eadir",
    "$recycle.bin",
    "#recycle",
    "@recycle",
    ".trash",
    ".trashes",
    ".trash-*",
    ".dtrash",
    ".stversions",
    ".stfolder",
    ".@__thumb",
    "*.lrdata",
    ".spotlight-v100",
    ".fseventsd",
    "system volume information",
    "lost+found",
)
# This program's own folder: never input.
_OWN = ".dupimg"
# Folders within a library of Apple Photos, beside that of the originals.
_LIBRARY, _PREVIEWS = "*.photoslibrary", "resources"
_FILES = (".trashed-*", ".pending-*", "._*", "thumbs.db")


def is_system_folder(path: str, *, include_system: bool = False) -> bool:
    """Return whether a folder belongs to a system or a program.

    With `include_system`, only this program's own folder counts.

    Examples
    --------
    >>> is_system_folder("2024/@eaDir"), is_system_folder("My.photoslibrary/resources")
    (True, True)
    >>> is_system_folder("resources"), is_system_folder("My.photoslibrary/originals")
    (False, False)
    """
    parent, _, name = path.casefold().rpartition("/")
    if name == _OWN or include_system:
        return name == _OWN
    if name == _PREVIEWS and fnmatchcase(parent.rpartition("/")[2], _LIBRARY):
        return True
    return any(fnmatchcase(name, pattern) for pattern in _FOLDERS)


def is_system_file(path: str) -> bool:
    """Return whether a file belongs to a system: trash of a phone, an index or a resource fork.

    Examples
    --------
    >>> is_system_file("DCIM/.trashed-1774607641-IMG_2.jpg"), is_system_file("a/Thumbs.db")
    (True, True)
    """
    name = path.casefold().rpartition("/")[2]
    return any(fnmatchcase(name, pattern) for pattern in _FILES)
