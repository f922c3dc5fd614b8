"""Read the labels of photos, and derive the pairs that belong together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.errors import UsageError
from dupimg.evaluation.metrics import Truth, pairs_of_groups
from dupimg.files.photos import find_files
from dupimg.tuning.pair_labels import COLUMNS as PAIR_COLUMNS
from dupimg.tuning.pair_labels import read_label_table

SCENES, COPIES, DISTRACTORS = "scenes", "copies", "distractors"
COLUMNS = ("path", "set", "group", "related_group")

_READ = ("set", "group", "related_group", "kind", "folder")

# The set of unlabelled photos, which are unrelated to the photos of all other folders.
OTHERS = "others"


def read_labels(path: Path) -> pd.DataFrame:
    """Read the labels of the three measured sets; other sets are skipped.

    Parameters
    ----------
    path : Path
        CSV file with the columns `path`, `set`, `group`, `related_group` (names separated by ``;``;
        see `Truth.from_names`) and optionally `kind`.

    Returns
    -------
    DataFrame
        Text, indexed by `path`.

    Raises
    ------
    UsageError
        The file is missing, has other columns, or lists a photo twice.
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


def join_labels(folders: Sequence[Path], paths: Sequence[Path]) -> pd.DataFrame:
    """Read the labels of several folders as those of one collection.

    Parameters
    ----------
    folders : sequence of Path
    paths : sequence of Path
        A CSV file for each folder; see `read_labels`.

    Returns
    -------
    DataFrame
        Indexed by path, with the columns set, group, related_group, folder, and kind if any folder
        has it. The paths of a single folder stay relative to it; those of several begin with the
        folder. Equal group names mean the same group, whatever the folder.
    """
    tables = []
    for folder, path in zip(folders, paths, strict=True):
        table = read_labels(path).assign(folder=folder.name or str(folder))
        table = table[[name for name in _READ if name in table]]
        if len(folders) > 1:
            table.index = pd.Index([(folder / name).as_posix() for name in table.index])
        tables.append(table)
    labels = pd.concat(tables).fillna("")
    if labels.index.has_duplicates:
        twice = labels.index[labels.index.duplicated()][0]
        raise UsageError(f"Got {twice} in the labels of two folders, expected each photo once.")
    return labels


def other_photos(folder: Path) -> pd.DataFrame:
    """Return the table of a folder without labels, like `join_labels`."""
    paths = [(folder.absolute() / path).as_posix() for path, _ in find_files(folder).files]
    if not paths:
        raise UsageError(f"Got among={folder} without a file, expected a folder with photos.")
    columns = {"set": OTHERS, "group": "", "related_group": "", "folder": folder.name}
    return pd.DataFrame(columns, index=pd.Index(paths))


def labelled_pairs(table: pd.DataFrame, name: str, *, by_kind: bool) -> NDArray[np.int64]:
    """Return the pairs of photos of one group in a set; `by_kind`: only (original, copy)."""
    rows = np.flatnonzero((table["set"] == name) & (table["group"] != ""))
    photos = table.iloc[rows]
    kinds = photos["kind"] if by_kind and "kind" in table.columns else None
    pairs = pairs_of_groups(photos["group"], kinds)[["row", "row_of"]].to_numpy()
    return np.sort(rows[pairs], axis=1).T


def truth_of(table: pd.DataFrame) -> Truth:
    """Return the truth about the photos of a table."""
    others = (table["set"] == OTHERS).to_numpy()
    alone = (table["set"] == DISTRACTORS) | (table["group"] == "")
    # The line break keeps the names of single photos and of `among` apart from group names.
    groups = table["group"].where(~alone, "\n" + table.index.to_series()).mask(others, "\n")
    return Truth.from_names(groups, table["related_group"], mixed="\n")
