"""One app for each user of a machine: a second start finds the first."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs
from filelock import FileLock, Timeout

_LOCK, _ADDRESS = "app.lock", "app.json"

_SECONDS_TO_ANSWER = 5.0


def state_folder() -> Path:
    """Return the folder in which the app remembers its runs; only its user can enter it."""
    folder = Path(platformdirs.user_state_dir("dupimg"))
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


@contextlib.contextmanager
def only_instance(folder: Path) -> Iterator[bool]:
    """Yield whether this is the only app; the system frees the lock of one that was killed."""
    try:
        with FileLock(folder / _LOCK, timeout=0):
            yield True
            (folder / _ADDRESS).unlink(missing_ok=True)
    except Timeout:
        yield False


def publish_address(folder: Path, address: str) -> None:
    """Write down where the app is, for a second start by the same user."""
    part = folder / f"{_ADDRESS}.part"
    part.unlink(missing_ok=True)
    file = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(file, "w") as stream:
        json.dump({"address": address}, stream)
    part.replace(folder / _ADDRESS)


def running_address(folder: Path) -> str:
    """Return where the app that runs is; empty if it is about to begin or to end."""
    with contextlib.suppress(OSError, ValueError, LookupError):
        return str(json.loads((folder / _ADDRESS).read_text())["address"])
    return ""


def open_running(address: str) -> bool:
    """Let the app that runs open its page; return whether it did."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.netloc, timeout=_SECONDS_TO_ANSWER)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"{url.path}open_page", "{}", headers)
        return connection.getresponse().status == 200
    return False
