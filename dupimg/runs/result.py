"""What a run did, and the summary that a person reads at the end."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dupimg.messages import Message, message, why
from dupimg.plans.rows import KEEP, LEAVE, OTHER, REMOVE, Row
from dupimg.wording import counted, plural

PLAN, REPORT, ADDED, UNDO_REPORT = "plan.csv", "report.csv", "added.csv", "undo.csv"


@dataclass(frozen=True)
class Result:
    """What a run did, or would do.

    Attributes
    ----------
    rows : tuple of Row
        One for each file found.
    report : Path
        The report, or the plan where nothing was carried out.
    seconds : float
    page : Path or None
        The page to look the photos over.
    failures : int
        Files that could not be brought to their destination; they are where they were.
    system_folders, system_files : int
        Passed over: thumbnails, bins, indexes.
    notes : tuple of Message
        What else a person should know.
    """

    rows: tuple[Row, ...] = field(repr=False)
    report: Path
    seconds: float
    page: Path | None = None
    failures: int = 0
    system_folders: int = 0
    system_files: int = 0
    notes: tuple[Message, ...] = ()

    def count(self, action: str) -> int:
        """Return how many files have an action, without those that failed."""
        return sum(row.action == action and not row.failed for row in self.rows)

    @property
    def n_scenes(self) -> int:
        """Number of scenes of the photos that are kept."""
        return len({row.scene for row in self.rows if row.action == KEEP and not row.failed})

    @property
    def bytes_freed(self) -> int:
        """What the removed files take."""
        return sum(
            row.bytes
            for row in self.rows
            if row.action == REMOVE and row.destination and not row.failed
        )

    def _repr_html_(self) -> str:
        """Return what a notebook shows."""
        from dupimg.pages.result_html import result_html

        return result_html(self)

    def summary(self) -> str:
        """Return the lines that a person reads at the end."""
        output = self.report.parent
        found, kept, removed = len(self.rows), self.count(KEEP), self.count(REMOVE)
        unsearched = sum(
            row.reason is not None and row.reason.code == "reason.folder_not_listed"
            for row in self.rows
        )
        left = self.count(LEAVE)
        lines = [
            f"found    {found:>8,} {plural(found, 'file')} = kept + removed + other"
            + " + left" * bool(left)
            + " + failed" * bool(self.failures),
            f"kept     {kept:>8,} in {counted(self.n_scenes, 'scene')}      {output / 'processed'}",
            f"removed  {removed:>8,} {plural(removed, 'duplicate')}, "
            f"{self.bytes_freed / 1e6:,.1f} MB to be freed      {output / 'remove'}",
            f"other    {self.count(OTHER):>8,} no readable photo      {output / 'other'}",
        ]
        if left:
            lines.append(f"left     {left:>8,} where {'it is' if left == 1 else 'they are'}")
        if companions := sum(bool(row.companion_of) for row in self.rows):
            are = "is a companion of a photo" if companions == 1 else "are companions of photos"
            lines.append(f"         {companions:>8,} of these files {are}")
        if self.system_folders:
            lines.append(
                f"skipped  {self.system_files:>8,} {plural(self.system_files, 'file')} in "
                f"{counted(self.system_folders, 'system folder')}"
            )
        if unsearched:
            folders = plural(unsearched, "folder")
            lines.append(
                f"UNKNOWN  {unsearched:>8,} {folders} could not be searched: see the report"
            )
        if self.failures:
            where = "left where it was" if self.failures == 1 else "left where they were"
            files = plural(self.failures, "file")
            lines.append(f"FAILED   {self.failures:>8,} {files}, {where}: see the report")
        photos = sum(row.width is not None and not row.earlier for row in self.rows)
        rate = photos / max(self.seconds, 1e-9)
        lines.append(
            f"took     {self.seconds:>8,.1f} s"
            + (f", {rate:,.1f} photos per second" if photos else "")
        )
        written = [f"{self.report.stem:<8} {self.report}"]
        if self.page is not None:
            written.append(f"look     {self.page}")
        return "\n".join([*lines, *map(str, self.notes), *written])


def command_line(verb: str, path: Path) -> str:
    """Write a command as it can be typed, whatever the name of the folder.

    Examples
    --------
    >>> command_line("undo", Path("my photos"))
    "`dupimg undo 'my photos'`"
    """
    return f"`dupimg {verb} {shlex.quote(str(path))}`"


@contextlib.contextmanager
def explain_resume(command: str) -> Iterator[None]:
    """Say what can be done where a disk is full or fails under the journal or the report."""
    try:
        yield
    except OSError as error:
        raise OSError(
            error.errno, message("why.can_go_on", why=why(error), command=command)
        ) from error
