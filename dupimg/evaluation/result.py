"""The result of an evaluation: figures and tables, as text and as CSV."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from dupimg.files.photos import File
from dupimg.wording import counted


@dataclass(frozen=True)
class Measure:
    """One figure.

    Attributes
    ----------
    model : str
    measure : str
        Name of the figure.
    value : float or int
        A float is a share in 0..1, NaN if there was nothing to measure; an int is a number of
        pairs or photos.
    count : int or None
        The number of pairs or photos that it is a share of.
    """

    model: str
    measure: str
    value: float
    count: int | None = None

    def __str__(self) -> str:
        if math.isnan(self.value):
            value = "–"
        elif isinstance(self.value, float):
            value = f"{self.value:.3f}" if self.value <= 1 else f"{self.value:.1f}"
        else:
            value = f"{self.value:,}"
        return value if self.count is None else f"{value} of {self.count:,}"


@dataclass(frozen=True)
class Evaluation:
    """The figures and tables of one or several models.

    Attributes
    ----------
    measures : tuple of Measure
    left_out : tuple of File
        Labelled photos that are missing or unreadable; they do not count.
    tables : tuple of (str, DataFrame)
        Titles and tables that compare rules and ways to form scenes.
    plots : tuple of Path
        Files of the plots.
    csv : tuple of Path
        The file with the figures, if one was requested.
    seconds : float
        Duration of the measurement.
    """

    measures: tuple[Measure, ...] = ()
    left_out: tuple[File, ...] = ()
    tables: tuple[tuple[str, pd.DataFrame], ...] = ()
    plots: tuple[Path, ...] = ()
    csv: tuple[Path, ...] = ()
    seconds: float = 0.0

    def __add__(self, other: Evaluation) -> Evaluation:
        """Join two evaluations of the same photos."""
        mine = [getattr(self, field.name) for field in dataclasses.fields(self)]
        theirs = [getattr(other, field.name) for field in dataclasses.fields(other)]
        joined = Evaluation(*(a + b for a, b in zip(mine, theirs, strict=True)))
        left_out = {file.path: file for file in joined.left_out}
        return dataclasses.replace(joined, left_out=tuple(left_out.values()))

    def summary(self) -> str:
        """Return a table with a column for each model, and the photos left out.

        Examples
        --------
        >>> print(Evaluation((Measure("m", "scene pair recall", 0.5, 12),)).summary())
                                     m
        scene pair recall  0.500 of 12
        """
        columns: dict[str, dict[str, str]] = {}
        for measure in self.measures:
            columns.setdefault(measure.model, {})[measure.measure] = str(measure)
        lines = [pd.DataFrame(columns).fillna("–").to_string()]
        for title, table in self.tables:
            text = table.to_string(index=False, na_rep="–", float_format="{:.4g}".format)
            lines.append(f"\n{title}\n{text}")
        if self.left_out:
            lines.append(f"\nleft out: {counted(len(self.left_out), 'photo')}, not readable")
            lines += [f"  {photo.path}: {photo.reason}" for photo in self.left_out]
        lines += [f"\nplot: {path}" for path in self.plots]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Return the content of `summary` as JSON values; NaN becomes null."""
        models = {measure.model for measure in self.measures}
        return {
            "counts": {"models": len(models), "left_out": len(self.left_out)},
            "measures": [dataclasses.asdict(measure) for measure in self.measures],
            "tables": {title: table.to_dict("records") for title, table in self.tables},
            "left_out": {file.path: str(file.reason) for file in self.left_out},
            "paths": {
                "plots": [str(path) for path in self.plots],
                "csv": str(self.csv[0]) if self.csv else None,
            },
            "seconds": {"total": round(self.seconds, 3)},
        }

    def to_csv(self, path: Path) -> None:
        """Write a row for each figure with the columns model, measure, value and count."""
        rows = [dataclasses.astuple(measure) for measure in self.measures]
        names = [field.name for field in dataclasses.fields(Measure)]
        # The dtype object keeps whole numbers as they are.
        frame = pd.DataFrame(rows, columns=names, dtype=object)
        frame.to_csv(path, index=False, lineterminator="\n")
