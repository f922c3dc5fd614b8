"""Read a plan saved by a spreadsheet, and change single cells of it.

Only changed cells are rewritten. Everything else stays byte for byte: the order of rows and
columns, the user's own columns, separator, quotes, line ends and encoding.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from pathlib import Path

from dupimg.errors import UsageError
from dupimg.files.durable import write_durably
from dupimg.messages import details, message, why
from dupimg.plans.report import from_cell

NEEDED = ("path", "action", "scene", "destination", "digest")
SCENE_NAME = "scene_name"  # missing in plans of version 0.1.0
_READ = (*NEEDED, SCENE_NAME)

# Lines before the header: empty ones, and one for Excel such as ``sep=;``. Its separator is not
# trusted, as a spreadsheet that takes it for a cell may save the file with another one.
_BEGINNING = re.compile(r'[\r\n]*("?sep=[,;\t]"?[,;\t]*(\r\n?|\n|$))?', re.IGNORECASE)

# Byte order mark → encoding; UTF-8 without one.
_ENCODINGS = {
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
    b"\xef\xbb\xbf": "utf-8",
    b"": "utf-8",
}


@dataclass(frozen=True)
class Edit:
    """A row of an edited plan.

    Attributes
    ----------
    number : int
        Number of the row in the spreadsheet, where the header is row 1.
    path, action, scene, destination, digest, scene_name : str
        The texts of the cells, without escapes for spreadsheets.
    """

    number: int
    path: str
    action: str
    scene: str
    destination: str
    digest: str
    scene_name: str = ""


@dataclass(frozen=True)
class PlanFile:
    """An edited plan, cell by cell; created by `parse_plan_file`.

    Attributes
    ----------
    mark : bytes
        The byte order mark; may be empty.
    head : str
        The header with its line end, and the lines before it, such as ``sep=;``.
    names : tuple of str
        The columns.
    separator : str
    records : tuple of str
        The unparsed rows below the header, each with its line end.
    edits : tuple of Edit or None
        The parsed records; None for an empty one.
    """

    mark: bytes
    head: str
    names: tuple[str, ...]
    separator: str
    records: tuple[str, ...]
    edits: tuple[Edit | None, ...]

    @cached_property
    def content(self) -> bytes:
        """The file, byte for byte."""
        return self.mark + "".join((self.head, *self.records)).encode(_ENCODINGS[self.mark])

    @cached_property
    def stamp(self) -> str:
        """Hexadecimal SHA-256 of the file."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def filled_edits(self) -> list[Edit]:
        """The edits of all records that are not empty."""
        return [edit for edit in self.edits if edit is not None]

    @cached_property
    def _places(self) -> dict[str, int]:
        return {edit.path: i for i, edit in enumerate(self.edits) if edit is not None}

    def edit(self, path: str) -> Edit | None:
        """Return the last row with a path, or None."""
        place = self._places.get(path)
        return None if place is None else self.edits[place]

    def cell(self, path: str, column: str) -> str | None:
        """Return an unparsed cell of the last row with a path, or None."""
        place = self._places.get(path)
        if place is None:
            return None
        cells = _cells(self.records[place], self.separator)
        return dict(zip_longest(self.names, cells, fillvalue=""))[column]

    def with_cells(self, cells: Mapping[tuple[str, str], str]) -> PlanFile:
        """Return the plan with some cells changed.

        Parameters
        ----------
        cells : mapping of (str, str) to str
            (path, column) → new unparsed text; the path must have a row.
        """
        records, edits = list(self.records), list(self.edits)
        for (path, column), text in cells.items():
            place = self._places[path]
            records[place] = _with_cell(
                records[place], self.names.index(column), text, self.separator
            )
            cells_now = _cells(records[place], self.separator)
            edits[place] = _edit(place + 2, _columns(self.names), cells_now)
        return replace(self, records=tuple(records), edits=tuple(edits))


def read_edits(path: Path) -> tuple[Edit, ...]:
    """Read an edited plan in any form in which spreadsheets save it.

    Parameters
    ----------
    path : Path
        CSV in UTF-8 or UTF-16, with or without a byte order mark, separated by commas,
        semicolons or tabs, with or without a first line such as ``sep=;``.

    Returns
    -------
    tuple of Edit
        Without empty rows.

    Raises
    ------
    UsageError
        The file cannot be read or is no CSV, or a column is missing or duplicated.
    """
    edits = parse_plan_file(read_bytes(path), path).edits
    return tuple(edit for edit in edits if edit is not None)


