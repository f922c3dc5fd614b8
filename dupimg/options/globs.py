"""Match paths against patterns: one grammar for all options.

A pattern is compared with the path relative to the input folder, with ``/`` between parts. ``*``
matches any characters within a part, ``?`` one, ``[abc]`` one of a set, and ``**`` any number of
parts. Case and Unicode composition are ignored. A pattern that matches a folder matches everything
in it. Without a ``/``, a pattern matches files and folders anywhere; with a ``/``, it starts at the
input folder.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from dupimg.messages import message


def check_glob(pattern: str) -> str:
    """Return a valid pattern; raise a ValueError for any other."""
    try:
        _compiled(pattern)
    except re.error:
        raise ValueError(message("expected.globs")) from None
    return pattern


@lru_cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = [part for part in _folded(pattern).split("/") if part not in ("", ".")]
    if "/" not in pattern.rstrip("/"):
        parts.insert(0, "**")
    regex = ""
    for i, part in enumerate(parts):
        is_last = i == len(parts) - 1
        if part == "**":
            regex += ".*" if is_last else "(?:[^/]+/)*"
        else:
            regex += _part(part) + ("" if is_last else "/")
    return re.compile(rf"(?s:{regex})(?:/.*)?", re.DOTALL)


def _part(pattern: str) -> str:
    """Return the regular expression for one part of a pattern, without crossing a ``/``."""
    pieces = re.split(r"(\*+|\?|\[[!^]?\]?[^\]]*\])", pattern)
    return "".join(map(_piece, pieces))


def _piece(piece: str) -> str:
    if piece.startswith("*"):
        return "[^/]*"
    if piece == "?":
        return "[^/]"
    if found := re.fullmatch(r"\[([!^]?)(.+)\]", piece):
        others, letters = found.groups()
        quoted = re.sub(r"([^\w\s-])", r"\\\1", letters)
        return f"(?!/)[{'^' * bool(others)}{quoted}]"
    return re.escape(piece)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFC", text).casefold()


def first_match(patterns: Sequence[str], path: str) -> int:
    """Return the index of the first pattern that a path matches.

    Parameters
    ----------
    patterns : sequence of str
    path : str
        Relative, with forward slashes.

    Returns
    -------
    int
        The number of patterns if none matches.

    Examples
    --------
    >>> first_match(["*.dng", "albums/**/best"], "Albums/2024/Best/a.jpg")
    1
    >>> first_match(["backup", "/a?.jpg"], "old/Backup/a.jpg"), first_match(["a/*"], "b/a/c")
    (0, 1)
    """
    name = _folded(path)
    matches = (i for i, pattern in enumerate(patterns) if _compiled(pattern).fullmatch(name))
    return next(matches, len(patterns))
