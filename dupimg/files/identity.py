"""Tell a file that changed, without opening it."""

from __future__ import annotations

import os


def identity_of(status: os.stat_result) -> str:
    """Return what tells a file from another one, and from what it was before a change.

    Parameters
    ----------
    status : os.stat_result

    Returns
    -------
    str
        Device, inode, size and both times. While it is the same, so is the content.

    Notes
    -----
    The time of the last change of the file or its name (ctime) shows a content that was changed in
    place and given its old modification time, as ``exiftool -P`` does. On Windows it is the time at
    which the file was created, and FAT keeps none: there such a change does not show.
    """
    times = f"{status.st_mtime_ns}:{status.st_ctime_ns}"
    return f"{status.st_dev}:{status.st_ino}:{status.st_size}:{times}"


def inode_of(identity: str) -> str:
    """Return the part of an identity that two names of one file share, whatever was changed.

    Examples
    --------
    >>> inode_of("64:7:100:0:0")
    '64:7'
    """
    return ":".join(identity.split(":", 2)[:2])
