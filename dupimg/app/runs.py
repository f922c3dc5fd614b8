"""The runs of the app: each is a command in its own process, recorded in its own folder.

All of a run's data is on disk, so that it survives the app: the system knows whether the process
is alive, and the output of the command holds the outcome.
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

# Verbs that only serve a page; they have no result to come back to.
ROOMS = ("review", "tune")

_RUN = "run.json"

# Most runs remembered, and how long one may take to stop.
_MOST_RUNS, _SECONDS_TO_STOP = 200, 10.0

_STATES = {0: "done", 1: "failed", 2: "refused", 130: "stopped"}


class Run:
    """A command started by this app or by an earlier one.

    Parameters
    ----------
    folder : Path
        The folder made by `Runs.start`.
    process : psutil.Popen, optional
        The process, if this program started it.
    """

    def __init__(self, folder: Path, process: psutil.Popen | None = None) -> None:
        self.folder = folder
        self.about: dict[str, Any] = json.loads((folder / _RUN).read_text())
        self._process = process or find_child(self.about["pid"], self.about["created"])
        self._log = ProgressLog(folder)
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        """Unique identifier of the run on this machine."""
        return self.folder.name

    @property
    def verb(self) -> str:
        """The verb of the command."""
        return str(self.about["words"][0])

    @property
    def kind(self) -> str:
        """The verb, or "back" for an undo of single files."""
        single = any(str(word).startswith("--file") for word in self.about["words"])
        return "back" if single and self.verb == "undo" else self.verb

    @property
    def output_dir(self) -> Path:
        """The output folder."""
        return Path(self.about["output_dir"])

    @property
    def is_running(self) -> bool:
        """Whether the process is alive."""
        if not is_alive(self._process):
            self._process = None
        return self._process is not None

    @property
    def is_joinable(self) -> bool:
        """Whether the run goes on, and its page, if it serves one, can be opened."""
        return self.is_running and not self.log.closed

    @property
    def log(self) -> ProgressLog:
        """The progress reported so far."""
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
        """The JSON object printed at the end; empty before that and if the run was cut short."""
        return {} if self.is_running else self._outcome

    @property
    def address(self) -> str:
        """Address of the page that the run serves; empty until it does."""
        told = (self.folder / STDOUT).read_text("utf-8", "replace")
        found = re.search(r"http://127\.0\.0\.1:\S+", told)
        return found[0] if found else ""

    def pause(self) -> None:
        """Make the run wait between two files."""
        (self.folder / PAUSE).touch()

    def go_on(self) -> None:
        """End a pause."""
        (self.folder / PAUSE).unlink(missing_ok=True)

    def answer(self, yes: bool) -> None:
        """Answer the question of the run."""
        part = self.folder / f"{ANSWER}.part"
        part.write_text("yes" if yes else "no")
        part.replace(self.folder / ANSWER)

    def stop(self) -> None:
        """Interrupt the run as Ctrl-C does, without waiting for its end."""
        if self.is_running and self._process is not None:
            self.about["stopping"] = True
            interrupt(self._process, self.folder)

    def wait_for_end(self) -> None:
        """Wait until the run has stopped; kill it after a while, which loses nothing."""
        end = time.monotonic() + _SECONDS_TO_STOP
        while self.is_running and time.monotonic() < end:
            time.sleep(0.05)
        if self.is_running and self._process is not None:
            with contextlib.suppress(psutil.Error):
                self._process.kill()

    def to_json(self) -> dict[str, Any]:
        """Return the fields that a list of runs shows."""
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
        """Return the fields that the page of the run shows."""
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
            "address": self.address if self.verb in ROOMS and self.is_joinable else "",
        }


class Runs:
    """All known runs, latest last; thread-safe.

    Parameters
    ----------
    folder : Path
        Holds a folder for each run.
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
        """Return a run by its id."""
        return self._runs.get(name)

    @property
    def running(self) -> list[Run]:
        """The running runs without `ROOMS`, which end by themselves when their page is closed."""
        return [run for run in self if run.is_running and run.verb not in ROOMS]

    def at(self, output_dir: Path) -> list[Run]:
        """Return the runs of an output folder."""
        return [run for run in self if run.output_dir == output_dir]

    def start(
        self,
        command: str,
        *,
        output_dir: Path,
        input_dirs: list[str] | None = None,
        values: dict[str, Any] | None = None,
    ) -> Run:
        """Start a command.

        Parameters
        ----------
        command : str
            The command line, starting with ``dupimg``.
        output_dir : Path
        input_dirs : list of str, optional
        values : dict, optional
            The values of the form that it came from.
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
