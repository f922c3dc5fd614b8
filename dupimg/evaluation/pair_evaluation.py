"""Measure duplicates and scenes on pairs of photos with the user's answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from dupimg.decide.embedded import Embedded
from dupimg.errors import UsageError
from dupimg.evaluation.metrics import Figure, answer_figures
from dupimg.evaluation.rules import decide_by_rules, share_table
from dupimg.options.tool_options import EvaluateOptions
from dupimg.search.rows import Rows, pair_cosines
from dupimg.tuning.pair_labels import read_pairs
from dupimg.tuning.questions import ANSWERS, DIFFERENT, SAME_PHOTO


class PairAnswers:
    """Answers about pairs of photos, and the measures that they allow.

    Parameters
    ----------
    options : EvaluateOptions
        Options with a single folder.
    path : Path
        CSV file with the answers.

    Attributes
    ----------
    root, labels, has_scenes
        See `PhotoAnswers`; the labels have no columns.

    Raises
    ------
    UsageError
        The answers are invalid, or the options name other photos, too.
    """

    has_scenes = False

    def __init__(self, options: EvaluateOptions, path: Path) -> None:
        if len(options.folders) > 1 or options.among is not None:
            raise UsageError(
                f"Got {path} with answers about pairs, expected labels of photos: answers can be "
                "measured on a single folder only, without --among."
            )
        (self.root,) = options.folders
        self._pairs = read_pairs(path)
        paths = (path for pair in self._pairs for path in (pair.path_a, pair.path_b))
        self.labels = pd.DataFrame(index=list(dict.fromkeys(paths)))

    def make_edits(self, folder: Path, options: EvaluateOptions) -> pd.DataFrame:
        """Return no copies: the originals are unknown."""
        return pd.DataFrame()

    def figures(self, embedded: Embedded, options: EvaluateOptions) -> Iterator[Figure]:
        """Compare both thresholds with the answers.

        Parameters
        ----------
        embedded : Embedded
        options : EvaluateOptions

        Yields
        ------
        name, value, count
        """
        rows, answers = self._answered(embedded)
        features = embedded.features
        yield "pairs answered", len(answers), len(self._pairs)
        for name, vectors, together, threshold in (
            ("duplicate", features.vector, answers == SAME_PHOTO, options.duplicate_threshold),
            ("scene", features.scene_vector, answers != DIFFERENT, options.scene_threshold),
        ):
            cosines = _cosines(vectors, *embedded.inverse[rows])
            yield from answer_figures(name, cosines, together, threshold)

    def curves(
        self, embedded: Embedded, options: EvaluateOptions
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        """Yield nothing: the truth about most pairs is unknown."""
        yield from ()

    def rule_tables(
        self, embedded: Embedded, options: EvaluateOptions
    ) -> Iterator[tuple[str, pd.DataFrame]]:
        """Tabulate the decisions of the duplicate rules, by answer.

        Parameters
        ----------
        embedded : Embedded
        options : EvaluateOptions
            The cache must hold the previews of the photos.

        Yields
        ------
        title, table
        """
        rows, answers = self._answered(embedded)
        kinds = {answer: rows[:, answers == answer] for answer in ANSWERS}
        (decided,) = decide_by_rules([embedded], options)
        yield "Called duplicates, by rule", share_table(decided, kinds)

    def _answered(self, embedded: Embedded) -> tuple[np.ndarray, np.ndarray]:
        """Return the answered pairs as photo indices, and the answers."""
        row = {photo.path: number for number, photo in enumerate(embedded.photos)}
        known = [
            (row[pair.path_a], row[pair.path_b], pair.answer)
            for pair in self._pairs
            if pair.answer in ANSWERS and pair.path_a in row and pair.path_b in row
        ]
        rows = np.array([one[:2] for one in known], dtype=np.int64).reshape(-1, 2).T
        return rows, np.array([answer for *_, answer in known], dtype=str)


def _cosines(vectors: np.ndarray, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    rows = Rows.of(vectors)
    return pair_cosines(rows, i, rows, j)
