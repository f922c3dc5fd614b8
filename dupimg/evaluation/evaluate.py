"""Measure duplicates and scenes on photos whose right answers are known.

Everything is counted in pairs of photos, exactly. Scenes are formed from the photos of the sets
``scenes`` and ``distractors`` together, just as `dupimg organize` would form them with the same
options: duplicates are found first, scenes among the photos that stay, and a duplicate is in
the scene of its keeper.
"""

from __future__ import annotations

import dataclasses
import math
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.evaluation.judgement import (
    edit_table,
    make_rules,
    plot_curves,
    rule_table,
    scene_curves,
    summarize_curves,
)
from dupimg.evaluation.metrics import (
    ORIGINAL,
    Figure,
    Truth,
    copy_figures,
    pairs_of_groups,
    scene_figures,
    unrelated_figure,
)
from dupimg.evaluation.pair_evaluation import compare_pairs, measure_pairs, photos_of
from dupimg.files.photos import File, Found, Listing, Photo
from dupimg.files.reading import read_files
from dupimg.model.embedding import PhotoEmbedder
from dupimg.model.features import Features
from dupimg.model.models import get_model
from dupimg.options import EvaluateOptions, UsageError
from dupimg.pipeline import embed, find_groups, make_embedder, make_grouper
from dupimg.progress import progress_bar
from dupimg.tuning.pair_labels import COLUMNS as PAIR_COLUMNS
from dupimg.tuning.pair_labels import holds_pairs, read_label_table, read_pairs

SCENES, COPIES, DISTRACTORS = "scenes", "copies", "distractors"
COLUMNS = ("path", "set", "group", "related_group")


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
    """

    measures: tuple[Measure, ...]
    left_out: tuple[File, ...] = ()
    tables: tuple[tuple[str, pd.DataFrame], ...] = ()

    def to_text(self) -> str:
        """Return a table with a column for each model, and the photos that were left out.

        Examples
        --------
        >>> print(Evaluation((Measure("m", "scene pair recall", 0.5, 12),)).to_text())
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
            lines.append(f"\nleft out: {len(self.left_out):,} photos that could not be read")
            lines += [f"  {photo.path}: {photo.reason}" for photo in self.left_out]
        return "\n".join(lines)

    def to_csv(self, path: Path) -> None:
        """Write one row a figure, with the columns model, measure, value, count."""
        rows = [dataclasses.astuple(measure) for measure in self.measures]
        names = [field.name for field in dataclasses.fields(Measure)]
        # As objects, so that whole numbers are written as such.
        frame = pd.DataFrame(rows, columns=names, dtype=object)
        frame.to_csv(path, index=False, lineterminator="\n")


def evaluate(options: EvaluateOptions) -> Evaluation:
    """Measure one or several models on labelled photos.

    Parameters
    ----------
    options : EvaluateOptions
        `model` may name several, separated by commas.

    Returns
    -------
    Evaluation
        For every model:

        - photos read, and how many of them a second are decoded and embedded (the network is
          loaded before);
        - precision, recall and F1 of the pairs of photos that share a scene, where pairs of
          related groups are neither right nor wrong, and the V-measure of the scenes, which
          knows no related groups;
        - how many pairs of an original and its copy are at or above the duplicate threshold, in
          all and by kind of edit; in labels without a column `kind`, any two of a group;
        - how many pairs of unrelated photos are at or above either threshold.

        Photos of the set ``distractors``, and those without a group, are unrelated to all others.

        If the labels are about pairs of photos, these pairs alone are counted: how many of those
        at or above a threshold are the same photo, or of the same scene, and how many of these
        reach it. `dupimg tune` chooses pairs on which that is hard to tell: of all pairs of a
        folder more are right.

    Raises
    ------
    UsageError
        The labels, a model or the output file are not usable; nothing was measured.
    """
    if holds_pairs(options.labels):
        pairs = read_pairs(options.labels)
        labels = photos_of(pairs)
        measure, compare = partial(measure_pairs, pairs), partial(compare_pairs, pairs)
    else:
        labels = read_labels(options.labels)
        measure, compare = partial(_measure, labels), partial(_compare, labels)
    for name, path in (("output", options.output), ("plot", options.plot)):
        if path is not None and path.exists():
            raise UsageError(f"Got {name}={path}, which exists, expected a new file.")
    embedders = {
        name: make_embedder(options, name)
        for name in dict.fromkeys(word.strip() for word in options.model.split(","))
    }
    listing = _read_photos(labels, options)
    first_photo = [options.folder / photo.path for photo in listing.photos[:1]]
    measures: list[Measure] = []
    left_out: dict[str, File] = {}
    tables: list[tuple[str, pd.DataFrame]] = []
    for name, embedder in embedders.items():
        list(embedder.stream(first_photo))  # loads the network, which is not to be timed
        start = time.perf_counter()
        embedded, features, inverse = embed(embedder, options.folder, listing, quiet=options.quiet)
        rate = (0 if features is None else len(features)) / (time.perf_counter() - start)
        figures = [
            ("photos read", len(embedded.photos), len(labels)),
            ("photos per second", rate, None),
            *measure(embedded, features, inverse, options),
        ]
        measures += [Measure(name, *figure) for figure in figures]
        left_out |= {file.path: file for file in embedded.others}
        if features is not None:
            for title, frame in compare(embedded, features[inverse], embedder, options):
                tables.append((f"{title}, {name}", frame))
    evaluation = Evaluation(tuple(measures), tuple(left_out.values()), tuple(tables))
    if options.output is not None:
        evaluation.to_csv(options.output)
    return evaluation


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


