"""What a person sees while a run goes on: bars, and no chatter of the decoders."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

from tqdm import tqdm


def progress_bar(total: int, what: str, *, unit: str, quiet: bool) -> tqdm:
    """Return a bar on standard error, to be used as a context manager.

    Parameters
    ----------
    total : int
    what : str
        The step, as a word ending in -ing.
    unit : str
        What is counted.
    quiet : bool
        Show nothing, even in a terminal.
    """
    return tqdm(
        total=total,
        desc=f"{what:<10}",
        unit=f" {unit}",
        disable=quiet or None,  # None: off unless standard error is a terminal
        dynamic_ncols=True,
    )


@contextlib.contextmanager
def quiet_decoders() -> Iterator[None]:
    """Silence what C libraries print of broken files, past Python, while photos are read.

    libtiff alone writes thousands of lines about a damaged picture. Python's own messages and
    bars still come through. The reason why a file could not be read is in the report.
    """
    try:
        descriptor = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # no real stream: nothing to silence
        yield
        return
    sys.stderr.flush()
    before, terminal = sys.stderr, os.dup(descriptor)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    sys.stderr = os.fdopen(
        terminal, "w", buffering=1, encoding=before.encoding, errors="backslashreplace"
    )
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, descriptor)
        sys.stderr.close()
        os.close(nowhere)
        sys.stderr = before
