"""Everything that is refused before a single file is opened or touched."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from dupimg.options import UsageError
from dupimg.photos import Found
from dupimg.plan import FOLDERS


def check_input(input_dir: Path) -> None:
    """Refuse an input folder that is none.

    Raises
    ------
    UsageError
    """
    if not input_dir.exists():
        raise UsageError(f"Got input_dir={input_dir}, which does not exist, expected a folder.")
    if not input_dir.is_dir():
        raise UsageError(f"Got input_dir={input_dir}, which is a file, expected a folder.")
    if not os.access(input_dir, os.R_OK | os.X_OK):
        raise UsageError(
            f"Got input_dir={input_dir}, which may not be read, expected a folder "
            "that you have permission to read."
        )


def check_output(input_dir: Path, output_dir: Path) -> None:
    """Refuse an output folder that would mix with the input or with earlier results.

    Raises
    ------
    UsageError
    """
    source, target = input_dir.resolve(), output_dir.resolve()
    for near, far, relation in ((source, target, "inside"), (target, source, "around")):
        if any(_same_folder(near, parent) for parent in (far, *far.parents)):
            relation = "equal to" if _same_folder(near, far) else relation
            raise UsageError(
                f"Got output_dir={output_dir}, which is {relation} input_dir={input_dir}, "
                "expected a folder apart from it. Choose another output_dir."
            )
    if output_dir.exists() and not output_dir.is_dir():
        raise UsageError(f"Got output_dir={output_dir}, which is a file, expected a folder.")
    held = [name for name in FOLDERS.values() if (output_dir / name).exists()]
    if held:
        raise UsageError(
            f"Got output_dir={output_dir}, which already holds results ({', '.join(held)}), "
            "expected a new folder. Choose another output_dir."
        )
    parent = next(folder for folder in (target, *target.parents) if folder.exists())
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(
            f"Got output_dir={output_dir} without permission to write in {parent}, expected a "
            "folder that you may write to."
        )


def check_found(found: Found, input_dir: Path, output_dir: Path, mode: str) -> None:
    """Refuse an empty folder, a move out of a read-only one, and a copy that would not fit.

    Raises
    ------
    UsageError
    """
    if not found.files:
        raise UsageError(f"Got input_dir={input_dir} without files, expected a folder of photos.")
    parent = next(f for f in (output_dir.resolve(), *output_dir.resolve().parents) if f.exists())
    across = parent.stat().st_dev != input_dir.stat().st_dev
    if mode == "move" and not os.access(input_dir, os.W_OK):
        raise UsageError(
            f"Got process_mode=move without permission to write in {input_dir}, from which files "
            "would move. Use --process_mode=copy."
        )
    free = shutil.disk_usage(parent).free
    if (mode == "copy" or across) and found.bytes > free:
        raise UsageError(
            f"Got {found.bytes / 1e9:.1f} GB to {mode}, with {free / 1e9:.1f} GB free in "
            f"{parent}. Choose an output_dir on a larger disk, or --process_mode=move on the same "
            "disk, which takes no space."
        )


def _same_folder(a: Path, b: Path) -> bool:
    # By identity where both exist: names may differ in case, or lead through a mount.
    return a == b or (a.exists() and b.exists() and a.samefile(b))
