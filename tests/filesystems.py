"""Real filesystems in a file, for what the one under the tests cannot do."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest


@contextlib.contextmanager
def loop_mounted(
    folder: Path, make: Sequence[str], mount: Sequence[str], *, megabytes: int, package: str
) -> Iterator[Path]:
    """Make a filesystem with one command, mount it with another, for the length of a test."""
    if sys.platform != "linux":
        pytest.skip("needs loop devices, which this test knows on Linux only")
    if missing := [program for program in (make[0], mount[0]) if shutil.which(program) is None]:
        pytest.skip(f"needs {missing[0]} (Debian: {package})")
    folder.mkdir()
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    run([*make, image])
    device = run(["losetup", "--find", "--show", image])
    try:
        run([*mount, device, folder])
        try:
            yield folder
        finally:
            run(["umount", folder])
    finally:
        run(["losetup", "--detach", device])


@contextlib.contextmanager
def exfat_mounted(folder: Path) -> Iterator[Path]:
    """Mount a filesystem that ignores case, refuses names, and has no links and permissions."""
    make, mount, packages = ["mkfs.exfat"], ["mount.exfat-fuse"], "exfat-fuse exfatprogs"
    with loop_mounted(folder, make, mount, megabytes=16, package=packages) as mounted:
        yield mounted


def run(command: Sequence[str | Path]) -> str:
    """Run a command; the test is skipped where the machine does not allow it."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"needs {command[0]} to work here, but it says: {done.stderr.strip()[:200]}")
    return done.stdout.strip()
