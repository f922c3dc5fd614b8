"""Ends of which nobody was told: those of commands that were killed just before their last word.

Whoever saw nothing of an end repeats the command. By the mark of that end, the repetition knows
that there is nothing left to do but to tell of it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

# The journals whose ends are to be told in the block of `told_at_end`.
_ENDS: ContextVar[list[Path] | None] = ContextVar("ends", default=None)


@contextlib.contextmanager
def told_at_end() -> Iterator[None]:
    """Note in journals that a person was told of their ends, when the block has come to its own.

    Of blocks inside each other the outermost one counts: that of a command, which shows what a
    verb returns. An error in any of them leaves the ends untold.
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
        with contextlib.suppress(OSError):  # then it is told once more, which does no harm
            file = os.open(journal, os.O_WRONLY | os.O_APPEND)
            try:
                append_mark(file, {"told": True})
            finally:
                os.close(file)


def tell_of(journal: Path) -> bool:
    """Let the block note that the end of a journal is told; False where there is no block."""
    if (ends := _ENDS.get()) is None:
        return False
    ends.append(journal)
    return True


def append_mark(file: int, mark: dict[str, Any]) -> None:
    """Append a mark to an open journal."""
    # One write in append mode: threads do not mix their lines.
    os.write(file, f"\n{json.dumps(mark)}".encode())
