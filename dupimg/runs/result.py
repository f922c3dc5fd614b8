"""The result of a run, and its summary."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dupimg.files.durable import finds_no_space
from dupimg.messages import Message, message, why
from dupimg.plans.counts import Counts
from dupimg.plans.record import Run
from dupimg.plans.report import rows_table
from dupimg.plans.rows import FOLDERS, KEEP, OTHER, Row
from dupimg.wording import counted, plural

if TYPE_CHECKING:
    from pandas import DataFrame

PLAN, REPORT, ADDED, UNDO_REPORT = "plan.csv", "report.csv", "added.csv", "undo.csv"


@dataclass(frozen=True)
class Result:
    """The result of a run or of a plan.

    Attributes
    ----------
    rows : tuple of Row
        One row for each file.
    report : Path
        The report, or the plan if nothing was applied.
    seconds : float
    page : Path or None
        The page that shows the photos.
    system_folders, system_files : int
        Skipped system folders and files: thumbnails, bins, indexes.
    passed_over : int
        Number of files excluded by the options.
    unread : int
        Number of files and folders that could not be read from their disk.
    notes : tuple of Message
        Hints for the user.
    next_step : Message or None
        A suggestion, after files were copied, moved or linked.
    """

    rows: tuple[Row, ...] = field(repr=False)
    report: Path
    seconds: float
    page: Path | None = None
    system_folders: int = 0
    system_files: int = 0
    passed_over: int = 0
    unread: int = 0
    notes: tuple[Message, ...] = ()
    next_step: Message | None = None

    @cached_property
    def counts(self) -> Counts:
        """The counts of files by action."""
        return Counts.of(self.rows)

    @property
    def table(self) -> DataFrame:
        """The rows as a DataFrame with the columns of the report.

        Returns
        -------
        DataFrame
            Optional numbers (scene, duplicate_group, width, height) are nullable integers, cosines
            float64. Times stay ISO 8601 texts, because a column of times cannot mix those with and
            without an offset from UTC.
        """
        return rows_table(self.rows)

    @property
    def failed(self) -> bool:
        """Whether a file could not be read or transferred."""
        return self.counts.failed > 0 or self.unread > 0

    def _repr_html_(self) -> str:
        """Return the HTML for notebooks."""
        from dupimg.pages.result_html import result_html

        return result_html(self.rows, self.counts, self.seconds, self.notes, self.report)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values."""
        return {
            "counts": vars(self.counts)
            | {
                "system_folders": self.system_folders,
                "system_files": self.system_files,
                "passed_over": self.passed_over,
                "unread": self.unread,
            },
            "paths": {
                "output_dir": str(self.report.parent),
                self.report.stem: str(self.report),
                "page": None if self.page is None else str(self.page),
            },
            "seconds": {"total": round(self.seconds, 3)},
            "notes": [str(note) for note in self.notes],
            "next": None if self.next_step is None else str(self.next_step),
        }

    def summary(self) -> str:
        """Return the lines printed at the end."""
        written = [f"{self.report.stem:<8} {self.report}"]
        if self.page is not None:
            written.append(f"look     {self.page}")
        onward = [] if self.next_step is None else [f"next     {self.next_step}"]
        return "\n".join([*self._counted(), *map(str, self.notes), *written, *onward])

    def _counted(self) -> Iterator[str]:
        """Yield the lines of the summary with counts."""
        counts, output = self.counts, self.report.parent
        yield (
            f"found    {counts.found:>8,} {plural(counts.found, 'file')} = kept + removed + other"
            + " + left" * bool(counts.left)
            + " + failed" * bool(counts.failed)
        )
        scenes = f" in {counted(counts.scenes, 'scene')}" if counts.scenes else ""
        yield f"kept     {counts.kept:>8,}{scenes}      {self._place(KEEP, output)}"
        yield (
            f"removed  {counts.removed:>8,} {plural(counts.removed, 'duplicate')}, "
            f"{counts.bytes_freed / 1e6:,.1f} MB      {output / 'remove'}"
        )
        yield f"other    {counts.other:>8,} no readable photo      {self._place(OTHER, output)}"
        if counts.left:
            yield f"left     {counts.left:>8,} where {'it is' if counts.left == 1 else 'they are'}"
        if counts.videos:
            are = "is a video" if counts.videos == 1 else "are videos"
            yield f"         {counts.videos:>8,} of these files {are}"
        if counts.companions:
            one = counts.companions == 1
            are = "is a companion of another" if one else "are companions of others"
            yield f"         {counts.companions:>8,} of these files {are}"
        if self.system_folders:
            yield (
                f"skipped  {self.system_files:>8,} {plural(self.system_files, 'file')} in "
                f"{counted(self.system_folders, 'system folder')}"
            )
        elif self.system_files:
            yield f"skipped  {self.system_files:>8,} {plural(self.system_files, 'system file')}"
        if self.passed_over:
            files = plural(self.passed_over, "file")
            yield f"skipped  {self.passed_over:>8,} {files}, as the options say"
        if counts.unsearched:
            yield (
                f"UNKNOWN  {counts.unsearched:>8,} {plural(counts.unsearched, 'folder')} "
                "could not be searched: see the report"
            )
        if counts.failed:
            where = "left where it was" if counts.failed == 1 else "left where they were"
            files = plural(counts.failed, "file")
            yield f"FAILED   {counts.failed:>8,} {files}, {where}: see the report"
        new = Counts.of(row for row in self.rows if not row.earlier).photos
        rate = new / max(self.seconds, 1e-9)
        yield f"took     {self.seconds:>8,.1f} s" + f", {rate:,.1f} photos per second" * bool(new)

    def _place(self, action: str, output: Path) -> str:
        """Return the location of the files of an action, for the summary."""
        concerned = [row for row in self.rows if row.action == action and row.digest]
        in_place = concerned and not any(row.destination for row in concerned)
        return "where they are" if in_place else str(output / FOLDERS[action])


