"""Allow one running app per user: a second start finds the first."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from dupimg.pages.app_address import withdraw_address

_LOCK = "app.lock"

_SECONDS_TO_ANSWER = 5.0


@contextlib.contextmanager
def only_instance(folder: Path) -> Iterator[bool]:
    """Yield whether this is the only app; the system releases the lock if the app is killed."""
    try:
        with FileLock(folder / _LOCK, timeout=0):
            yield True
            withdraw_address(folder)
    except Timeout:
        yield False


def open_running(address: str) -> bool:
    """Ask the running app to open its page; return whether it did."""
    url = urlsplit(address)
    connection = http.client.HTTPConnection(url.netloc, timeout=_SECONDS_TO_ANSWER)
    with contextlib.suppress(OSError), contextlib.closing(connection):
        headers = {"Content-Type": "application/json"}
        connection.request("POST", f"{url.path}open_page", "{}", headers)
        return connection.getresponse().status == 200
    return False
