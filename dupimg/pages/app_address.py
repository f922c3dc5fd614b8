"""Publish the address of the user's app for a second start and for other pages."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from urllib.parse import urlencode

import platformdirs

_ADDRESS = "app.json"


def state_folder() -> Path:
    """Return the folder for the state of the app; only its user can enter it."""
    folder = Path(platformdirs.user_state_dir("dupimg"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def publish_address(folder: Path, address: str) -> None:
    """Write the address of the app to a file."""
    part = folder / f"{_ADDRESS}.part"
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as stream:
        json.dump({"address": address}, stream)
    part.replace(folder / _ADDRESS)


def withdraw_address(folder: Path) -> None:
    """Delete the address of the app."""
    (folder / _ADDRESS).unlink(missing_ok=True)


def running_address(folder: Path) -> str:
    """Return the address of the running app; empty while it starts or ends."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        return str(json.loads((folder / _ADDRESS).read_text())["address"])
    return ""


def view_in_app(view: str, **values: str) -> str:
    """Return the address of a view of the running app; empty if none runs.

    Parameters
    ----------
    view : str
        Name of the view, such as ``result``.
    **values : str
        Parameters of the view.
    """
    address = running_address(state_folder())
    return f"{address}#/{view}?{urlencode(values)}" if address else ""
