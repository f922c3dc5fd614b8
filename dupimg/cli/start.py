"""Entry point of ``dupimg`` and of the scripts: handles Ctrl-C and kills at the start and end."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
from collections.abc import Sequence

_INTERRUPTED = 130  # same as in `dupimg.cli.main`, which is not imported yet


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command in a process of its own; see `dupimg.cli.main.main`.

    Ctrl-C is handled before the imports. The end of a run counts as reported only as the very last
    act, as Python cleans up for up to 0.3 s, in which a kill makes the exit status a failure.
    """
    leaving = contextlib.ExitStack()
    atexit.register(leaving.close)  # registered first, so called last
    if hears := signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)
    from dupimg.cli.main import main as run
    from dupimg.runs.ends import told_at_end

    if hears:  # programs in the background of a shell ignore it
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
        with contextlib.suppress(OSError, ValueError):  # the reader is gone
            stream.flush()


def _end(*_: object) -> None:
    """Exit at once, as an interrupted import prints a traceback or swallows the interrupt."""
    if "--json" in sys.argv:
        os.write(1, b'{"status": %d, "error": "interrupted"}\n' % _INTERRUPTED)
    os.write(2, b"dupimg: interrupted\n")
    os._exit(_INTERRUPTED)
