"""Measure duplicates and scenes on labelled photos.

Everything is counted exactly, in pairs of photos. Scenes are formed from the sets ``scenes`` and
``distractors`` together, as `dupimg organize` would with the same options: duplicates are found
first, then scenes among the photos that stay; a duplicate belongs to the scene of its keeper.
"""

from __future__ import annotations

import importlib.util
import math
import stat
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import joblib
import pandas as pd

from dupimg.decide.embed import embed_listing, make_stream
from dupimg.decide.evidence import Evidence
from dupimg.errors import UsageError
from dupimg.evaluation.metrics import Figure
from dupimg.evaluation.pair_evaluation import PairAnswers
from dupimg.evaluation.photo_evaluation import PhotoAnswers
from dupimg.evaluation.result import Evaluation, Measure
from dupimg.files.capture_time import Dating
from dupimg.files.photos import File, Found, Listing
from dupimg.files.reading import read_files
from dupimg.messages import message, why
from dupimg.model.remote import stream_photos
from dupimg.model.stream import PhotoStream
from dupimg.options.tool_options import EvaluateOptions
from dupimg.progress import progress_bar
from dupimg.tuning.pair_labels import holds_pairs

Answers = PhotoAnswers | PairAnswers


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
          loaded before; not measured with a cache);
        - precision, recall and F1 of the pairs of photos that share a scene, where pairs of
          related groups are neither right nor wrong, and the V-measure of the scenes, which
          knows no related groups; of several folders for all pairs, and for those within each;
        - how many photos go in favour of another view, of a photo of a related group, and of an
          unrelated one;
        - how many pairs of unrelated photos are at or above either threshold;
        - of how many pairs of an original and its copy one photo stays for both, in all and by kind
          of edit; in labels without a column `kind`, any two of a group are such a pair;
        - tables of the ways to form scenes and of the rules for duplicates, by folder and by edit.

        Photos of the set ``distractors``, and those without a group, are unrelated to all others.
        Of the photos of `among` it is not known which belong to each other; they are unrelated to
        all with labels.

        If the labels are about pairs of photos, these pairs alone are counted: how many of those
        at or above a threshold are the same photo, or of the same scene, and how many of these
        reach it. `dupimg tune` chooses pairs on which that is hard to tell: of all pairs of a
        folder more are right.

    Raises
    ------
    UsageError
        The labels, a model or the output file are not usable; nothing was measured.
    """
    start = time.perf_counter()
    answers = _read_answers(options)
    names = list(dict.fromkeys(word.strip() for word in options.model.split(",")))
    plots = _plot_paths(options, names, answers)
    _check_outputs(options.output, *plots.values())
    streams = {name: make_stream(options, name) for name in names}
    evaluation = Evaluation()
    with tempfile.TemporaryDirectory() as folder:
        listing = _read_labelled(answers, options)
        edits = _read_photos(answers.root, answers.make_edits(Path(folder), options), options)
        of_model = replace(options, cache=_cache_of(options) or f"{folder}/cache.sqlite")
        for name, stream in streams.items():
            of_model = replace(of_model, model=name, plot=plots.get(name))
            is_timed = _cache_of(options) is None
            evaluation += _measure(answers, stream, listing, edits, of_model, is_timed=is_timed)
    if options.output is not None:
        evaluation.to_csv(options.output)
        evaluation = replace(evaluation, csv=(options.output,))
    return replace(evaluation, seconds=time.perf_counter() - start)


def _measure(
    answers: Answers,
    stream: PhotoStream,
    listing: Listing,
    edits: Listing,
    options: EvaluateOptions,
    *,
    is_timed: bool,
) -> Evaluation:
    """Measure one model on labelled photos, and on edited copies of some of them."""
    cache, quiet = str(options.cache), options.quiet
    with Evidence(cache, jobs=options.jobs, quiet=quiet, mirrored=options.mirrored) as evidence:
        if is_timed:  # loads the network, which is not to be timed
            list(stream_photos(stream, [str(answers.root / p.path) for p in listing.photos[:1]]))
        start = time.perf_counter()
        listing, embedded = embed_listing(
            stream, answers.root, listing, quiet=quiet, evidence=evidence
        )
        seconds = time.perf_counter() - start if is_timed else math.nan
        figures: list[Figure] = [
            ("photos read", len(embedded.photos), len(answers.labels)),
            ("photos per second", len(embedded.features) / seconds, None),
        ]
        tables: list[tuple[str, pd.DataFrame]] = []
        if embedded.photos:
            figures += answers.figures(embedded, options)
            tables += answers.curves(embedded, options)
            both = replace(listing, photos=(*listing.photos, *edits.photos))
            _, embedded = embed_listing(stream, answers.root, both, quiet=quiet, evidence=evidence)
    if embedded.photos:
        tables += answers.rule_tables(embedded, options)
    return Evaluation(
        tuple(Measure(options.model, *figure) for figure in figures),
        listing.others,
        tuple((f"{title}, {options.model}", table) for title, table in tables),
        (options.plot,) if options.plot is not None and options.plot.exists() else (),
    )


def _cache_of(options: EvaluateOptions) -> str | None:
    """Return the cache file, if the options name one."""
    return None if options.cache == "none" else options.cache


def _check_outputs(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and path.exists():
            raise UsageError(f"Got {path} to write to, which exists, expected a new file.")


def _read_answers(options: EvaluateOptions) -> Answers:
    """Read the labels of all folders, or the answers about pairs of a single folder."""
    paths = [options.labels or folder / "labels.csv" for folder in options.folders]
    if options.labels is not None and len(paths) > 1:
        raise UsageError(
            f"Got labels={options.labels} for {len(paths)} folders, expected a labels.csv in each."
        )
    pairs = next((path for path in paths if holds_pairs(path)), None)
    return PhotoAnswers(options, paths) if pairs is None else PairAnswers(options, pairs)


def _plot_paths(
    options: EvaluateOptions, names: Sequence[str], answers: Answers
) -> dict[str, Path]:
    """Return the file for the plot of each model, if plots are requested."""
    if options.plot is None:
        return {}
    if not answers.has_scenes:
        raise UsageError(
            f"Got plot={options.plot}, expected labels of photos of scenes: precision against "
            "recall is counted among all pairs of them. `dupimg tune` draws a curve of its own."
        )
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError(
            f"Got plot={options.plot}, for which matplotlib is missing: `pip install matplotlib`."
        )
    if len(names) == 1:
        return {names[0]: options.plot}
    return {name: options.plot.with_stem(f"{options.plot.stem}-{name}") for name in names}


def _read_labelled(answers: Answers, options: EvaluateOptions) -> Listing:
    """Read the labelled photos."""
    listing = _read_photos(answers.root, answers.labels, options)
    if not listing.photos and not any(file.digest for file in listing.others):
        raise UsageError(
            f"Got no photo of the labels in {', '.join(map(str, options.folders))}, expected the "
            f"folder that their paths start from; the first one is {answers.labels.index[0]}."
        )
    return listing


def _read_photos(root: Path, labels: pd.DataFrame, options: EvaluateOptions) -> Listing:
    """Read the photos with these paths."""
    files, missing = [], []
    for path in labels.index:
        try:
            status = (root / path).stat()
        except OSError as error:
            missing.append(File(path, 0, "", message("reason.cannot_open", why=why(error))))
        else:
            if stat.S_ISREG(status.st_mode):
                files.append((path, status))
            else:
                missing.append(File(path, 0, "", message("reason.special_file")))
    with progress_bar(len(files), "reading", unit="files", quiet=options.quiet) as bar:
        return read_files(
            root,
            Found(tuple(files), tuple(missing), 0, 0),
            max_pixels=options.max_megapixels * 1_000_000,
            jobs=options.jobs or joblib.cpu_count(),
            advance=bar.update,
            time_limit=options.time_limit,
            dating=Dating.of(options.time_zone),
        )
