"""Run commands in child processes: start, find again, interrupt."""

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
    """Return the command line that starts dupimg, as a package or as a bundled executable."""
    if getattr(sys, "frozen", False):
        return [sys.executable]
    return [sys.executable, "-m", "dupimg"]


def start_child(words: Sequence[str], folder: Path) -> psutil.Popen:
    """Start a command that outlives this program.

    Parameters
    ----------
    words : sequence of str
        The arguments of ``dupimg``.
    folder : Path
        Receives the output of the command and its `dupimg.progress_file`.
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
    """Return the process started by an earlier app, if it is still alive."""
    with contextlib.suppress(psutil.Error, ValueError):
        process = psutil.Process(pid)
        if abs(process.create_time() - created) < 1:
            return process
    return None


def is_alive(process: psutil.Process | psutil.Popen | None) -> bool:
    """Return whether a process runs; reap it if it is an ended child of ours."""
    if process is None:
        return False
    if isinstance(process, psutil.Popen):
        return process.poll() is None
    with contextlib.suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def interrupt(process: psutil.Process, folder: Path) -> None:
    """Interrupt a process as Ctrl-C does, so that the same command can resume later."""
    (folder / PAUSE).unlink(missing_ok=True)  # a paused process does not react
    with contextlib.suppress(psutil.Error, OSError):
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            process.send_signal(signal.SIGINT)
