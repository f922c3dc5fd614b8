"""Measure duplicates and scenes on photos whose right answers are known.

Everything is counted in pairs of photos, exactly. Scenes are formed from the photos of the sets
``scenes`` and ``distractors`` together, just as `dupimg organize` would form them with the same
options: duplicates are found first, scenes among the photos that stay, and a duplicate is in
the scene of its keeper.
"""

from __future__ import annotations

import importlib.util
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from dupimg.decide.embed import embed_listing, make_embedder
from dupimg.decide.embedded import Embedded
from dupimg.decide.evidence import Evidence
from dupimg.decide.group import find_groups, make_grouper
from dupimg.errors import UsageError
from dupimg.evaluation.labels import (
    COPIES,
    SCENES,
    labelled_pairs,
    read_labels,
    truth_of,
)
from dupimg.evaluation.metrics import (
    ORIGINAL,
    Figure,
    copy_figures,
    scene_figures,
    unrelated_figure,
)
from dupimg.evaluation.pair_evaluation import compare_pairs, measure_pairs, photos_of
from dupimg.evaluation.result import Evaluation, Measure
from dupimg.evaluation.tables import (
    edit_table,
    make_rules,
    plot_curves,
    rule_table,
    scene_curves,
    summarize_curves,
)
from dupimg.files.capture_time import Dating
from dupimg.files.keep_rules import Ranking
from dupimg.files.photos import File, Found, Listing
from dupimg.files.reading import read_files
from dupimg.messages import message, why
from dupimg.model.embedder import PhotoEmbedder
from dupimg.options.tool_options import EvaluateOptions
from dupimg.progress import progress_bar
from dupimg.tuning.pair_labels import holds_pairs, read_pairs


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
    labels, measure, compare = _ways_to_measure(options.labels)
    names = list(dict.fromkeys(word.strip() for word in options.model.split(",")))
    plots = _plot_paths(options, names, labels)
    _check_outputs(options.output, *plots.values())
    embedders = {name: make_embedder(options, name) for name in names}
    listing = _read_photos(labels, options)
    left_out: dict[str, File] = {}
    measures: list[Measure] = []
    tables: list[tuple[str, pd.DataFrame]] = []
    for name, embedder in embedders.items():
        with Evidence("none", jobs=options.jobs, quiet=options.quiet) as evidence:
            others, embedded, rate = _embed_timed(embedder, listing, options, evidence)
            left_out |= {file.path: file for file in others}
            figures: list[Figure] = [
                ("photos read", len(embedded.photos), len(labels)),
                ("photos per second", rate, None),
            ]
            if embedded.photos:
                figures += measure(embedded, options)
                frames = compare(embedded, embedder, replace(options, plot=plots.get(name)))
                tables += [(f"{title}, {name}", frame) for title, frame in frames]
        measures += [Measure(name, *figure) for figure in figures]
    drawn = tuple(path for path in plots.values() if path.exists())
    evaluation = Evaluation(tuple(measures), tuple(left_out.values()), tuple(tables), drawn)
    if options.output is not None:
        evaluation.to_csv(options.output)
    return evaluation