def next_step(
    run: Run, rows: Sequence[Row], output_dir: Path, to_move: str = "", source: str = ""
) -> Message:
    """Return a suggestion for the user after a run, with the space that deleting frees.

    Parameters
    ----------
    run : Run
    rows : sequence of Row
        The current rows.
    output_dir : Path
    to_move : str
        The command that moves the copied or linked files.
    source : str, optional
        The source folders, if these are not all inputs.
    """
    counts, undo = Counts.of(rows), command_line("undo", output_dir)
    source = source or str(run.inputs)
    if run.mode != "move":
        if run.only == "duplicates" and counts.removed:
            return message("next.duplicates_there", input=source, command=to_move, undo=undo)
        if run.mode == "copy":
            return message("next.copied", input=source, undo=undo)
        return message("next.linked", input=source, undo=undo)
    if not counts.removed:
        return message("next.moved", undo=undo)
    size = f"{counts.bytes_freed / 1e6:,.1f}"
    return message(
        "next.removed",
        folder=str(output_dir / "remove"),
        size=size,
        trash=command_line("trash", output_dir),
        undo=undo,
    )


def command_line(verb: str, path: Path) -> str:
    """Return a command line, with the folder quoted if necessary.

    Examples
    --------
    >>> command_line("undo", Path("my photos"))
    "`dupimg undo 'my photos'`"
    """
    return f"`dupimg {verb} {shlex.quote(str(path))}`"


@contextlib.contextmanager
def explain_resume(command: str) -> Iterator[None]:
    """Add advice to errors of a full or failing disk under the journal or the report."""
    try:
        yield
    except OSError as error:
        if finds_no_space(error):
            told = message("why.can_go_on", why=why(error), command=command)
        else:
            told = message("why.can_go_on_later", why=why(error), command=command)
        raise OSError(error.errno, told) from error
