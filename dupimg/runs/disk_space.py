"""Check the space that a run needs on each disk, and estimate its duration."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from dupimg.errors import UsageError
from dupimg.files.inputs import Inputs
from dupimg.files.photos import Found
from dupimg.messages import Message, message
from dupimg.plans.rows import Row

# Bytes by source folder.
Sizes = Mapping[Path, int]


def sizes_found(found: Found, inputs: Inputs) -> dict[Path, int]:
    """Return the bytes in each folder, without excluded and protected files."""
    sizes: Counter[Path] = Counter()
    for path, status in found.files:
        if path not in found.excluded and not inputs.is_protected(path):
            sizes[inputs.root(path)] += status.st_size
    return dict(sizes)


def sizes_of(rows: Iterable[Row], inputs: Inputs) -> dict[Path, int]:
    """Return the bytes that rows transfer to the output, by source folder.

    Parameters
    ----------
    rows : iterable of Row
        Files that stay or come from an earlier run do not count.
    inputs : Inputs
    """
    sizes: Counter[Path] = Counter()
    for row in rows:
        if row.has_step and not row.earlier:
            sizes[inputs.root(row.path)] += row.bytes
    return dict(sizes)


def check_space(sizes: Sizes, output_dir: Path, mode: str) -> None:
    """Raise UsageError for a copy that does not fit, or a move out of a read-only folder.

    Parameters
    ----------
    sizes : mapping of Path to int
        Bytes to transfer to the output, by source folder.
    output_dir : Path
    mode : {"copy", "move", "hard_link", "reflink"}

    Raises
    ------
    UsageError
    """
    for folder in sizes if mode == "move" else ():
        if not os.access(folder, os.W_OK):
            raise UsageError(message("refused.move", folder=str(folder)))
    target = existing_parent(output_dir)
    size, free = space_needed(sizes, output_dir, mode), shutil.disk_usage(target).free
    if size > free:
        raise UsageError(
            message(
                "refused.no_space_to_copy" if mode == "copy" else "refused.no_space_to_move",
                size=f"{size / 1e6:,.1f}",
                free=f"{free / 1e6:,.1f}",
                folder=str(target),
            )
        )


def space_needed(sizes: Sizes, output_dir: Path, mode: str) -> int:
    """Return the bytes needed in the output folder; see `check_space`."""
    if mode == "copy":
        return sum(sizes.values())
    return size_across(sizes, existing_parent(output_dir)) if mode == "move" else 0


def size_across(sizes: Sizes, target: Path) -> int:
    """Return the bytes that come from other disks than that of a folder."""
    disk = target.stat().st_dev
    there = {folder: existing_parent(folder).stat().st_dev for folder in sizes}
    return sum(size for folder, size in sizes.items() if there[folder] != disk)


def check_move(
    sizes: Sizes,
    output_dir: Path,
    mode: str,
    *,
    announce: Callable[[Message], object],
    confirm: Callable[[str], bool] | None,
) -> None:
    """Announce that a move to another disk copies, with size and duration, and ask.

    Parameters
    ----------
    sizes, output_dir, mode
        As in `check_space`.
    announce : callable
        Receives the message.
    confirm : callable, optional
        Answers the question; by default nothing is asked.

    Raises
    ------
    UsageError
        The answer was no.
    """
    target = existing_parent(output_dir)
    size = size_across(sizes, target) if mode == "move" else 0
    if not size:
        return
    minutes = max(1, round(size / _bytes_per_second(target) / 60))
    told = message("time.minutes", count=minutes)
    if minutes >= _MINUTES_IN_HOURS:
        told = message("time.hours", count=round(minutes / 60))
    announce(message("note.moves_by_copying", folder=str(target), size=_readable(size), time=told))
    if confirm is not None and not confirm("Go on?"):
        raise UsageError(message("refused.declined"))


# From two hours on, durations are shown in hours.
_MINUTES_IN_HOURS = 120

# Bytes to write, and most seconds, to measure the speed of a disk.
_TRIAL_BYTES, _TRIAL_SECONDS = 64 << 20, 0.5


def _bytes_per_second(folder: Path) -> float:
    """Measure the writing speed of a disk."""
    block, written = os.urandom(1 << 20), 0
    start = time.perf_counter()
    try:
        with tempfile.TemporaryFile(dir=folder) as trial:
            while written < _TRIAL_BYTES and time.perf_counter() - start < _TRIAL_SECONDS:
                written += trial.write(block)
            trial.flush()
            os.fsync(trial.fileno())
    except OSError:
        return _TRIAL_BYTES / _TRIAL_SECONDS  # writing errors are reported elsewhere
    return written / (time.perf_counter() - start)


def _readable(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def existing_parent(folder: Path) -> Path:
    """Return the folder itself, or its nearest existing parent."""
    resolved = folder.resolve()
    return next(parent for parent in (resolved, *resolved.parents) if parent.exists())
