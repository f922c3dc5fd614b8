"""Words for numbers, and hints at misspelled ones."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint at the known word nearest to `word`, or an empty string.

    Examples
    --------
    >>> did_you_mean("--modle", ["--model", "--quiet"])
    ' Did you mean --model?'
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {near[0]}?" if near else ""


def counted(number: int, thing: str) -> str:
    """Write a number of things.

    Examples
    --------
    >>> counted(1, "file"), counted(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{number:,} {plural(number, thing)}"


def plural(number: int, thing: str) -> str:
    """Return the plural of a noun unless the number is 1.

    Examples
    --------
    >>> plural(1, "file"), plural(0, "file")
    ('file', 'files')
    """
    return thing if number == 1 else f"{thing}s"