def _check_outputs(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and path.exists():
            raise UsageError(f"Got {path} to write to, which exists, expected a new file.")


_Measure = Callable[[Embedded, EvaluateOptions], Iterable[Figure]]
_Compare = Callable[[Embedded, PhotoEmbedder, EvaluateOptions], Iterable[tuple[str, pd.DataFrame]]]


def _ways_to_measure(path: Path) -> tuple[pd.DataFrame, _Measure, _Compare]:
    """Return the labels of a file, and what gives the figures and the tables that they allow."""
    if holds_pairs(path):
        pairs = read_pairs(path)
        return photos_of(pairs), partial(measure_pairs, pairs), partial(compare_pairs, pairs)
    labels = read_labels(path)
    return labels, partial(_measure, labels), partial(_compare, labels)


def _plot_paths(
    options: EvaluateOptions, names: Sequence[str], labels: pd.DataFrame
) -> dict[str, Path]:
    """Return where the plot of each model is to be drawn, if one is asked for."""
    if options.plot is None:
        return {}
    if "set" not in labels or (labels["set"] == COPIES).all():
        raise UsageError(
            f"Got plot={options.plot} for labels={options.labels}, expected labels of photos of "
            "scenes: precision against recall is counted among all pairs of them. `dupimg tune` "
            "draws a curve of its own."
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            f"Got plot={options.plot}, for which matplotlib is missing: `pip install matplotlib`."
        )
    if len(names) == 1:
        return {names[0]: options.plot}
    return {name: options.plot.with_stem(f"{options.plot.stem}-{name}") for name in names}


def _embed_timed(
    embedder: PhotoEmbedder, listing: Listing, options: EvaluateOptions, evidence: Evidence
) -> tuple[tuple[File, ...], Embedded, float]:
    """Return the files that are no photos, the photos embedded, and how many contents a second."""
    first_photo = [options.folder / photo.path for photo in listing.photos[:1]]
    list(embedder.stream(first_photo))  # loads the network, which is not to be timed
    start = time.perf_counter()
    listing, embedded = embed_listing(
        embedder, options.folder, listing, quiet=options.quiet, evidence=evidence
    )
    rate = len(embedded.features) / (time.perf_counter() - start)
    return listing.others, embedded, rate


def _read_photos(labels: pd.DataFrame, options: EvaluateOptions) -> Listing:
    files, missing = [], []
    for path in labels.index:
        try:
            status = (options.folder / path).stat()
        except OSError as error:
            missing.append(File(path, 0, "", message("reason.cannot_open", why=why(error))))
        else:
            if stat.S_ISREG(status.st_mode):
                files.append((path, status))
            else:
                missing.append(File(path, 0, "", message("reason.special_file")))
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
            dating=Dating.of(options.time_zone),
        )


def _measure(
    labels: pd.DataFrame, embedded: Embedded, options: EvaluateOptions
) -> Iterator[Figure]:
    table = labels.loc[[photo.path for photo in embedded.photos]]
    is_copy = (table["set"] == COPIES).to_numpy()
    if not is_copy.all():
        # Scenes as if the folder held no other photos.
        views = embedded[np.flatnonzero(~is_copy)]
        truth = truth_of(table[~is_copy])
        yield from scene_figures(
            truth, find_groups(views, options, Ranking.of(views.photos)).scenes
        )
        features = views.of_each_photo
        yield unrelated_figure(truth, features.vector, options.duplicate_threshold)
        yield unrelated_figure(truth, features.scene_vector, options.scene_threshold)
    if is_copy.any():
        copies = table[is_copy]
        kinds = copies["kind"] if "kind" in table.columns else None
        threshold = options.duplicate_threshold
        vectors = embedded.features.vector[embedded.inverse[is_copy]]
        yield from copy_figures(copies["group"], kinds, vectors, threshold)


def _compare(
    labels: pd.DataFrame,
    embedded: Embedded,
    embedder: PhotoEmbedder,
    options: EvaluateOptions,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Compare embeddings and linkages for scenes, rules for duplicates, and kinds of edits."""
    table = labels.loc[[photo.path for photo in embedded.photos]]
    features = embedded.of_each_photo
    views = np.flatnonzero(table["set"] != COPIES)
    truth = truth_of(table.iloc[views])
    rules = make_rules(options)
    if views.size:
        embeddings = {"duplicates": features.vector[views], "scenes": features.scene_vector[views]}
        curves = scene_curves(truth, embeddings, make_grouper(options))
        yield "Scenes by embedding and linkage", summarize_curves(curves, options.scene_threshold)
        if options.plot is not None:
            plot_curves(curves, options.scene_threshold, options.plot)
    pairs = {
        "copies": labelled_pairs(table, COPIES, by_kind=True),
        "views": labelled_pairs(table, SCENES, by_kind=False),
    }
    yield "Called duplicates, by rule", rule_table(features, rules, pairs, truth, views)
    if options.edits and "kind" in table.columns:
        originals = table.index[table["kind"] == ORIGINAL]
        paths = [options.folder / path for path in originals]
        yield "Copies found, by edit and rule", edit_table(embedder, paths, rules)
