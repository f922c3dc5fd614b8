"""The way into the commands, by ``dupimg`` and by scripts: it hears Ctrl-C from the start."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

_INTERRUPTED = 130  # as `dupimg.cli.main` has it, which is not imported yet


def main(argv: Sequence[str] | None = None) -> int:
    """Import the commands and run one; see `dupimg.cli.main.main`."""
    if hears := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from dupimg.cli.main import main as run

    if hears:  # in the background of a shell, programs ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return run(argv)


def _end(*_: object) -> None:
    """End at once: an import that was interrupted ends with a traceback, or swallows that."""
    if "--json" in sys.argv:
        os.write(1, b'{"status": %d, "error": "interrupted"}\n' % _INTERRUPTED)
    os.write(2, b"dupimg: interrupted\n")
    os._exit(_INTERRUPTED)
