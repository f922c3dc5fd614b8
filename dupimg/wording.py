"""Format numbers with nouns, and suggest corrections of misspelled words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

from dupimg.messages import Message, message

# Least similarity of a word to a known one, and to a part of a known one.
_NEAR, _NEAR_PART = 0.6, 0.8

# Most suggestions by a part that several known words share.
_MOST_HINTS = 3


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a sentence with the known words nearest to `word`, or an empty string.

    Examples
    --------
    >>> did_you_mean("--modle", ["--model", "--quiet"])
    ' Did you mean --model?'
    >>> did_you_mean("--treshold", ["--same_folder", "--scene_threshold", "--link_threshold"])
    ' Did you mean --scene_threshold or --link_threshold?'
    """
    near = nearest_words(word, known)
    return f" Did you mean {near}?" if near else ""


def hinted(expected: Message, guess: str = "") -> Message:
    """Return what is expected, with a `guess` at what was meant unless it is empty.

    Examples
    --------
    >>> str(hinted(message("expected.flag"), "yes"))
    'yes or no. Did you mean yes?'
    """
    if not guess:
        return expected
    hint = message("expected.guess", guess=guess)
    return message("expected.hinted", expected=expected, hint=hint)


def nearest_words(word: str, known: Iterable[str]) -> str:
    """Return the known words nearest to `word`, or an empty string."""
    scores = {candidate: _likeness(word, candidate) for candidate in known}
    best = max(scores.values(), default=0.0)
    near = [candidate for candidate, score in scores.items() if score == best > 0]
    return _either(near[:_MOST_HINTS]) if near else ""


def _likeness(word: str, known: str) -> float:
    """Return the similarity of two words; 0 if they are not similar."""
    whole = difflib.SequenceMatcher(None, known, word).ratio()
    parts = known.strip("-").split("_")
    part = max(difflib.SequenceMatcher(None, part, word.strip("-")).ratio() for part in parts)
    return max(whole if whole >= _NEAR else 0.0, 0.95 * part if part >= _NEAR_PART else 0.0)


def _either(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def counted(number: int, thing: str) -> str:
    """Return a number with its noun.

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
