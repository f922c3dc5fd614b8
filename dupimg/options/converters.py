"""Convert option values from an argument of the command line or from a Python object.

Each converter returns the value, or raises a ValueError with a message about the expected value and
optionally a guess at what was meant.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from dupimg.messages import message
from dupimg.options.globs import check_glob
from dupimg.options.time_zones import find_zone
from dupimg.wording import nearest_words

Converter = Callable[[Any], Any]

# Separates words that form one value; no path contains it.
SEPARATOR = "\0"

# The words of keep rules; `dupimg.files.keep_rules` ranks photos by each of them. In this order
# they decide if the given words leave a tie.
KEEP_WORDS = (
    "frames",
    "original",
    "pixels",
    "metadata",
    "companions",
    "lossless",
    "sharpness",
    "bytes",
    "oldest",
    "path",
)
ALL_KEEP_WORDS = (*KEEP_WORDS, "newest")

_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9}
_BYTES |= {"kib": 2**10, "mib": 2**20, "gib": 2**30}
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def to_path(value: Any) -> Path:
    """Accept a path unchanged."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise ValueError(message("expected.path"))
    return Path(value)


def to_paths(value: Any) -> tuple[Path, ...]:
    """Accept one or several distinct paths; a string may join them by `SEPARATOR`.

    Examples
    --------
    >>> [path.name for path in to_paths(["photos", "more"])]
    ['photos', 'more']
    """
    if isinstance(value, str):
        value = value.split(SEPARATOR)
    paths = map(to_path, value if isinstance(value, list | tuple) else [value])
    if not (unique := tuple(dict.fromkeys(paths))):
        raise ValueError(message("expected.paths"))
    return unique


def to_folders(value: Any) -> tuple[Path, ...]:
    """Accept one or several distinct folders, separated by commas that are not part of a name.

    Examples
    --------
    >>> [str(path) for path in to_folders(["photos", "more"])]
    ['photos', 'more']
    """
    words = value if isinstance(value, list | tuple) else [value]
    separate = [part for word in words for part in _split(word)]
    return to_paths([part for word in separate for part in _split_folders(word)])


def to_folders_or_none(value: Any) -> tuple[Path, ...]:
    """Like `to_folders`, but also accept no folder."""
    return () if value in ("", (), [], None) else to_folders(value)


def _split(word: Any) -> list[Any]:
    return word.split(SEPARATOR) if isinstance(word, str) else [word]


def _split_folders(word: Any) -> list[Any]:
    """Split a word at commas into folders: the longest existing one first, then the rest."""
    if not isinstance(word, str) or "," not in word or Path(word).exists():
        return [word]
    parts = word.split(",")
    ends = range(len(parts) - 1, 0, -1)
    end = next((end for end in ends if Path(",".join(parts[:end])).exists()), None)
    if end is not None:
        return [",".join(parts[:end]), *_split_folders(",".join(parts[end:]))]
    # If the rest contains a folder, report the first part alone as wrong.
    rest = _split_folders(",".join(parts[1:]))
    return [parts[0], *rest] if any(Path(part).exists() for part in rest) else [word]


def to_flag(value: Any) -> bool:
    """Parse yes or no, true or false, on or off, 1 or 0."""
    word = str(value).strip().lower()
    if word in ("yes", "true", "on", "1"):
        return True
    if word in ("no", "false", "off", "0"):
        return False
    raise ValueError(message("expected.flag"))


def to_text(value: Any) -> str:
    """Accept any text."""
    return str(value)


def to_cosine(value: Any) -> float:
    """Parse a cosine similarity that is valid as a threshold."""
    expected = message("expected.cosine")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(expected) from None
    if not 0 < number <= 1:
        raise ValueError(expected)
    return number


def to_share(value: Any) -> float:
    """Parse a share to be reached, between 0 and 1."""
    expected = message("expected.share")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(expected) from None
    if not 0 < number < 1:
        raise ValueError(expected)
    return number


def to_duration(value: Any) -> int:
    """Parse ``90m``, ``6h`` or ``2d``; a bare number is seconds."""
    match = re.fullmatch(r"([0-9]+)\s*([smhd]?)", str(value).strip().lower())
    seconds = int(match[1]) * _SECONDS[match[2]] if match else 0
    if not seconds:
        raise ValueError(message("expected.duration"))
    return seconds


def to_bytes(value: Any) -> int:
    """Parse ``4GB``, ``500 MB`` or ``2GiB``; a bare number is bytes, and a small one is refused.

    Examples
    --------
    >>> to_bytes("1.5 GB"), to_bytes("2GiB")
    (1500000000, 2147483648)
    """
    n_bytes = _read_bytes(value)
    if n_bytes is None or n_bytes < _BYTES["mb"]:
        raise ValueError(message("expected.memory"))
    return n_bytes


