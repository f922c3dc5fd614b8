"""Where the app of this user is: written down by it, read by a second start and by other pages."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from urllib.parse import urlencode

import platformdirs

_ADDRESS = "app.json"


def state_folder() -> Path:
    """Return the folder in which the app remembers its runs; only its user can enter it."""
    folder = Path(platformdirs.user_state_dir("dupimg"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def publish_address(folder: Path, address: str) -> None:
    """Write down where the app is."""
    part = folder / f"{_ADDRESS}.part"
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as stream:
        json.dump({"address": address}, stream)
    part.replace(folder / _ADDRESS)


def withdraw_address(folder: Path) -> None:
    """Forget where the app was."""
    (folder / _ADDRESS).unlink(missing_ok=True)


def running_address(folder: Path) -> str:
    """Return where the app that runs is; empty if it is about to begin or to end."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        return str(json.loads((folder / _ADDRESS).read_text())["address"])
    return ""


def view_in_app(view: str, **values: str) -> str:
    """Return the address of a view of the app that runs; empty without one.

    Parameters
    ----------
    view : str
        Such as ``result``.
    **values : str
        What the view is about.
    """
    address = running_address(state_folder())
    return f"{address}#/{view}?{urlencode(values)}" if address else ""