def _read_photos(labels: pd.DataFrame, options: EvaluateOptions) -> Listing:
    files, missing = [], []
    for path in labels.index:
        try:
            status = (options.folder / path).stat()
        except OSError as error:
            missing.append(File(path, 0, "", f"could not be opened: {error.strerror}"))
        else:
            if stat.S_ISREG(status.st_mode):
                files.append((path, status))
            else:
                missing.append(File(path, 0, "", "no file"))
    if not files:
        raise UsageError(
            f"Got folder={options.folder} without any photo of labels={options.labels}, expected "
            f"the folder that their paths start from; the first one is {labels.index[0]}."
        )
    with progress_bar(len(files), "reading", unit="files", quiet=options.quiet) as bar:
        return read_files(
            options.folder,
            Found(tuple(files), tuple(missing), 0, 0),
            max_pixels=options.max_megapixels * 1_000_000,
            jobs=options.jobs or joblib.cpu_count(),
            advance=bar.update,
            time_limit=options.time_limit,
        )


def _measure(
    labels: pd.DataFrame,
    listing: Listing,
    features: Features | None,
    inverse: NDArray[np.int64],
    options: EvaluateOptions,
) -> Iterator[Figure]:
    if features is None:
        return
    table = labels.loc[[photo.path for photo in listing.photos]]
    is_copy = (table["set"] == COPIES).to_numpy()
    if not is_copy.all():
        views = np.flatnonzero(~is_copy)
        scenes = _find_scenes([listing.photos[i] for i in views], features, inverse[views], options)
        truth = _truth(table[~is_copy])
        yield from scene_figures(truth, scenes)
        rows = inverse[views]
        yield unrelated_figure(truth, features.vector[rows], options.duplicate_threshold)
        yield unrelated_figure(truth, features.scene_vector[rows], options.scene_threshold)
    if is_copy.any():
        copies = table[is_copy]
        kinds = copies["kind"] if "kind" in table.columns else None
        threshold = options.duplicate_threshold
        vectors = features.vector[inverse[is_copy]]
        yield from copy_figures(copies["group"], kinds, vectors, threshold)


def _compare(
    labels: pd.DataFrame,
    listing: Listing,
    features: Features,
    embedder: PhotoEmbedder,
    options: EvaluateOptions,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Compare embeddings and linkages for scenes, rules for duplicates, and kinds of edits."""
    table = labels.loc[[photo.path for photo in listing.photos]]
    views = np.flatnonzero(table["set"] != COPIES)
    truth = _truth(table.iloc[views])
    rules = make_rules(options)
    if views.size:
        embeddings = {"duplicates": features.vector[views], "scenes": features.scene_vector[views]}
        curves = scene_curves(truth, embeddings, make_grouper(options))
        yield "Scenes by embedding and linkage", summarize_curves(curves, options.scene_threshold)
        if options.plot is not None:
            path = options.plot.with_stem(f"{options.plot.stem}-{get_model(embedder.model).name}")
            plot_curves(curves, options.scene_threshold, path)
    pairs = {
        "copies": _pairs(table, COPIES, by_kind=True),
        "views": _pairs(table, SCENES, by_kind=False),
    }
    yield "Called duplicates, by rule", rule_table(features, rules, pairs, truth, views)
    if options.edits and "kind" in table.columns:
        originals = table.index[table["kind"] == ORIGINAL]
        paths = [options.folder / path for path in originals]
        yield "Copies found, by edit and rule", edit_table(embedder, paths, rules)


def _pairs(table: pd.DataFrame, name: str, *, by_kind: bool) -> NDArray[np.int64]:
    """Return the pairs of photos of a group of a set: of an original and a copy, or of any two."""
    rows = np.flatnonzero((table["set"] == name) & (table["group"] != ""))
    photos = table.iloc[rows]
    kinds = photos["kind"] if by_kind and "kind" in table.columns else None
    pairs = pairs_of_groups(photos["group"], kinds)[["row", "row_of"]].to_numpy()
    return np.sort(rows[pairs], axis=1).T


def _find_scenes(
    photos: Sequence[Photo],
    features: Features,
    inverse: NDArray[np.int64],
    options: EvaluateOptions,
) -> NDArray[np.int64]:
    """Form scenes of some of the photos as if their folder held no others."""
    contents, content = np.unique(inverse, return_inverse=True)
    return find_groups(photos, features[contents], content, options).scenes


def _truth(table: pd.DataFrame) -> Truth:
    alone = (table["set"] == DISTRACTORS) | (table["group"] == "")
    # The line break keeps the name of a photo alone apart from those of groups.
    groups = table["group"].where(~alone, "\n" + table.index.to_series())
    return Truth.from_names(groups, table["related_group"])
