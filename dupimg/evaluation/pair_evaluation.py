"""Measure duplicates and scenes on pairs of photos about which a person was asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from dupimg.decide.embedded import Embedded
from dupimg.evaluation.metrics import Figure, answer_figures
from dupimg.evaluation.tables import make_rules, rule_table
from dupimg.model.stream import PhotoStream
from dupimg.options.tool_options import EvaluateOptions
from dupimg.search.rows import Rows, pair_cosines
from dupimg.tuning.pair_labels import PairLabel
from dupimg.tuning.questions import ANSWERS, DIFFERENT, SAME_PHOTO


def photos_of(pairs: Sequence[PairLabel]) -> pd.DataFrame:
    """Return an empty table, indexed by the paths of all photos of the pairs."""
    paths = (path for pair in pairs for path in (pair.path_a, pair.path_b))
    return pd.DataFrame(index=list(dict.fromkeys(paths)))


def measure_pairs(
    pairs: Sequence[PairLabel], embedded: Embedded, options: EvaluateOptions
) -> Iterator[Figure]:
    """Compare both thresholds with the answers.

    Parameters
    ----------
    pairs : sequence of PairLabel
    embedded : Embedded
    options : EvaluateOptions

    Yields
    ------
    name, value, count
    """
    rows, answers = _answered(pairs, embedded)
    features = embedded.features
    yield "pairs answered", len(answers), len(pairs)
    for name, vectors, together, threshold in (
        ("duplicate", features.vector, answers == SAME_PHOTO, options.duplicate_threshold),
        ("scene", features.scene_vector, answers != DIFFERENT, options.scene_threshold),
    ):
        cosines = _cosines(vectors, *embedded.inverse[rows])
        yield from answer_figures(name, cosines, together, threshold)


def compare_pairs(
    pairs: Sequence[PairLabel],
    embedded: Embedded,
    stream: PhotoStream,
    options: EvaluateOptions,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Compare rules for duplicates, by answer.

    Parameters
    ----------
    pairs : sequence of PairLabel
    embedded : Embedded
    stream : PhotoStream
    options : EvaluateOptions

    Yields
    ------
    title, table
    """
    rows, answers = _answered(pairs, embedded)
    kinds = {answer: np.sort(rows[:, answers == answer], axis=0) for answer in ANSWERS}
    table = rule_table(embedded.of_each_photo, make_rules(options), kinds)
    yield "Called duplicates, by rule", table


def _cosines(vectors: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    rows = Rows.of(vectors)
    return pair_cosines(rows, i, rows, j)


def _answered(pairs: Sequence[PairLabel], embedded: Embedded) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs about which there is an answer, as rows of photos, and the answers."""
    row = {photo.path: number for number, photo in enumerate(embedded.photos)}
    known = [
        (row[pair.path_a], row[pair.path_b], pair.answer)
        for pair in pairs
        if pair.answer in ANSWERS and pair.path_a in row and pair.path_b in row
    ]
    rows = np.array([one[:2] for one in known], dtype=np.int64).reshape(-1, 2).T
    return rows, np.array([answer for *_, answer in known], dtype=str)
