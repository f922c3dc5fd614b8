"""Everything that is refused before a single file is touched."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any

from dupimg.errors import UsageError
from dupimg.files.photos import Found, content_digest, find_files
from dupimg.messages import Message, message, why
from dupimg.plans.free_names import acceptable_path
from dupimg.plans.plan import Problem
from dupimg.plans.rows import FOLDERS, Row
from dupimg.progress import MakeBar, progress_bar
from dupimg.runs.transfer import probe


def check_input(input_dir: Path, name: str = "input_dir") -> None:
    """Refuse an input folder that is none; `name` is what the message calls it.

    Raises
    ------
    UsageError
    """
    folder = str(input_dir)
    if not input_dir.exists():
        raise UsageError(message("refused.no_folder", name=name, folder=folder), field=name)
    if not input_dir.is_dir():
        raise UsageError(message("refused.file", name=name, folder=folder), field=name)
    if not os.access(input_dir, os.R_OK | os.X_OK):
        raise UsageError(message("refused.unreadable_folder", name=name, folder=folder), field=name)


def check_output(input_dir: Path, output_dir: Path) -> None:
    """Refuse an output folder that would mix with the input or with earlier results.

    Raises
    ------
    UsageError
    """
    check_apart(input_dir, output_dir)
    if output_dir.exists() and not output_dir.is_dir():
        raise UsageError(
            f"Got output_dir={output_dir}, which is a file, expected a folder.", field="output_dir"
        )
    held = [name for name in FOLDERS.values() if (output_dir / name).exists()]
    if held:
        raise UsageError(
            f"Got output_dir={output_dir}, which already holds results ({', '.join(held)}), "
            "expected a new folder. Choose another output_dir.",
            field="output_dir",
        )
    parent = existing_parent(output_dir)
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(
            f"Got output_dir={output_dir} without permission to write in {parent}, expected a "
            "folder that you may write to.",
            field="output_dir",
        )


def check_apart(input_dir: Path, output_dir: Path, name: str = "input_dir") -> None:
    """Refuse an output folder inside or around the input, which the message calls `name`.

    Raises
    ------
    UsageError
    """
    source, target = input_dir.resolve(), output_dir.resolve()
    for near, far, relation in ((source, target, "inside"), (target, source, "around")):
        if any(_same_folder(near, parent) for parent in (far, *far.parents)):
            relation = "equal to" if _same_folder(near, far) else relation
            raise UsageError(
                f"Got output_dir={output_dir}, which is {relation} {name}={input_dir}, "
                "expected a folder apart from it. Choose another output_dir.",
                field="output_dir",
            )


def check_found(
    found: Found, input_dir: Path, output_dir: Path, mode: str, name: str = "input_dir"
) -> None:
    """Refuse an empty folder, and what `check_space` refuses unless `mode` is empty.

    Raises
    ------
    UsageError
    """
    if found.first is None:
        passed_over = found.passed_over + len(found.excluded)
        but = f" but for {passed_over:,} that the options pass over" if passed_over else ""
        raise UsageError(
            f"Got {name}={input_dir} without files{but}, expected a folder of photos.", field=name
        )
    if mode:
        check_space(found.bytes, input_dir, output_dir, mode)


def find_input(
    input_dir: Path,
    output_dir: Path,
    mode: str = "",
    searched: Mapping[str, Any] = MappingProxyType({}),
) -> Found:
    """Find the files of an input folder, and refuse what `check_output` and `check_found` do.

    Raises
    ------
    UsageError
    """
    check_output(input_dir, output_dir)
    found = find_files(input_dir, **searched)
    check_found(found, input_dir, output_dir, mode)
    return found


def check_space(size: int, input_dir: Path, output_dir: Path, mode: str) -> None:
    """Refuse a copy that would not fit, and a move out of a read-only folder.

    Parameters
    ----------
    size : int
        Bytes to bring to the output.
    input_dir, output_dir : Path
    mode : {"copy", "move", "hard_link", "reflink"}

    Raises
    ------
    UsageError
    """
    if mode == "move" and not os.access(input_dir, os.W_OK):
        raise UsageError(message("refused.move", folder=str(input_dir)))
    target = existing_parent(output_dir)
    free = shutil.disk_usage(target).free
    if space_needed(size, input_dir, output_dir, mode) > free:
        raise UsageError(
            message(
                "refused.no_space_to_copy" if mode == "copy" else "refused.no_space_to_move",
                size=f"{size / 1e6:,.1f}",
                free=f"{free / 1e6:,.1f}",
                folder=str(target),
            )
        )


def space_needed(size: int, input_dir: Path, output_dir: Path, mode: str) -> int:
    """Return how many bytes `size` bytes of files take in the output folder; see `check_space`."""
    across = existing_parent(output_dir).stat().st_dev != input_dir.stat().st_dev
    return size if mode == "copy" or (mode == "move" and across) else 0


def check_move(
    size: int,
    input_dir: Path,
    output_dir: Path,
    mode: str,
    *,
    announce: Callable[[Message], object],
    confirm: Callable[[str], bool] | None,
) -> None:
    """Say before a move to another disk that it copies, how much and how long, and ask.

    Parameters
    ----------
    size : int
        Bytes to bring to the output.
    input_dir, output_dir : Path
    mode : {"copy", "move", "hard_link", "reflink"}
    announce : callable
        Is given the message that says so.
    confirm : callable, optional
        Answers a question; by default nothing is asked.

    Raises
    ------
    UsageError
        The answer was no.
    """
    target = existing_parent(output_dir)
    if mode != "move" or target.stat().st_dev == input_dir.stat().st_dev:
        return
    minutes = max(1, round(size / _bytes_per_second(target) / 60))
    told = message("time.minutes", count=minutes)
    if minutes >= _MINUTES_IN_HOURS:
        told = message("time.hours", count=round(minutes / 60))
    announce(message("note.moves_by_copying", folder=str(target), size=_readable(size), time=told))
    if confirm is not None and not confirm("Go on?"):
        raise UsageError(message("refused.declined"))


# From two hours on, nobody counts minutes.
_MINUTES_IN_HOURS = 120

# What is written to see how fast a disk is: as much as takes a moment.
_TRIAL_BYTES, _TRIAL_SECONDS = 64 << 20, 0.5


def _bytes_per_second(folder: Path) -> float:
    """Return how fast a disk takes what is written."""
    block, written = os.urandom(1 << 20), 0
    start = time.perf_counter()
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            while written < _TRIAL_BYTES and time.perf_counter() - start < _TRIAL_SECONDS:
                written += trial.write(block)
            trial.flush()
            os.fsync(trial.fileno())
    except OSError:
        return _TRIAL_BYTES / _TRIAL_SECONDS  # why nothing can be written is told elsewhere
    return written / (time.perf_counter() - start)


def _readable(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def check_files(
    rows: Sequence[Row],
    input_dir: Path,
    output_dir: Path,
    *,
    unsafe: Collection[str],
    jobs: int,
    quiet: bool,
    progress: MakeBar = progress_bar,
    contents: bool = True,
) -> list[Problem]:
    """Find what stands in the way of a plan on the disk: `check_places`, `check_unchanged`.

    Parameters
    ----------
    rows : sequence of Row
    input_dir, output_dir : Path
    unsafe : collection of str
        Paths of rows in which `check_plan` found something: their destinations are not checked.
    jobs, quiet, progress, contents
        See `check_unchanged`.

    Returns
    -------
    list of Problem

    Raises
    ------
    UsageError
        There is no input folder any more.
    """
    check_input(input_dir)
    safe = [row for row in rows if row.path not in unsafe]
    return [
        *check_places(safe, output_dir),
        *check_unchanged(
            rows, input_dir, jobs=jobs, quiet=quiet, progress=progress, contents=contents
        ),
    ]


def check_means(rows: Sequence[Row], input_dir: Path, output_dir: Path, mode: str) -> None:
    """Refuse a mode for which there is no space, or that the filesystem does not have.

    Parameters
    ----------
    rows : sequence of Row
    input_dir, output_dir : Path
        The output has its folder of `dupimg.runs.journal`, and nobody else is at work there.
    mode : {"copy", "move", "hard_link", "reflink"}

    Raises
    ------
    UsageError
    """
    concerned = [row for row in rows if row.destination]
    check_space(sum(row.bytes for row in concerned), input_dir, output_dir, mode)
    if concerned:
        probe(mode, input_dir / concerned[0].path, output_dir)


def check_places(rows: Sequence[Row], output_dir: Path) -> Iterator[Problem]:
    """Find destinations behind a symbolic link, and those that exist already.

    Parameters
    ----------
    rows : sequence of Row
        In which `check_plan` found nothing.
    output_dir : Path

    Yields
    ------
    Problem
    """
    root = output_dir.resolve()
    inside: dict[Path, bool] = {}
    for row in rows:
        if not row.destination:
            continue
        place = root / row.destination
        if place.parent not in inside:
            inside[place.parent] = os.path.realpath(place.parent) == str(place.parent)
        if not inside[place.parent]:
            told = message("problem.behind_link", destination=repr(row.destination))
            yield Problem(row.path, told)
        elif os.path.lexists(place):
            told = message("problem.taken", destination=repr(row.destination))
            yield Problem(row.path, told)


# Refused by exFAT, NTFS and network shares, or taken and silently changed.
_NOT_EVERYWHERE = {'a<b>c:d"e|f?g*h\\i', "dot.", "space "}


def refuses_names(output_dir: Path) -> bool:
    """Return whether a disk refuses or changes names that others allow; tries it.

    Parameters
    ----------
    output_dir : Path
        The output folder, which need not exist yet.
    """
    try:
        trial = Path(tempfile.mkdtemp(prefix=".dupimg-", dir=existing_parent(output_dir)))
    except OSError:
        return False  # nothing can be written there, which is told elsewhere
    try:
        for name in sorted(_NOT_EVERYWHERE):
            (trial / name).touch(exist_ok=False)
        return {path.name for path in trial.iterdir()} != _NOT_EVERYWHERE
    except OSError as error:
        return error.errno not in (errno.ENOSPC, errno.EDQUOT)
    finally:
        shutil.rmtree(trial, ignore_errors=True)


def check_names(rows: Sequence[Row]) -> Iterator[Problem]:
    """Find destinations, written by hand, that the disk refuses.

    Parameters
    ----------
    rows : sequence of Row

    Yields
    ------
    Problem
    """
    for row in rows:
        if (accepted := acceptable_path(row.destination)) != row.destination:
            told = message(
                "problem.refused_name",
                destination=repr(row.destination),
                accepted=repr(accepted),
            )
            yield Problem(row.path, told)


def check_unchanged(
    rows: Sequence[Row],
    input_dir: Path,
    *,
    jobs: int,
    quiet: bool,
    progress: MakeBar = progress_bar,
    contents: bool = True,
) -> list[Problem]:
    """Find files that are not what they were when the plan was made.

    Parameters
    ----------
    rows : sequence of Row
        Files that stay where they are do not matter.
    input_dir : Path
    jobs : int
        Threads.
    quiet : bool
        No progress bar.
    progress : callable
        Makes the bar.
    contents : bool, default=True
        Whether to read every file, which takes about as long as to copy it. Without that, a
        change is only found where it changed the size or the time of the file.

    Returns
    -------
    list of Problem
        Size and time are compared first, then the content.
    """
    concerned = [row for row in rows if row.destination]
    with (
        progress(len(concerned), "checking", unit="files", quiet=quiet) as bar,
        ThreadPoolExecutor(jobs) as pool,
    ):

        def check(row: Row) -> Message | None:
            bar.update()
            return _change(row, input_dir / row.path, contents=contents)

        changes = list(pool.map(check, concerned))
    return [Problem(row.path, what) for row, what in zip(concerned, changes, strict=True) if what]


def _change(row: Row, path: Path, *, contents: bool) -> Message | None:
    try:
        status = path.lstat()
        if not stat.S_ISREG(status.st_mode):
            return message("problem.no_file")
        if status.st_size != row.bytes:
            now, planned = str(status.st_size), str(row.bytes)
            return message("problem.other_size", now=now, planned=planned)
        if status.st_mtime_ns != row.modified_ns:
            return message("problem.other_time")
        if contents and content_digest(path) != row.digest:
            return message("problem.other_content")
    except FileNotFoundError:
        return message("problem.vanished")
    except OSError as error:
        return message("problem.unreadable", why=why(error))
    return None


def existing_parent(folder: Path) -> Path:
    """Return the folder itself, or the nearest one above it that exists."""
    resolved = folder.resolve()
    return next(parent for parent in (resolved, *resolved.parents) if parent.exists())


def _same_folder(a: Path, b: Path) -> bool:
    # By identity where both exist: names may differ in case, or lead through a mount.
    return a == b or (a.exists() and b.exists() and a.samefile(b))
