"""The verb status: describe the state of an output folder."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from dupimg.options.run_options import StatusOptions
from dupimg.options.verbs import verb
from dupimg.runs.begin import check_folder, remembers_nothing, unfinished_look
from dupimg.runs.journal import APPLIED, APPLYING, UNDOING, UNDONE, Journal, is_at_work, read_plan
from dupimg.runs.result import PLAN, UNDO_REPORT, command_line
from dupimg.wording import counted


@dataclass(frozen=True)
class Status:
    """The state of an output folder; its text includes the possible next steps.

    Attributes
    ----------
    output_dir : Path
    state : {"empty", "looking", "planned", "applying", "applied", "undoing", "undone"}
    text : str
    """

    output_dir: Path
    state: str
    text: str

    def to_json(self) -> dict[str, str]:
        """Return the state as JSON values."""
        return {"output_dir": str(self.output_dir), "state": self.state, "text": self.text}

    def summary(self) -> str:
        """Return the state as text."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.output_dir}: {self.text}"


@verb(StatusOptions)
def status(options: StatusOptions) -> Status:
    """Describe the state of an output folder.

    Returns
    -------
    Status
        The last run; ``str(status)`` also suggests the next steps.

    Raises
    ------
    UsageError
        There is no such folder.
    """
    output_dir = options.output_dir
    check_folder(output_dir)
    look = _unfinished_look(output_dir)
    if Journal.exists(output_dir):
        journal = Journal(output_dir)
        return Status(output_dir, journal.state, _standing(journal, output_dir) + look)
    if look and read_plan(output_dir) is None:
        return Status(output_dir, "looking", look.strip())
    if read_plan(output_dir) is None:
        return Status(output_dir, "empty", "no run was planned or carried out here.")
    return Status(
        output_dir,
        "planned",
        f"planned, not carried out. Look {PLAN} over, in a spreadsheet or with "
        f"{command_line('review', output_dir)}, then run "
        f"{command_line('apply', output_dir / PLAN)}.{look}",
    )


def _unfinished_look(output_dir: Path) -> str:
    """Return a text about an interrupted look at photos; empty if there is none."""
    if (look := unfinished_look(output_dir)) is None:
        return ""
    standing, command = look
    if is_at_work(output_dir):
        return f" A run is looking at photos now: {standing}."
    onward = "goes on"
    if remembers_nothing(shlex.split(command)):
        onward = "begins again, for --cache=none remembers nothing"
    return f" Looking at photos was interrupted at {standing}. `{command}` {onward}."


def _standing(journal: Journal, output_dir: Path) -> str:
    """Return a text about the state of a run and the possible next steps."""
    apply, undo = command_line("apply", output_dir), command_line("undo", output_dir)
    done, failed = len(journal.done), len(journal.failed)
    of_all = f"{done:,} of {counted(len(journal.steps), 'file')}"
    are, were = ("is", "was") if done == 1 else ("are", "were")
    placed = f"{of_all} {were} put in place"
    only = journal.record.run.only
    mode = f"mode {journal.record.run.mode}" + f", only {only}" * bool(only)
    back = f"{undo} takes the whole run back."
    if journal.earlier:
        back = f"{undo} takes the addition back; what was there before it stays."
    alone = f", {counted(len(journal.back), 'file')} brought back" if journal.back else ""
    if journal.trashed:
        alone += f", {counted(len(journal.trashed), 'file')} sent to the system's trash"
    again = f"; {apply} tries them again" if failed else ""
    return {
        APPLYING: f"unfinished, {placed} ({mode}). {apply} finishes it, {back}",
        APPLIED: f"finished, {placed} ({mode}), {failed:,} failed{again}{alone}. {back}",
        UNDOING: f"partly taken back, {of_all} {are} still in place"
        f"{' or in the trash' * bool(journal.trashed)}"
        f"{_why_left(journal, output_dir)}.",
        UNDONE: f"taken back, {_not_back(journal)}.",
    }[journal.state]


def _not_back(journal: Journal) -> str:
    """Return a text about the files that a finished undo has not restored."""
    if not journal.trashed:
        return "every file is where it was"
    gone = counted(len(journal.trashed), "file")
    return f"every file is where it was, but for {gone} in a trash that was emptied"


def _why_left(journal: Journal, output_dir: Path) -> str:
    """Return a text about the report of an undo, or about its interruption."""
    report, command = output_dir / UNDO_REPORT, command_line("undo", output_dir)
    if not journal.done:
        return f": only the report is not as it was. {command} goes on"
    # An undo writes its report after its last mark.
    if report.exists() and report.stat().st_mtime_ns >= journal.changed_ns:
        return f"; {UNDO_REPORT} says why. {command} tries again"
    return f": that was interrupted. {command} goes on"
