"""List the folders of this machine for the folder chooser; never the names of files."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import platformdirs
import psutil

from dupimg.errors import UsageError
from dupimg.files.durable import STATE_FOLDER
from dupimg.messages import message, why

# Most entries of a folder to look at, and most subfolders to show.
_MOST_ENTRIES, _MOST_FOLDERS = 50_000, 2_000

_PHOTOS = re.compile(
    r".*\.(jpe?g|png|hei[cf]|webp|tiff?|gif|avif|bmp|dng|cr[23]|nef|arw|raf|orf|rw2|jxl|psd)",
    re.IGNORECASE | re.DOTALL,
)


def list_folder(folder: Path) -> dict[str, Any]:
    """Return the subfolders of a folder, and the number of photos directly in it.

    Raises
    ------
    UsageError
        The folder cannot be listed.
    """
    folder = Path(os.path.abspath(folder))  # noqa: PTH100  links stay as they are
    names, photos = [], 0
    try:
        with os.scandir(folder) as entries:
            for entry, _ in zip(entries, range(_MOST_ENTRIES), strict=False):
                if entry.is_dir():
                    names.append(entry.name)
                elif _PHOTOS.fullmatch(entry.name):
                    photos += 1
    except OSError as error:
        told = message("refused.not_listed", folder=str(folder), why=why(error))
        raise UsageError(told, field="folder") from None
    shown = sorted((n for n in names if not n.startswith((".", "$"))), key=str.casefold)
    return {
        "folder": str(folder),
        "parents": [{"name": p.name or str(p), "path": str(p)} for p in folder.parents][::-1],
        "name": folder.name or str(folder),
        "folders": [{"name": name, "path": str(folder / name)} for name in shown[:_MOST_FOLDERS]],
        "more": max(0, len(shown) - _MOST_FOLDERS),
        "photos": photos,
        "is_result": (folder / STATE_FOLDER).is_dir(),
    }


def places() -> list[dict[str, str]]:
    """Return likely places of photos: folders of the user, and disks."""
    own = {
        "pictures": platformdirs.user_pictures_dir(),
        "home": str(Path.home()),
        "desktop": platformdirs.user_desktop_dir(),
        "downloads": platformdirs.user_downloads_dir(),
    }
    found = [{"kind": kind, "path": path} for kind, path in own.items() if Path(path).is_dir()]
    disks = {part.mountpoint for part in psutil.disk_partitions() if Path(part.mountpoint).is_dir()}
    # On Linux, skip the mounts of the system.
    shown = sorted(disk for disk in disks if os.name == "nt" or _is_user_disk(disk))
    return found + [{"kind": "disk", "path": disk} for disk in shown]


def _is_user_disk(disk: str) -> bool:
    return disk == "/" or disk.startswith(("/media/", "/run/media/", "/mnt/", "/Volumes/"))


def suggest_output(input_dir: Path) -> Path:
    """Return an unused name for an output folder beside the photos.

    Examples
    --------
    >>> suggest_output(Path("/no/such/Photos")).as_posix()
    '/no/such/Photos sorted'
    """
    base = input_dir if input_dir.name else Path.home() / "Photos"
    parent = base.parent
    if parent.is_dir() and not os.access(parent, os.W_OK):
        parent = Path.home()
    names = [f"{base.name} sorted", *(f"{base.name} sorted {n}" for n in range(2, 100))]
    return next(path for path in map(parent.joinpath, names) if not path.exists())
