"""Parse templates for the paths of kept photos, such as ``{taken:%Y}/{event}/{stem}{ext}``.

A template has the braces of `str.format`, but only plain fields, dates with some strftime codes,
and numbers with a width. It always yields a relative path below its folder, whatever the values.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from dupimg.messages import message
from dupimg.wording import nearest_words

SCENES, TREE = LAYOUTS = ("scenes", "tree")

FIELDS = ("name", "stem", "ext", "folder", "taken", "event", "scene", "scene_name", "camera")

# The default format of `taken`.
DAY = "%Y-%m-%d"

# The strftime codes with the same result on every system and in every language; names of months
# and days are always English.
_DATE_CODES = "YymdHMSfjBbAaIpUWVGu%"
_DATE_FORMAT = re.compile(rf"(?:%[{_DATE_CODES}]|[^%/\\{{}}])+")
_WIDTH = re.compile(r"0?[1-9]d?")

_EXAMPLE = "{taken:%Y}/{event}/{stem}{ext}"


@dataclass(frozen=True)
class Piece:
    """A piece of one part of a path.

    Attributes
    ----------
    text : str
        Literal text, or the name of the field.
    is_field : bool
    format : str
        Format of a field; may be empty.
    """

    text: str
    is_field: bool = False
    format: str = ""


Part = tuple[Piece, ...]


@dataclass(frozen=True)
class Template:
    """A checked template.

    Attributes
    ----------
    folders : tuple of Part
        The folders, outermost first.
    stem : Part
        The name of the file without its suffix.
    """

    folders: tuple[Part, ...]
    stem: Part


@lru_cache
def parse_template(text: str) -> Template:
    """Parse a template.

    Parameters
    ----------
    text : str

    Returns
    -------
    Template

    Raises
    ------
    ValueError
        The template is invalid; with the expected form and optionally a hint.

    Examples
    --------
    >>> template = parse_template("{taken:%Y}/{scene:04} {name}")
    >>> len(template.folders), [piece.text for piece in template.stem]
    (1, ['scene', ' ', 'stem'])
    """
    if re.match(r"[/\\~]|[A-Za-z]:", text):
        raise ValueError(message("expected.relative_template"))
    parts = _parts(text)
    for part in parts:
        if re.fullmatch(r"\s*\.+\s*", "".join(piece.text for piece in part)):
            raise ValueError(message("expected.no_dots"))
    *folders, name = parts
    return Template(tuple(part for part in folders if part), _stem(name))


def _parts(text: str) -> list[Part]:
    """Split a template at the slashes outside of fields."""
    parts: list[list[Piece]] = [[]]
    for literal, field, format, conversion in _parsed(text):
        first, *more = literal.replace("\\", "/").split("/")
        parts[-1] += [Piece(first)] if first else []
        parts += [[Piece(words)] if words else [] for words in more]
        if field is not None:
            _check_field(field, format or "", conversion)
            parts[-1].append(Piece(field, True, format or ""))
    return [tuple(part) for part in parts]


def _parsed(text: str) -> Iterator[tuple[str, str | None, str | None, str | None]]:
    try:
        yield from string.Formatter().parse(text)
    except ValueError:
        told = message("expected.braces", example=_EXAMPLE, left="{{", right="}}")
        raise ValueError(told) from None


def _check_field(field: str, format: str, conversion: str | None) -> None:
    bare, given = f"{{{field}}}", f"{{{field}:{format}}}"
    if field not in FIELDS:
        told = message("expected.fields", fields=", ".join(FIELDS), field=bare)
        raise ValueError(told, nearest_words(bare, [f"{{{name}}}" for name in FIELDS]))
    if conversion:
        raise ValueError(message("expected.no_conversion", field=bare, conversion=f"!{conversion}"))
    if not format:
        return
    if field == "taken":
        if not _DATE_FORMAT.fullmatch(format):
            codes = " ".join(f"%{code}" for code in _DATE_CODES)
            example = "{taken:%Y-%m-%d}"
            told = message("expected.date", example=example, codes=codes, field=given)
            raise ValueError(told)
    elif field != "scene":
        raise ValueError(message("expected.no_format", expected=bare, field=given))
    elif not _WIDTH.fullmatch(format):
        raise ValueError(message("expected.width", example="{scene:04}", field=given))


def _stem(name: Part) -> Part:
    """Return the parts of the file name without the suffix.

    Raises
    ------
    ValueError
        The name is empty, or does not end with the suffix of the photo.
    """
    *before, last = name or (Piece(""),)
    if last == Piece("name", True):
        return (*before, Piece("stem", True))
    if last != Piece("ext", True) or not before:
        raise ValueError(message("expected.photo_name", ext="{ext}", name="{name}"))
    return tuple(before)


def to_layout(value: object) -> str:
    """Accept the word of a layout, or a template; see `parse_template`.

    Examples
    --------
    >>> to_layout("tree"), to_layout("{taken:%Y}/{name}")
    ('tree', '{taken:%Y}/{name}')
    """
    text = str(value)
    if text in LAYOUTS:
        return text
    if not {"{", "}"} & set(text):
        told = message("expected.layout", example=_EXAMPLE)
        raise ValueError(told, nearest_words(text, LAYOUTS))
    parse_template(text)
    return text
