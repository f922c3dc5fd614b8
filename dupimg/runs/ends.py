"""Track whether the end of a run was reported to the user.

A command may be killed after its last step and before its summary. The user repeats it then, and
the repetition finds an unreported end in the journal: it only prints the summary.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

# Journals whose ends are reported by the current block of `told_at_end`.
_ENDS: ContextVar[list[Path] | None] = ContextVar("ends", default=None)


@contextlib.contextmanager
def told_at_end() -> Iterator[None]:
    """Mark the ends of journals as reported when the block is left.

    Of nested blocks the outermost one counts: that of a command, which prints the summary. An
    error in any of them leaves the ends unreported.
    """
    if (outer := _ENDS.get()) is not None:
        try:
            yield
        except BaseException:
            outer.clear()
            raise
        return
    ends: list[Path] = []
    token = _ENDS.set(ends)
    try:
        yield
    finally:
        _ENDS.reset(token)
    for journal in dict.fromkeys(ends):
        with contextlib.suppress(OSError):  # it is reported once more, which does no harm
            file = os.open(journal, os.O_WRONLY | os.O_APPEND)
            try:
                append_mark(file, {"told": True})
            finally:
                os.close(file)


def tell_of(journal: Path) -> bool:
    """Mark the end of a journal as reported at the end of the block; False if there is no block."""
    if (ends := _ENDS.get()) is None:
        return False
    ends.append(journal)
    return True


def append_mark(file: int, mark: dict[str, Any]) -> None:
    """Append a mark to an open journal."""
    # One write in append mode, so that threads do not mix their lines.
    os.write(file, f"\n{json.dumps(mark)}".encode())
