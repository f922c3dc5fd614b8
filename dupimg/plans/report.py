r"""Write the plan as a CSV file that survives spreadsheets, and read it.

Spreadsheets run cells that start like a formula, and convert cells that look like a number, a date
or a truth value (``0012`` becomes ``12``). Such cells get a leading apostrophe. Characters that a
cell cannot contain (line breaks, control characters, bytes that are not UTF-8) become backslash
escapes. The names of ordinary photos stay unchanged.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dupimg.files.companion_names import is_film
from dupimg.files.durable import write_durably
from dupimg.messages import as_text
from dupimg.plans.rows import Row

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = tuple(field.name for field in fields(Row) if field.metadata.get("in_report", True))
_INTEGERS = ("scene", "duplicate_group", "width", "height", "bytes", "shared_details")
SHARES = ("overlap", "difference")
COSINES = ("cosine_to_keeper", "nearest_cosine", "thumb_correlation", "nearest_scene_cosine")
_NUMBERS = (*COSINES, *SHARES)
# Columns that old reports lack.
_OPTIONAL = {"nearest_scene_cosine", "scene_name", "event", "shared_details", *SHARES}
PATHS = ("path", "keeper", "companion_of", "compared_with")

# With these suffixes no spreadsheet takes a cell for a number or a date.
_TEXT_SUFFIX = re.compile(
    r"\.(jpe?g|png|webp|gif|bmp|tiff?|jp2|hei[cf]|avif|psd|p[pgn]m|svg"
    r"|dng|cr[23]|nef|arw|raf|orf|rw2|mov|mp4|m4v|avi|mkv|3gp|mp3|wav"
    r"|xmp|aae|thm|txt|md|json|csv|xml|html?|pdf|docx?|xlsx?|ini|log|db|zip)$",
    re.IGNORECASE,
)
# Spaces and apostrophes at the ends, which spreadsheets or users may remove.
_UNSAFE = re.compile(
    r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]|^['\s]|\s$"
)
_ESCAPE = re.compile(r"\\(?:(\\)|x([0-9a-f]{2})|u([0-9a-f]{4}))")


def to_cell(text: str, *, may_look_like_data: bool = True) -> str:
    r"""Escape a text so that spreadsheets do not change it.

    Parameters
    ----------
    text : str
        May contain surrogates for bytes that are not UTF-8.
    may_look_like_data : bool, default=True
        Whether the text could be taken for a number, a date or a truth value.

    Returns
    -------
    str
        Without line breaks and control characters; `from_cell` restores the text.

    Examples
    --------
    >>> to_cell("/sd/IMG_1.jpg"), to_cell("=cmd()"), to_cell("0012"), to_cell("a\nb.jpg")
    ('/sd/IMG_1.jpg', "'=cmd()", "'0012", 'a\\u000ab.jpg')
    """
    escaped = _UNSAFE.sub(_escape, text)
    like_data = may_look_like_data and not _TEXT_SUFFIX.search(text)
    if escaped and (like_data or not (escaped[0].isalnum() or escaped[0] in "/_.([{\\")):
        return f"'{escaped}"
    return escaped


def from_cell(cell: str) -> str:
    r"""Restore a text escaped by `to_cell`.

    Examples
    --------
    >>> from_cell("'=cmd()"), from_cell("a\\u000ab.jpg")
    ('=cmd()', 'a\nb.jpg')
    """
    text = cell.removeprefix("'")
    return _ESCAPE.sub(_unescape, text) if "\\" in text else text


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character == "\\":
        return "\\\\"
    code = ord(character)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def _unescape(match: re.Match[str]) -> str:
    backslash, byte, code = match.groups()
    return backslash or chr(0xDC00 + int(byte, 16) if byte else int(code, 16))


def write_report(rows: Sequence[Row], path: Path, *, instead_of: Sequence[Row] = ()) -> Path | None:
    """Write rows as CSV in UTF-8, with a byte order mark for Excel.

    Parameters
    ----------
    rows : sequence of Row
    path : Path
        See `write_table`.
    instead_of : sequence of Row
        The rows of the current report.

    Returns
    -------
    Path or None
        See `write_table`.
    """
    return write_table(_cells(rows), path, instead_of=_cells(instead_of))


def _cells(rows: Sequence[Row]) -> dict[str, list[str]]:
    return {name: [row_cell(row, name) for row in rows] for name in columns_of(rows)}


def columns_of(rows: Sequence[Row]) -> tuple[str, ...]:
    """Return the columns of a report, with `input` for several folders."""
    return (*COLUMNS, "input") if any(row.input for row in rows) else COLUMNS


def write_table(
    columns: Mapping[str, Sequence[str]],
    path: Path,
    *,
    instead_of: Mapping[str, Sequence[str]] | None = None,
) -> Path | None:
    """Write cells as CSV.

    Parameters
    ----------
    columns : mapping of str to sequence of str
    path : Path
        Written atomically. A file of this name with another content, which the user may have
        edited, is renamed.
    instead_of : mapping of str to sequence of str, optional
        Generated cells: a file with exactly these is replaced.

    Returns
    -------
    Path or None
        The new name of a file that was renamed.
    """
    encoded = _encoded(columns)
    replaceable = {encoded} if instead_of is None else {encoded, _encoded(instead_of)}
    kept = None
    with write_durably(path) as file:
        file.write(encoded)
        # Renamed only now, so that the earlier file keeps its name if the disk is full.
        file.flush()
        if path.exists() and path.read_bytes() not in replaceable:
            names = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in count(1))
            kept = next(name for name in names if not name.exists())
            path.rename(kept)
    return kept


def _encoded(columns: Mapping[str, Sequence[str]]) -> bytes:
    # Without pandas, whose import takes 0.2 s and which `apply` and `undo` do not need otherwise.
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return content.getvalue().encode("utf-8-sig")


def row_cell(row: Row, name: str) -> str:
    """Return a cell of the report."""
    value = getattr(row, name)
    if value is None or (row.trashed and name == "destination"):
        return ""
    if name in _INTEGERS:
        return str(value)
    if name in _NUMBERS:
        return f"{value:.6f}"
    # Spreadsheets keep these columns; scene names could only be dates if they have a digit.
    may_look_like_data = name in PATHS or (name == "scene_name" and bool(re.search(r"\d", value)))
    return to_cell(str(value), may_look_like_data=may_look_like_data)


def rows_table(rows: Sequence[Row]) -> DataFrame:
    """Return rows as a table with the columns of the report.

    Parameters
    ----------
    rows : sequence of Row

    Returns
    -------
    DataFrame
        A row for each file. Whole numbers are nullable integers, cosines and shares float64, all
        else text.
    """
    import pandas as pd

    kinds = dict.fromkeys(_INTEGERS, "Int64") | dict.fromkeys(_NUMBERS, "float64")
    columns: dict[str, list[Any]] = {
        name: [getattr(row, name) for row in rows] for name in columns_of(rows)
    }
    columns["reason"] = [str(reason or "") for reason in columns["reason"]]
    return pd.DataFrame(columns).astype(kinds)


def read_report(path: Path) -> tuple[Row, ...]:
    """Read rows written by `write_report`.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of Row
        With English texts as reasons, and `failed` unset.

    Raises
    ------
    ValueError
        A column is missing.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.DictReader(file)
        found = set(lines.fieldnames or ())
        if missing := [name for name in COLUMNS if name not in found | _OPTIONAL]:
            raise ValueError(
                f"Got {path} without {', '.join(missing)}, expected these columns too."
            )
        known = [name for name in (*COLUMNS, "input") if name in found]
        return tuple(_row({name: _from_cell(line[name], name) for name in known}) for line in lines)


def _row(values: dict[str, Any]) -> Row:
    row = Row(**values)
    return row.having(video=row.is_media and row.width is None and is_film(row.path))


def _from_cell(cell: str, name: str) -> Any:
    if name in _INTEGERS:
        return int(cell) if cell else None
    if name in _NUMBERS:
        return float(cell) if cell else None
    if name == "reason":
        return as_text(from_cell(cell)) if cell else None
    return from_cell(cell)
