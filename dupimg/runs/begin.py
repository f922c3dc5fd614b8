"""Begin a run: describe it, lock its folder, and find an unfinished one."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from dupimg.errors import UsageError
from dupimg.files.checkpoints import Checkpoints
from dupimg.files.durable import STATE_FOLDER
from dupimg.files.inputs import Inputs
from dupimg.messages import Message, message
from dupimg.options.fields import COMMAND_LINE_ONLY, WorkOptions
from dupimg.options.run_options import PlanOptions
from dupimg.options.time_zones import machine_zone
from dupimg.plans.reasons import both
from dupimg.plans.record import Run
from dupimg.progress import Standing, noted
from dupimg.runs.journal import APPLIED, APPLYING, UNDOING, Journal, locked
from dupimg.runs.result import command_line

# Options that do not affect the outcome: places, cache, output and speed.
_NO_SETTINGS = COMMAND_LINE_ONLY | {"input_dir", "protect", "output_dir", "cache", "quiet"}
_NO_SETTINGS |= {"jobs", "batch_size", "memory", "scheduler"}


_LOOK = "look.json"

# The names of the deciding steps in `dupimg.progress`.
DECIDING = ("reading", "embedding", "comparing", "pictures", "details", "scenes", "nearest")


@contextlib.contextmanager
def undisturbed(output_dir: Path, *, dry_run: bool = False) -> Iterator[Checkpoints | None]:
    """Lock the output folder against other runs; yield its checkpoints."""
    if dry_run:
        yield None
        return
    with locked(output_dir), Checkpoints(output_dir / STATE_FOLDER / "search") as checkpoints:
        yield checkpoints


@contextlib.contextmanager
def looking(output_dir: Path, command: str, *, dry_run: bool = False) -> Iterator[None]:
    """Record the progress of reading and comparing for `unfinished_look`.

    Parameters
    ----------
    output_dir : Path
        Must have its state folder, except for a dry run, which records nothing.
    command : str
        The command that resumes it.
    """
    path = output_dir / STATE_FOLDER / _LOOK

    def note(standing: Standing) -> None:
        with contextlib.suppress(OSError):  # only informative
            part = path.with_suffix(".part")
            part.write_text(json.dumps({"command": command, "standing": str(standing)}))
            part.replace(path)

    if dry_run:
        yield
        return
    try:
        with noted(note):
            yield
    except UsageError:
        path.unlink(missing_ok=True)
        raise
    path.unlink(missing_ok=True)


def unfinished_look(output_dir: Path) -> tuple[str, str] | None:
    """Return the recorded progress of an interrupted look, and the command to resume it."""
    try:
        values = json.loads((output_dir / STATE_FOLDER / _LOOK).read_text())
        return str(values["standing"]), str(values["command"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def remembers_nothing(words: Sequence[str]) -> bool:
    """Return whether a command looks at all photos anew when it is repeated.

    Examples
    --------
    >>> remembers_nothing(["dupimg", "plan", "in", "out", "--cache=none"])
    True
    """
    return "--cache=none" in words or ("--cache", "none") in pairwise(words)


def describe_run(options: PlanOptions, mode: str, *, portable: bool = False) -> Run:
    """Describe a run by all options that affect its outcome, and by its rule for names."""
    settings = {
        field.name: getattr(options, field.name)
        for field in dataclasses.fields(PlanOptions)
        if field.name not in _NO_SETTINGS
    }
    # With JSON types, as if read from a file.
    settings |= {n: list(value) for n, value in settings.items() if isinstance(value, tuple)}
    settings["time_zone"] = options.time_zone or machine_zone()
    return Run(Inputs.join(options.input_dir, options.protect), mode, settings, portable)


def told_folders(inputs: Inputs, output_dir: Path) -> Message:
    """Return a message with the input folders, the protected ones and the output folder."""
    protected = ", ".join(str(inputs / path) for path in inputs.protected)
    told = message("note.folders", inputs=str(inputs), output=str(output_dir))
    if not protected:
        return told
    return both(told, message("note.protected_folders", folders=protected))


def announces(options: WorkOptions) -> Callable[[Message], object]:
    """Return a function that prints messages, or does nothing if the options are quiet."""
    return _say_nothing if options.quiet else print


def _say_nothing(told: Message) -> None:
    """Ignore a message."""


def check_folder(output_dir: Path) -> None:
    """Raise UsageError unless the output folder exists.

    Raises
    ------
    UsageError
    """
    name, folder = "output_dir", str(output_dir)
    if output_dir.is_dir():
        return
    if output_dir.exists():
        raise UsageError(message("refused.file", name=name, folder=folder), field=name)
    raise UsageError(message("refused.no_folder", name=name, folder=folder), field=name)


def check_run(output_dir: Path) -> None:
    """Raise UsageError unless a folder is the output folder of a run.

    Raises
    ------
    UsageError
        It does not exist, or no run was carried out in it.
    """
    check_folder(output_dir)
    if not Journal.exists(output_dir):
        raise UsageError(message("refused.no_run", folder=str(output_dir)), field="output_dir")


def can_go_on(journal: Journal) -> bool:
    """Return whether a run has files left to bring to their places, or an end that nobody saw."""
    return (
        journal.state == APPLYING
        or (journal.state == APPLIED and bool(journal.failed))
        or journal.untold == APPLIED
    )


def unfinished_journal(output_dir: Path) -> Journal | None:
    """Return the journal of a run that can be resumed, if only to report its end.

    Raises
    ------
    UsageError
        The run is finished, or partly taken back.
    """
    if not Journal.exists(output_dir):
        return None
    journal = Journal(output_dir)
    folder, undo = str(output_dir), command_line("undo", output_dir)
    if journal.state == UNDOING:
        told = message("refused.partly_undone", folder=folder, undo=undo)
        raise UsageError(told, field="output_dir")
    if can_go_on(journal):
        return journal
    if journal.state == APPLIED:
        told = message("refused.has_results", folder=folder, undo=undo)
        raise UsageError(told, field="output_dir")
    return None
