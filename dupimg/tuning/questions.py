"""Choose the pairs of photos for questions, and judge both thresholds by the answers.

There are two scales, the embedding for duplicates and that for scenes. A question covers both:
photos are the same, or of the same scene, or different.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.tuning.pair_sampling import PairSample, sample_pairs
from dupimg.tuning.precision_model import expected_gain, fit_curve, precision_table, recommend

SAME_PHOTO, SAME_SCENE, DIFFERENT = "same photo", "same scene", "different"
ANSWERS = (SAME_PHOTO, SAME_SCENE, DIFFERENT)

Answers = Sequence[str] | NDArray[np.str_]

# Factor on the gain of a pair for every time that one of its photos was shown.
_DISCOUNT = 0.5

# Every so many questions there is a spot check, see `choose_pair`.
_CHECK_EVERY = 4


@dataclass(frozen=True, eq=False)
class Scale:
    """One embedding of the photos, and the answers that mean "together".

    Attributes
    ----------
    vectors : ndarray of shape (n_photos, d), float32
        Rows of norm 1.
    together : tuple of str
        Some of `ANSWERS`.
    threshold : float
        The cosine in use.
    sample : PairSample
    """

    vectors: NDArray[np.float32]
    together: tuple[str, ...]
    threshold: float
    sample: PairSample

    @classmethod
    def of(
        cls,
        vectors: NDArray[np.float32],
        together: tuple[str, ...],
        threshold: float,
        *,
        floor: float,
    ) -> Scale:
        """Create a scale with a sample of pairs from the cosine `floor` on."""
        return cls(vectors, together, threshold, sample_pairs(vectors, floor))

    def cosines(self, pairs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the cosines of pairs of rows, an array of shape (n_pairs, 2)."""
        left, right = self.vectors[pairs[:, 0]], self.vectors[pairs[:, 1]]
        return np.einsum("kd,kd->k", left, right, dtype=np.float64)

    def judge(
        self, pairs: NDArray[np.int64], answers: Answers, precision: float
    ) -> ThresholdEvidence:
        """Judge thresholds by the answers about pairs of rows."""
        cosines = self.cosines(pairs)
        together = np.isin(answers, self.together)
        curve = fit_curve(cosines, together, self.threshold)
        table = precision_table(curve, self.sample.neighbours, pairs, cosines, together)
        return ThresholdEvidence(table, recommend(table, cosines, precision), cosines, together)

    def gains(
        self,
        pairs: NDArray[np.int64],
        answers: Answers,
        candidates: NDArray[np.int64],
        precision: float,
    ) -> NDArray[np.float64]:
        """Return the information of an answer about each candidate, see `expected_gain`."""
        together = np.isin(answers, self.together)
        curve = fit_curve(self.cosines(pairs), together, self.threshold)
        neighbours = self.sample.neighbours
        gains = expected_gain(curve, neighbours, precision) / (1.005 - self.threshold) ** 2
        # Bin -1, below the lowest one, selects the last element: almost no gain.
        return np.append(gains, 0.0)[neighbours.bins(self.cosines(candidates))]

    def check(
        self,
        pairs: NDArray[np.int64],
        answers: Answers,
        candidates: NDArray[np.int64],
        precision: float,
        rng: np.random.Generator,
    ) -> NDArray[np.bool_]:
        """Draw a bin by the weight of its pairs, and return which candidates are in it."""
        threshold = self.judge(pairs, answers, precision).recommended or self.threshold
        neighbours = self.sample.neighbours
        bins = neighbours.bins(self.cosines(candidates))
        weights = neighbours.weights()[0][max(int(neighbours.bins(threshold)), 0)]
        weights[np.setdiff1d(np.arange(len(weights)), bins)] = 0
        if not weights.any():
            return bins == bins.max()
        return bins == rng.choice(len(weights), p=weights / weights.sum())


@dataclass(frozen=True, eq=False)
class ThresholdEvidence:
    """The evidence of the answers on the thresholds of one scale.

    Attributes
    ----------
    table : DataFrame
        See `dupimg.tuning.precision_model.precision_table`.
    recommended : float or None
        See `dupimg.tuning.precision_model.recommend`.
    cosines : ndarray of shape (n_answers,), float64
        Cosines of the answered pairs.
    together : ndarray of shape (n_answers,), bool
        Whether the pairs belong together.
    """

    table: pd.DataFrame
    recommended: float | None
    cosines: NDArray[np.float64]
    together: NDArray[np.bool_]


def choose_pair(
    scales: Sequence[Scale],
    pairs: NDArray[np.int64],
    answers: Answers,
    precision: float,
) -> tuple[int, int] | None:
    """Choose the pair with the most informative answer about the thresholds.

    Parameters
    ----------
    scales : sequence of Scale
        The last one is for scenes.
    pairs : ndarray of shape (n_shown, 2), int64
        Rows of the photos shown before.
    answers : sequence of str, of length n_shown
        Any that is not in `ANSWERS` means that the pair was skipped.
    precision : float
        The required precision.

    Returns
    -------
    tuple of int or None
        The rows of two photos, lower one first; None if every pair was shown. Deterministic for
        the same photos and answers.

    Notes
    -----
    Three of four questions have the highest `expected_gain`, which is halved for every time that
    one of the photos was shown. Every fourth is a spot check, alternating between the scales: a
    random pair above the threshold recommended so far (or the one in use), in which each photo has
    the same chance. It finds exceptions from a smooth curve, such as a burst whose photos are as
    similar as copies.
    """
    n_rows = len(scales[-1].vectors)
    candidates = np.unique(np.concatenate([scale.sample.pairs for scale in scales]), axis=0)
    shown = np.sort(pairs, axis=1) @ [n_rows, 1]
    candidates = candidates[~np.isin(candidates @ [n_rows, 1], shown)]
    if not len(candidates):
        return None
    rng = np.random.default_rng(len(pairs))
    candidates = rng.permutation(candidates)  # to break ties randomly
    answered = np.isin(answers, ANSWERS)
    evidence = pairs[answered], np.asarray(answers, dtype=np.str_)[answered]
    if (len(pairs) + 1) % _CHECK_EVERY == 0:
        scale = scales[len(pairs) // _CHECK_EVERY % len(scales)]
        worth = scale.check(*evidence, candidates, precision, rng)
    else:
        gains = np.sum([scale.gains(*evidence, candidates, precision) for scale in scales], axis=0)
        times_shown = np.bincount(pairs.ravel(), minlength=n_rows)
        worth = gains * _DISCOUNT ** times_shown[candidates].sum(axis=1)
    i, j = candidates[np.argmax(worth)]
    return int(i), int(j)
