"""Tell another program how far a run is, and listen to it, by files in a folder that both know.

Where ``DUPIMG_PROGRESS`` names a folder, its ``progress.jsonl`` gets a line of JSON for each piece
of news. While it holds a file ``pause``, the run waits between two files; a question is a line,
too, and the file ``answer`` answers it. The other program may come and go as it likes.
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
    """The folder by which a run and another program know of each other.

    Parameters
    ----------
    folder : Path

    Attributes
    ----------
    name : str
        Of the folder: by it, the other program knows the run.
    paused_seconds : float
        How long the run has waited so far.
    """

    def __init__(self, folder: Path) -> None:
        self._lines, self._pause, self._answer = (folder / name for name in (LINES, PAUSE, ANSWER))
        self.name = folder.name
        self._waiting = threading.Lock()
        self.paused_seconds = 0.0

    def tell(self, **news: Any) -> None:
        """Write a line; nothing depends on it."""
        line = json.dumps(news) + "\n"
        with contextlib.suppress(OSError):
            file = os.open(self._lines, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                os.write(file, line.encode())  # one write: threads do not mix their lines
            finally:
                os.close(file)

    def wait_while_paused(self) -> None:
        """Return at once, or when the other program lets the run go on."""
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
        """Ask a question, and wait for the answer."""
        self._answer.unlink(missing_ok=True)
        self.tell(question=question)
        while not self._answer.exists():
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        answer = self._answer.read_text()
        self.tell(question="")
        return answer == "yes"


_file: ProgressFile | None = None


def progress_file() -> ProgressFile | None:
    """Return what tells another program of this run, if one wants to know."""
    return _file


def open_progress_file() -> None:
    """Begin to tell the program that started this one, if it asked for that."""
    global _file
    # Not for the processes that this one starts.
    if folder := os.environ.pop(ENVIRONMENT, ""):
        _file = ProgressFile(Path(folder))
        # Whatever the program that started this one does with Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if hasattr(signal, "SIGBREAK"):
            signal.signal(signal.SIGBREAK, signal.default_int_handler)


def tell(**news: Any) -> None:
    """Write a line if another program wants to know."""
    if _file is not None:
        _file.tell(**news)