def to_size(value: Any) -> int:
    """Parse the size of a file: ``50KB`` or ``2MB``; a bare number is bytes.

    Examples
    --------
    >>> to_size("50 kB"), to_size(0)
    (50000, 0)
    """
    if (n_bytes := _read_bytes(value)) is None:
        raise ValueError(message("expected.size"))
    return n_bytes


def _read_bytes(value: Any) -> int | None:
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)", str(value).strip().lower())
    return int(float(match[1]) * _BYTES[match[2]]) if match and match[2] in _BYTES else None


def to_pixels(value: Any) -> int:
    """Parse a number of pixels, or width and height.

    Examples
    --------
    >>> to_pixels("640x480"), to_pixels(1000)
    (307200, 1000)
    """
    if match := re.fullmatch(
        r"([0-9]{1,9})(?:\s*[x×*]\s*([0-9]{1,9}))?", str(value).strip().lower()
    ):
        return int(match[1]) * int(match[2] or 1)
    raise ValueError(message("expected.pixels"))


def to_whole_number(least: int, most: int = 1_000_000) -> Converter:
    """Return a converter to whole numbers from `least` to `most`."""
    expected = message("expected.whole_number", least=str(least), most=str(most))

    def convert(value: Any) -> int:
        try:
            number = int(str(value))
        except ValueError:
            raise ValueError(expected) from None
        if not least <= number <= most:
            raise ValueError(expected)
        return number

    return convert


def to_whole_numbers(least: int) -> Converter:
    """Return a converter to ascending whole numbers, separated by commas.

    Examples
    --------
    >>> to_whole_numbers(2)("10,20")
    (10, 20)
    """

    def convert(value: Any) -> tuple[int, ...]:
        words = value.split(",") if isinstance(value, str) else value
        numbers = tuple(map(to_whole_number(least, 10_000_000), words))
        if not numbers or list(numbers) != sorted(set(numbers)):
            raise ValueError(message("expected.whole_numbers"))
        return numbers

    return convert


def optional(convert: Converter) -> Converter:
    """Return a converter that also accepts None."""
    return lambda value: None if value is None else convert(value)


def one_of(*choices: str) -> Converter:
    """Return a converter that accepts one of these words."""

    def convert(value: Any) -> str:
        if value not in choices:
            told = message("expected.one_of", choices=", ".join(choices))
            raise ValueError(told, nearest_words(str(value), choices))
        return value

    return convert


def to_time_zone(value: Any) -> str:
    """Accept the name of a time zone, or an offset from UTC.

    Examples
    --------
    >>> to_time_zone("Asia/Tokyo"), to_time_zone("+05:30")
    ('Asia/Tokyo', '+05:30')
    """
    try:
        find_zone(str(value))
    except ValueError:
        names = available_timezones()
        raise ValueError(
            message("expected.time_zone"),
            nearest_words(str(value), sorted(names)),
        ) from None
    return str(value)


def to_texts(value: Any) -> tuple[str, ...]:
    """Accept a text, or several from Python."""
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def to_keep_rule(value: Any) -> tuple[str, ...]:
    """Parse the words of a keep rule, separated by commas, most important first."""
    words = _words(value)
    if not words or len(set(words)) < len(words) or not set(words) <= set(ALL_KEEP_WORDS):
        raise ValueError(message("expected.keep_rule", words=",".join(ALL_KEEP_WORDS)))
    return words


def to_globs(value: Any) -> tuple[str, ...]:
    """Parse patterns for paths, separated by commas; see `dupimg.options.globs`.

    Examples
    --------
    >>> to_globs("*.dng, albums/**/best")
    ('*.dng', 'albums/**/best')
    """
    return tuple(check_glob(pattern) for pattern in _words(value) if pattern)


def to_endings(value: Any) -> tuple[str, ...]:
    """Parse suffixes, separated by commas, with or without their dots.

    Examples
    --------
    >>> to_endings(".pp3,DOP")
    ('.pp3', '.dop')
    """
    endings = tuple("." + word.lstrip(".").casefold() for word in _words(value) if word)
    if any(len(ending) == 1 or "/" in ending for ending in endings):
        raise ValueError(message("expected.endings"))
    return endings


def _words(value: Any) -> tuple[str, ...]:
    return tuple(w.strip() for w in value.split(",")) if isinstance(value, str) else tuple(value)
