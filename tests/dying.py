"""Commands that die at a chosen step, as if they were killed at that moment."""

from __future__ import annotations

import subprocess
import sys


def die_at(step: str, *words: object) -> None:
    """Run a command in a process that is killed instead of taking a step.

    Parameters
    ----------
    step : str
        The name of a function with its module, such as ``dupimg.runs.undo.write_page``.
    *words : object
        What follows ``dupimg``.
    """
    module = step.rpartition(".")[0]
    code = f"""if True:
        import os, signal, sys, {module}
        from dupimg.cli.main import main
        {step} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
        main(sys.argv[1:])"""
    command = [sys.executable, "-c", code, *map(str, words), "--quiet"]
    assert subprocess.run(command, check=False).returncode == -9
