"""Read and write the user's answers about pairs of photos as a CSV file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from dupimg.errors import UsageError
from dupimg.files.durable import write_durably
from dupimg.messages import details, message, why
from dupimg.plans.report import from_cell, to_cell
from dupimg.tuning.questions import ANSWERS
from dupimg.wording import hinted, nearest_words

COLUMNS = ("path_a", "path_b", "answer")
SKIPPED = "skipped"


@dataclass(frozen=True)
class PairLabel:
    """The user's answer about two photos.

    Attributes
    ----------
    path_a, path_b : str
        Relative to the folder, with forward slashes.
    answer : {"same photo", "same scene", "different", "skipped"}
    """

    path_a: str
    path_b: str
    answer: str


def read_label_table(path: Path, columns: Sequence[str], otherwise: str = "") -> pd.DataFrame:
    """Read a CSV file of answers as text.

    Parameters
    ----------
    path : Path
    columns : sequence of str
        The required columns.
    otherwise : str
        Another expected form, for the message.

    Returns
    -------
    DataFrame

    Raises
    ------
    UsageError
        The file is missing, is no table, or lacks a column.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' errors are ValueErrors
        wrong = why(error) if isinstance(error, OSError) else details(error)
        told = message("refused.answers_unreadable", path=str(path), why=wrong)
        raise UsageError(told) from error
    if missing := ", ".join(name for name in columns if name not in table.columns):
        expected = ", ".join(columns) + otherwise
        raise UsageError(
            message("refused.answers_columns", path=str(path), missing=missing, expected=expected)
        )
    return table


def holds_pairs(path: Path) -> bool:
    """Return whether a CSV file is about pairs of photos, not single photos."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            return COLUMNS[0] in file.readline().replace('"', "").strip().split(",")
    except OSError:
        return False


def read_pairs(path: Path) -> tuple[PairLabel, ...]:
    """Read the file of `write_pairs`, even after editing in a spreadsheet.

    Parameters
    ----------
    path : Path

    Returns
    -------
    tuple of PairLabel
        In the order of the file.

    Raises
    ------
    UsageError
        The file is missing, lacks a column, or has an unknown answer.
    """
    table = read_label_table(path, COLUMNS)
    labels = []
    # The header is row 1 in spreadsheets.
    for number, (path_a, path_b, cell) in enumerate(table[[*COLUMNS]].itertuples(index=False), 2):
        answer = cell.strip().lower()
        if answer not in (*ANSWERS, SKIPPED):
            expected = message("expected.one_of", choices=", ".join((*ANSWERS, SKIPPED)))
            told = message(
                "refused.unknown_answer",
                path=str(path),
                row=str(number),
                answer=repr(cell),
                expected=hinted(expected, nearest_words(answer, ANSWERS)),
            )
            raise UsageError(told)
        labels.append(PairLabel(from_cell(path_a), from_cell(path_b), answer))
    return tuple(labels)


def write_pairs(labels: Sequence[PairLabel], path: Path) -> None:
    """Write labels atomically."""
    columns = {
        "path_a": [to_cell(label.path_a) for label in labels],
        "path_b": [to_cell(label.path_b) for label in labels],
        "answer": [label.answer for label in labels],
    }
    content = pd.DataFrame(columns).to_csv(index=False, lineterminator="\n")
    with write_durably(path) as file:
        file.write(content.encode("utf-8-sig"))
