"""Measure duplicates and scenes on photos with labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.decide.embedded import Embedded
from dupimg.decide.group import find_groups, rank_photos
from dupimg.evaluation.edit_scores import EditScore, edit_tables
from dupimg.evaluation.edits import EDITED, EDITS, make_edits
from dupimg.evaluation.labels import (
    COPIES,
    join_labels,
    labelled_pairs,
    other_photos,
    truth_of,
)
from dupimg.evaluation.metrics import (
    ORIGINAL,
    Figure,
    Truth,
    copy_figures,
    removal_figures,
    scene_figures,
    unrelated_figure,
)
from dupimg.evaluation.rules import (
    decide,
    decide_by_rules,
    removal_table,
    removed_pairs,
    share_table,
)
from dupimg.evaluation.scene_curves import plot_curves, scene_curves, summarize_curves
from dupimg.options.tool_options import EvaluateOptions


class PhotoAnswers:
    """Labels of photos, and the measures that they allow.

    Parameters
    ----------
    options : EvaluateOptions
    paths : sequence of Path
        CSV files with the labels, one for each folder.

    Attributes
    ----------
    root : Path
        The base of the paths of the photos.
    labels : DataFrame
        Indexed by path.
    """

    def __init__(self, options: EvaluateOptions, paths: Sequence[Path]) -> None:
        self.root = options.folders[0] if len(options.folders) == 1 else Path()
        self.labels = join_labels(options.folders, paths)
        if options.among is not None:
            self.labels = pd.concat([self.labels, other_photos(options.among)]).fillna("")
        self._with_edits = self.labels

    @property
    def has_scenes(self) -> bool:
        """Whether any photos have scene labels or are distractors."""
        return not (self.labels["set"] == COPIES).all()

    def make_edits(self, folder: Path, options: EvaluateOptions) -> pd.DataFrame:
        """Write edited copies of the originals to an empty folder, and return their labels."""
        if not options.edits or "kind" not in self.labels:
            return pd.DataFrame()
        originals = self.labels[self.labels["kind"] == ORIGINAL]
        max_pixels = options.max_megapixels * 1_000_000
        edits = make_edits(originals, self.root, folder, max_pixels=max_pixels)
        self._with_edits = pd.concat([self.labels, edits]).fillna("")
        return edits

    def figures(self, embedded: Embedded, options: EvaluateOptions) -> Iterator[Figure]:
        """Measure scenes, copies and removals with the duplicate rule of the options.

        Parameters
        ----------
        embedded : Embedded
            With evidence.
        options : EvaluateOptions

        Yields
        ------
        name, value, count
        """
        table = self._table(embedded)
        views, copies = _views(table), _rows(table["set"] == COPIES)
        if views.size:
            # Form scenes of these photos alone.
            photos, of_views = embedded[views], table.iloc[views]
            truth = truth_of(of_views)
            groups = find_groups(photos, options, rank_photos(photos))
            folders = of_views["folder"].to_numpy()
            yield from _scene_figures(truth, groups.scenes, folders)
            yield from removal_figures(truth, *removed_pairs(groups, photos))
            features = photos.of_each_photo
            yield unrelated_figure(truth, features.vector, options.duplicate_threshold)
            yield unrelated_figure(truth, features.scene_vector, options.scene_threshold)
        if copies.size:
            of_copies = table.iloc[copies]
            kinds = of_copies["kind"] if "kind" in table.columns else None
            keepers = decide(embedded[copies], options).keepers
            yield from copy_figures(of_copies["group"], kinds, keepers)

    def curves(
        self, embedded: Embedded, options: EvaluateOptions
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        """Tabulate ways to form scenes; draw them if a plot is requested.

        Parameters
        ----------
        embedded : Embedded
            With evidence.
        options : EvaluateOptions

        Yields
        ------
        title, table
        """
        table = self._table(embedded)
        views = _views(table)
        if not views.size:
            return
        curves = scene_curves(truth_of(table.iloc[views]), embedded[views], options)
        yield "Scenes by linkage", summarize_curves(curves, options.scene_threshold)
        if options.plot is not None:
            plot_curves(curves, options.scene_threshold, options.plot)

    def rule_tables(
        self, embedded: Embedded, options: EvaluateOptions
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        """Tabulate the decisions of the duplicate rules on photos and edited copies.

        Parameters
        ----------
        embedded : Embedded
        options : EvaluateOptions
            The cache must hold the previews of the photos.

        Yields
        ------
        title, table
        """
        table = self._table(embedded)
        views, copies = _views(table), _rows(table["set"] == COPIES)
        edits = list(_edited_copies(table))
        parts = [views, copies]
        parts += [np.concatenate([views, originals, edited]) for _, originals, edited in edits]
        decided = decide_by_rules([embedded[rows] for rows in parts], options)
        of_views, of_copies, *of_edits = decided
        if views.size:
            known = truth_of(table.iloc[views]), table["folder"].to_numpy()[views]
            yield (
                "Photos removed for another picture, by rule",
                removal_table(of_views, embedded[views], *known),
            )
        if copies.size:
            pairs = {"copies": labelled_pairs(table.iloc[copies], COPIES, by_kind=True)}
            yield "Copies found, by rule", share_table(of_copies, pairs)
        if edits:
            truths = [truth_of(table.iloc[rows]) for rows in parts[2:]]
            scores = [
                EditScore(edit, len(views), groups, truth)
                for (edit, *_), groups, truth in zip(edits, of_edits, truths, strict=True)
            ]
            yield from edit_tables(scores)

    def _table(self, embedded: Embedded) -> pd.DataFrame:
        return self._with_edits.loc[[photo.path for photo in embedded.photos]]


def _rows(chosen: pd.Series) -> NDArray[np.int64]:
    return np.flatnonzero(chosen.to_numpy())


def _views(table: pd.DataFrame) -> NDArray[np.int64]:
    """Return the photos with scene labels, and the distractors."""
    return _rows(~table["set"].isin([COPIES, EDITED]))


def _edited_copies(table: pd.DataFrame) -> Iterator[tuple[str, NDArray, NDArray]]:
    """Yield each edit with its originals and its copies."""
    if "original" not in table:
        return
    number = pd.Series(np.arange(len(table)), table.index)
    for edit in EDITS:
        rows = _rows((table["set"] == EDITED) & (table["kind"] == edit))
        originals = table["original"].iloc[rows]
        rows = rows[originals.isin(table.index)]
        if rows.size:
            yield edit, number[table["original"].iloc[rows]].to_numpy(), rows


def _scene_figures(
    truth: Truth, scenes: NDArray[np.int64], folders: NDArray[np.str_]
) -> Iterator[Figure]:
    """Yield the figures of scenes, for several folders also those within each folder."""
    yield from scene_figures(truth, scenes)
    names = list(dict.fromkeys(folders[truth.groups != truth.mixed]))
    for folder in names if len(names) > 1 else ():
        rows = np.flatnonzero(folders == folder)
        for name, value, count in islice(scene_figures(truth[rows], scenes[rows]), 3):
            yield f"{name}, {folder}", value, count
