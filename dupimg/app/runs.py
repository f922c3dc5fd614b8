"""The runs of the app: each a command in a process of its own, remembered in a folder of its own.

What is known of a run is on the disk, so that it survives the app: whether it goes on is asked of
the system, what came of it is read from what it printed.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import threading
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import psutil

from dupimg.app.child import STDERR, STDOUT, find_child, interrupt, is_alive, start_child
from dupimg.app.progress_log import ProgressLog
from dupimg.progress_file import ANSWER, PAUSE

# Where another page of dupimg is open; they have no result to come back to.
ROOMS = ("review", "tune")

_RUN = "run.json"

# How many are remembered, and how long a run may take to stop.
_MOST_RUNS, _SECONDS_TO_STOP = 200, 10.0

_STATES = {0: "done", 1: "failed", 2: "refused", 130: "stopped"}


class Run:
    """A command that the app began, now or in an earlier life.

    Parameters
    ----------
    folder : Path
        As `Runs.start` made it.
    process : psutil.Popen, optional
        The process, if this program began it.
    """

    def __init__(self, folder: Path, process: psutil.Popen | None = None) -> None:
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / _RUN).read_text())
        self._process = process or find_child(self.about["pid"], self.about["created"])
        self._log = ProgressLog(folder)
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """Name of the run, unique on this machine."""
        return self.folder.name

    @property
    def verb(self) -> str:
        """The command."""
        return str(self.about["words"][0])

    @property
    def kind(self) -> str:
        """The command, or "back" for an undo of single files."""
        single = any(str(word).startswith("--file") for word in self.about["words"])
        return "back" if single and self.verb == "undo" else self.verb

    @property
    def output_dir(self) -> Path:
        """Where the result goes."""
        return Path(self.about["output_dir"])

    @property
    def is_running(self) -> bool:
        """Whether it goes on."""
        if not is_alive(self._process):
            self._process = None
        return self._process is not None

    @property
    def log(self) -> ProgressLog:
        """What it has told so far."""
        with self._lock:
            self._log.read()
        return self._log

    @property
    def state(self) -> str:
        """One of running, pausing, paused, stopping, done, failed, refused, stopped, killed."""
        if self.is_running:
            if self.about.get("stopping"):
                return "stopping"
            if (self.folder / PAUSE).exists():
                return "paused" if self.log.paused else "pausing"
            return "running"
        if self.verb in ROOMS:
            return "refused" if self.log.error else "done"
        return _STATES.get(self.outcome.get("status", -1), "killed")

    @cached_property
    def _outcome(self) -> dict[str, Any]:
        lines = (self.folder / STDOUT).read_text("utf-8", "replace").splitlines()
        with contextlib.suppress(ValueError, IndexError):
            read = json.loads(lines[-1])
            return read if isinstance(read, dict) else {}
        return {}

    @property
    def outcome(self) -> dict[str, Any]:
        """What it printed at its end, as JSON values; empty if it did not come to it."""
        return {} if self.is_running else self._outcome

    @property
    def address(self) -> str:
        """Of its page, once it is there."""
        found = re.search(r"http://127\.0\.0\.1:\S+", (self.folder / STDOUT).read_text("utf-8"))
        return found[0] if found else ""

    def pause(self) -> None:
        """Let it wait between two files."""
        (self.folder / PAUSE).touch()

    def go_on(self) -> None:
        """End a pause."""
        (self.folder / PAUSE).unlink(missing_ok=True)

    def answer(self, yes: bool) -> None:
        """Answer its question."""
        part = self.folder / f"{ANSWER}.part"
        part.write_text("yes" if yes else "no")
        part.replace(self.folder / ANSWER)

    def stop(self) -> None:
        """Stop it as Ctrl-C does, and do not wait for that."""
        if self.is_running and self._process is not None:
            self.about["stopping"] = True
            interrupt(self._process, self.folder)

    def wait_for_end(self) -> None:
        """Wait until it has stopped; one that does not hear is killed, which loses nothing."""
        end = time.monotonic() + _SECONDS_TO_STOP
        while self.is_running and time.monotonic() < end:
            time.sleep(0.05)
        if self.is_running and self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.kill()

    def to_json(self) -> dict[str, Any]:
        """Return what the page needs to know in a list of runs."""
        about = self.about
        return {
            "id": self.id,
            "verb": self.verb,
            "kind": self.kind,
            "state": self.state,
            "command": shlex.join(["dupimg", *about["words"]]),
            "output_dir": about["output_dir"],
            "input_dirs": about["input_dirs"],
            "values": about["values"],
            "started": about["started"],
        }

    def progress(self) -> dict[str, Any]:
        """Return all that the page shows of a run."""
        log, state = self.log, self.state
        told = (self.folder / STDERR).read_text("utf-8", "replace").strip()
        return self.to_json() | {
            "steps": log.steps,
            "standing": log.standing,
            "rate": log.rate if state == "running" else 0,
            "seconds_left": log.seconds_left if state == "running" else None,
            "previews": len(log.previews),
            "question": log.question if self.is_running else "",
            "announced": log.announced,
            "error": log.error,
            "field": log.field,
            "notes": log.notes,
            "tuned": log.tuned,
            "told": told[-2000:],
            "outcome": self.outcome,
            "address": self.address if self.verb in ROOMS and self.is_running else "",
        }


class Runs:
    """The runs that the app knows, the latest last; every method may be called by any thread.

    Parameters
    ----------
    folder : Path
        Where they are remembered.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._lock = folder, threading.Lock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        known = sorted(path for path in folder.iterdir() if (path / _RUN).is_file())
        self._runs = {run.id: run for run in map(Run, known)}
        for run in list(self._runs.values())[:-_MOST_RUNS]:
            if not run.is_running:
                shutil.rmtree(run.folder, ignore_errors=True)
                del self._runs[run.id]

    def __iter__(self) -> Iterator[Run]:
        with self._lock:
            return iter(list(self._runs.values()))

    def find(self, name: str) -> Run | None:
        """Return a run by its name."""
        return self._runs.get(name)

    @property
    def running(self) -> list[Run]:
        """Those that go on, but for rooms, which end by themselves when their page is closed."""
        return [run for run in self if run.is_running and run.verb not in ROOMS]

    def at(self, output_dir: Path) -> list[Run]:
        """Return those of an output folder."""
        return [run for run in self if run.output_dir == output_dir]

    def start(
        self,
        command: str,
        *,
        output_dir: Path,
        input_dirs: list[str] | None = None,
        values: dict[str, Any] | None = None,
    ) -> Run:
        """Begin a command.

        Parameters
        ----------
        command : str
            As a person would type it.
        output_dir : Path
        input_dirs : list of str, optional
        values : dict, optional
            Of the form that led to it.
        """
        words = shlex.split(command)[1:]
        aside = ["--browser=no"] if words[0] in ROOMS else ["--json"]
        with self._lock:
            started = time.time()
            folder = self._folder / f"{time.time_ns():020}"
            folder.mkdir(mode=0o700)
            process = start_child([words[0], *aside, *words[1:]], folder)
            about = {
                "words": words,
                "output_dir": str(output_dir),
                "input_dirs": input_dirs or [],
                "values": values or {},
                "started": started,
                "pid": process.pid,
                "created": process.create_time(),
            }
            part = folder / f"{_RUN}.part"
            part.write_text(json.dumps(about))
            part.replace(folder / _RUN)
            run = self._runs[folder.name] = Run(folder, process)
        return run
