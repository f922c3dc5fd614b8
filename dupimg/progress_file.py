"""Exchange progress and commands with another program through files in a shared folder.

If ``DUPIMG_PROGRESS`` names a folder, the run appends lines of JSON to its ``progress.jsonl``.
While the folder contains a file ``pause``, the run waits between two files. A question is a line,
too; the file ``answer`` answers it. The other program may start and stop at any time.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

ENVIRONMENT = "DUPIMG_PROGRESS"
LINES, PAUSE, ANSWER = "progress.jsonl", "pause", "answer"

_SECONDS_BETWEEN_LOOKS = 0.1


class ProgressFile:
    """The folder shared by a run and another program.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    name : str
        Name of the folder, by which the other program identifies the run.
    paused_seconds : float
        Total time that the run has been paused.
    """

    def __init__(self, folder: Path) -> None:
        self._lines, self._pause, self._answer = (folder / name for name in (LINES, PAUSE, ANSWER))
        self.name = folder.name
        self._waiting = threading.Lock()
        self.paused_seconds = 0.0

    def tell(self, **news: Any) -> None:
        """Append a line; ignore errors."""
        line = json.dumps(news) + "\n"
        with contextlib.suppress(OSError):
            file = os.open(self._lines, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line.encode())  # one write, so that threads do not mix their lines
            finally:
                os.close(file)

    def wait_while_paused(self) -> None:
        """Wait as long as the other program pauses the run."""
        if not self._pause.exists():
            return
        with self._waiting:
            if not self._pause.exists():
                return
            self.tell(paused=True)
            begun = time.monotonic()
            while self._pause.exists():
                time.sleep(_SECONDS_BETWEEN_LOOKS)
            self.paused_seconds += time.monotonic() - begun
            self.tell(paused=False)

    def ask(self, question: str) -> bool:
        """Ask the other program a question, and wait for the answer."""
        self._answer.unlink(missing_ok=True)
        self.tell(question=question)
        while not self._answer.exists():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        answer = self._answer.read_text()
        self.tell(question="")
        return answer == "yes"


_file: ProgressFile | None = None


def progress_file() -> ProgressFile | None:
    """Return the progress file, or None if no other program wants one."""
    return _file


def open_progress_file() -> None:
    """Open the progress file if the program that started this one asked for it."""
    global _file
    # Child processes must not use it.
    if folder := os.environ.pop(ENVIRONMENT, ""):
        _file = ProgressFile(Path(folder))
        # Restore Ctrl-C, which the parent program may have disabled.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if hasattr(signal, "SIGBREAK"):
            signal.signal(signal.SIGBREAK, signal.default_int_handler)


def tell(**news: Any) -> None:
    """Append a line to the progress file, if there is one."""
    if _file is not None:
        _file.tell(**news)
