"""Open a folder or a page with the programs of this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from dupimg.errors import UsageError
from dupimg.messages import message

_OPENERS = {"darwin": "open"}


def open_on_this_machine(path: Path) -> None:
    """Open a folder in the file manager, or a file in its program.

    Raises
    ------
    UsageError
        No program can open it on this machine.
    """
    try:
        if sys.platform == "win32":
            os.startfile(path)
        else:
            opener = _OPENERS.get(sys.platform, "xdg-open")
            subprocess.Popen([opener, str(path)], stderr=subprocess.DEVNULL)
    except OSError:
        raise UsageError(message("refused.not_opened", path=str(path))) from None
