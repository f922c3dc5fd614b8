"""The program that `scripts/build_executable.py` bundles: any command; double-clicked, the app."""

from __future__ import annotations

import multiprocessing
import os
import sys


def main() -> int:
    """Run the command line, or the app after a double click; return the exit status."""
    multiprocessing.freeze_support()  # worker processes are this program, too
    _restore_library_path()
    from dupimg.cli.start import main as run

    return run(["app"] if len(sys.argv) == 1 and _was_double_clicked() else None)


def _restore_library_path() -> None:
    """Undo the bundle's library path: browser and file manager need the system's libraries."""
    if (before := os.environ.pop("LD_LIBRARY_PATH_ORIG", None)) is not None:
        os.environ["LD_LIBRARY_PATH"] = before
    elif getattr(sys, "frozen", False):
        os.environ.pop("LD_LIBRARY_PATH", None)


def _was_double_clicked() -> bool:
    """Return whether the program was started without a terminal."""
    if sys.platform == "win32":
        import ctypes

        # Windows opens a console for a program started without one; then it is alone in it.
        processes = (ctypes.c_uint * 2)()
        return ctypes.windll.kernel32.GetConsoleProcessList(processes, 2) <= 1
    streams = (sys.stdin, sys.stdout, sys.stderr)
    return not any(stream is not None and stream.isatty() for stream in streams)


if __name__ == "__main__":
    sys.exit(main())
