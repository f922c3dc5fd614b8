"""A command as a process of its own: begun, paused, stopped and found again."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from dupimg.progress_file import ENVIRONMENT, PAUSE

STDOUT, STDERR = "stdout", "stderr"


def own_command() -> list[str]:
    """Return the words that start dupimg, also where it is one executable with all in it."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "dupimg"]


def start_child(words: Sequence[str], folder: Path) -> psutil.Popen:
    """Start a command that outlives this program.

    Parameters
    ----------
    words : sequence of str
        What follows ``dupimg``.
    folder : Path
        Gets what the command prints, and the news of `dupimg.progress_file`.
    """
    apart = (
        {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}  # type: ignore[attr-defined]
        if sys.platform == "win32"
        else {"start_new_session": True}  # Ctrl-C and closing the terminal do not reach it
    )
    with (folder / STDOUT).open("wb") as stdout, (folder / STDERR).open("wb") as stderr:
        return psutil.Popen(
            [*own_command(), *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            env=os.environ | {ENVIRONMENT: str(folder), "PYTHONUNBUFFERED": "1"},
            **apart,
        )


def find_child(pid: int, created: float) -> psutil.Process | None:
    """Return the process that an earlier start of the app began, if it is alive."""
    with contextlib.suppress(psutil.Error, ValueError):
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < 1:
            return process
    return None


def is_alive(process: psutil.Process | psutil.Popen | None) -> bool:
    """Return whether a process runs; one that has ended and is ours is forgotten by the system."""
    if process is None:
        return False
    if isinstance(process, psutil.Popen):
        return process.poll() is None
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def interrupt(process: psutil.Process, folder: Path) -> None:
    """Do as Ctrl-C does: the same command goes on later."""
    (folder / PAUSE).unlink(missing_ok=True)  # who waits does not hear
    with contextlib.suppress(psutil.Error, OSError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.send_signal(signal.SIGINT)
