"""The right answers about a folder of photos, and which pairs of photos they make."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.errors import UsageError
from dupimg.evaluation.metrics import Truth, pairs_of_groups
from dupimg.tuning.pair_labels import COLUMNS as PAIR_COLUMNS
from dupimg.tuning.pair_labels import read_label_table

SCENES, COPIES, DISTRACTORS = "scenes", "copies", "distractors"
COLUMNS = ("path", "set", "group", "related_group")


def read_labels(path: Path) -> pd.DataFrame:
    """Read the known answers of the three sets that are measured; other sets are passed over.

    Parameters
    ----------
    path : Path
        CSV file with the columns `path`, `set`, `group`, `related_group` (one or several groups
        of the same place, separated by ``;``) and maybe `kind`.

    Returns
    -------
    DataFrame
        Text, indexed by `path`.

    Raises
    ------
    UsageError
        There is no such file, it is no such table, or it names a photo twice.
    """
    otherwise = f", and maybe kind; or {', '.join(PAIR_COLUMNS)}"
    labels = read_label_table(path, COLUMNS, otherwise)
    labels = labels[labels["set"].isin([SCENES, COPIES, DISTRACTORS])].set_index("path")
    if labels.empty:
        raise UsageError(
            f"Got labels={path} without a photo of the sets {SCENES}, {COPIES} or {DISTRACTORS}, "
            "expected at least one. Check the column set."
        )
    if labels.index.has_duplicates:
        twice = labels.index[labels.index.duplicated()][0]
        raise UsageError(f"Got labels={path} with {twice} twice, expected each photo once.")
    return labels


def labelled_pairs(table: pd.DataFrame, name: str, *, by_kind: bool) -> NDArray[np.int64]:
    """Return the pairs of photos of a group of a set: of an original and a copy, or of any two."""
    rows = np.flatnonzero((table["set"] == name) & (table["group"] != ""))
    photos = table.iloc[rows]
    kinds = photos["kind"] if by_kind and "kind" in table.columns else None
    pairs = pairs_of_groups(photos["group"], kinds)[["row", "row_of"]].to_numpy()
    return np.sort(rows[pairs], axis=1).T


def truth_of(table: pd.DataFrame) -> Truth:
    """Return which photos of a table belong together."""
    alone = (table["set"] == DISTRACTORS) | (table["group"] == "")
    # The line break keeps the name of a photo alone apart from those of groups.
    groups = table["group"].where(~alone, "\n" + table.index.to_series())
    return Truth.from_names(groups, table["related_group"])
