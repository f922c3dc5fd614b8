"""Open a secret address in the browser without showing it on the public command line."""

from __future__ import annotations

import html
import os
import shutil
import sys
import tempfile
from pathlib import Path

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0;url={address}">
<title>dupimg</title>
<p><a href="{address}">Open dupimg</a></p>
</html>
"""


class SecretLink:
    """A local file that redirects to an address and that only its owner can read.

    Parameters
    ----------
    address : str

    Attributes
    ----------
    uri : str
        Address of the file.

    Examples
    --------
    >>> with SecretLink("http://127.0.0.1:8000/secret/") as link:
    ...     "secret" in link.uri
    False
    """

    def __init__(self, address: str) -> None:
        self._folder = _private_folder()
        page = self._folder / "open.html"
        file = os.open(page, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(file, "w", encoding="utf-8") as stream:
            stream.write(_PAGE.format(address=html.escape(address)))
        self.uri = page.as_uri()

    def __enter__(self) -> SecretLink:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def remove(self) -> None:
        """Remove the file, if it is still there."""
        shutil.rmtree(self._folder, ignore_errors=True)


def _private_folder() -> Path:
    """Create a folder that only its owner can enter."""
    if sys.platform == "linux":
        # Browsers installed as snaps see another /tmp and no hidden files of the home folder.
        try:
            return Path(tempfile.mkdtemp(prefix="dupimg-", dir=Path.home()))
        except (OSError, RuntimeError):
            pass  # missing or read-only home folder
    return Path(tempfile.mkdtemp(prefix="dupimg-"))