def read_bytes(path: Path) -> bytes:
    """Read the bytes of a plan; raise UsageError if that fails."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            message("refused.plan_unreadable", plan=str(path), why=why(error))
        ) from error


def parse_plan_file(content: bytes, path: Path) -> PlanFile:
    """Parse an edited plan, see `read_edits`.

    Parameters
    ----------
    content : bytes
    path : Path
        Its file, for messages.

    Returns
    -------
    PlanFile

    Raises
    ------
    UsageError
    """
    mark = next(mark for mark in _ENCODINGS if content.startswith(mark))
    text = _decoded(content[len(mark) :], _ENCODINGS[mark], path)
    begin = _BEGINNING.match(text).end()  # type: ignore[union-attr]  # it may be empty
    if begin == len(text):
        raise UsageError(message("refused.plan_empty", plan=str(path)))
    lines = list(io.StringIO(text[begin:], newline=""))
    separator = max(",;\t", key=lines[0].count)
    try:
        (header, head), *rows = _records(lines, separator)
    except (csv.Error, ValueError) as error:
        wrong = details(error)
        if str(error) == f"'{separator}' expected after '\"'":
            wrong = message("why.separator_expected", separator=separator)
        raise UsageError(message("refused.no_csv", plan=str(path), why=wrong)) from error
    names = tuple(name.strip(" '").lower() for name in header)
    wrong_names = [name for name in NEEDED if names.count(name) != 1]
    wrong_names += [SCENE_NAME] * (names.count(SCENE_NAME) > 1)
    if columns := ", ".join(wrong_names):
        needed = ", ".join(NEEDED)
        raise UsageError(message("refused.columns", plan=str(path), columns=columns, needed=needed))
    # Excel and LibreOffice show the header as row 1, without the line of the separator.
    read = _columns(names)
    edits = tuple(_edit(number, read, cells) for number, (cells, _) in enumerate(rows, start=2))
    records = tuple(record for _, record in rows)
    return PlanFile(mark, text[:begin] + head, names, separator, records, edits)


def _decoded(content: bytes, encoding: str, path: Path) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise UsageError(message("refused.encoding", plan=str(path))) from error


def _records(lines: Sequence[str], separator: str) -> Iterator[tuple[list[str], str]]:
    """Yield the cells and the text of every record; cells may contain line breaks."""
    reader = csv.reader(lines, delimiter=separator, strict=True)
    begin = 0
    for cells in reader:
        yield cells, "".join(lines[begin : reader.line_num])
        begin = reader.line_num


def _cells(record: str, separator: str) -> list[str]:
    return next(csv.reader([record], delimiter=separator, strict=True))


def _columns(names: Sequence[str]) -> list[int]:
    """Return the columns of an edit; one that is missing is after the last."""
    return [names.index(name) if name in names else sys.maxsize for name in _READ]


def _edit(number: int, columns: Sequence[int], cells: Sequence[str]) -> Edit | None:
    # Spreadsheets may omit empty cells at the end. Spaces that belong to a name are escaped.
    file, action, scene, place, digest, name = [
        from_cell(cells[i].strip(" ")) if i < len(cells) else "" for i in columns
    ]
    if not (file or action or place):
        return None
    return Edit(number, file, action.strip().lower(), scene, place, digest, " ".join(name.split()))


def _with_cell(record: str, column: int, text: str, separator: str) -> str:
    """Replace a cell of a record; quote it if it was quoted or must be."""
    body = record.rstrip("\r\n")
    line_end = record[len(body) :]
    field = rf'(?:^|{separator})("(?:[^"]|"")*"|[^{separator}\r\n]*)'
    spans = [match.span(1) for match in re.finditer(field, body)]
    missing = column + 1 - len(spans)
    if missing > 0:  # spreadsheets may omit empty cells at the end
        body += separator * missing
        spans += [(len(body), len(body))] * missing
    begin, end = spans[column]
    if body[begin:end].startswith('"') or set(text) & {separator, '"', "\r", "\n"}:
        text = '"' + text.replace('"', '""') + '"'
    return body[:begin] + text + body[end:] + line_end


def replace_file(path: Path, content: bytes) -> None:
    """Replace the content of a file atomically.

    Parameters
    ----------
    path : Path
        An existing file; keeps its permissions.
    content : bytes

    Raises
    ------
    UsageError
        It cannot be written; the old content remains.
    """
    try:
        with write_durably(path) as file:
            file.write(content)
            shutil.copymode(path, file.name)
    except OSError as error:
        raise UsageError(message("refused.not_written", plan=str(path), why=why(error))) from error
