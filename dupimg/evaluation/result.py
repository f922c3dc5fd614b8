"""What an evaluation found: figures and tables, as text and as CSV."""

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
        What was measured.
    value : float or int
        A share in 0..1, NaN where there was nothing to measure; a number of pairs or photos if
        it is an int.
    count : int or None
        How many pairs or photos it is a share or a part of.
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
    """What was measured, for one or several models.

    Attributes
    ----------
    measures : tuple of Measure
    left_out : tuple of File
        Photos of the labels that are missing or unreadable; they count nowhere.
    tables : tuple of (str, DataFrame)
        Comparisons of ways to judge, with their titles.
    plots : tuple of Path
        What was drawn.
    csv : tuple of Path
        The file with the figures, if one was asked for.
    seconds : float
        What measuring took.
    """

    measures: tuple[Measure, ...] = ()
    left_out: tuple[File, ...] = ()
    tables: tuple[tuple[str, pd.DataFrame], ...] = ()
    plots: tuple[Path, ...] = ()
    csv: tuple[Path, ...] = ()
    seconds: float = 0.0

    def __add__(self, other: Evaluation) -> Evaluation:
        """Join what was measured of the same photos; a photo is left out once."""
        mine = [getattr(self, field.name) for field in dataclasses.fields(self)]
        theirs = [getattr(other, field.name) for field in dataclasses.fields(other)]
        joined = Evaluation(*(a + b for a, b in zip(mine, theirs, strict=True)))
        left_out = {file.path: file for file in joined.left_out}
        return dataclasses.replace(joined, left_out=tuple(left_out.values()))

    def summary(self) -> str:
        """Return a table with a column for each model, and the photos that were left out.

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
        """Return what `summary` says as JSON values, for scripts; NaN is null."""
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
        """Write one row a figure, with the columns model, measure, value, count."""
        rows = [dataclasses.astuple(measure) for measure in self.measures]
        names = [field.name for field in dataclasses.fields(Measure)]
        # As objects, so that whole numbers are written as such.
        frame = pd.DataFrame(rows, columns=names, dtype=object)
        frame.to_csv(path, index=False, lineterminator="\n")
