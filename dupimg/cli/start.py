"""The way into the commands and out of them, for ``dupimg`` and for scripts."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

_INTERRUPTED = 130  # as `dupimg.cli.main` has it, which is not imported yet


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command in a process of its own; see `dupimg.cli.main.main`.

    It hears Ctrl-C from the start, and its end is noted as told when nothing is left to do but to
    leave: Python tidies up for up to 0.3 s, and whoever is killed in that time did not succeed.
    """
    leaving = contextlib.ExitStack()
    atexit.register(leaving.close)  # the first to be registered is the last to be called
    if hears := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from dupimg.cli.main import main as run
    from dupimg.runs.ends import told_at_end

    if hears:  # in the background of a shell, programs ignore it
        signal.signal(signal.SIGINT, signal.default_int_handler)
    told = contextlib.ExitStack()
    told.enter_context(told_at_end())
    status = run(argv)
    leaving.callback(os._exit, status)
    leaving.push(told)
    leaving.callback(_flush)
    return status


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more
            stream.flush()


def _end(*_: object) -> None:
    """End at once: an import that was interrupted ends with a traceback, or swallows that."""
    if "--json" in sys.argv:
        os.write(1, b'{"status": %d, "error": "interrupted"}\n' % _INTERRUPTED)
    os.write(2, b"dupimg: interrupted\n")
    os._exit(_INTERRUPTED)
