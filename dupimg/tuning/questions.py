"""Choose the pairs of photos to ask a person about, and judge both thresholds by the answers.

There are two scales, the embedding for duplicates and that for scenes. One question tells about
both: photos are the same, or of the same scene, or different.
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

# What a pair is worth less for every time that one of its photos was shown.
_DISCOUNT = 0.5

# Every so many questions a spot check, see `choose_pair`.
_CHECK_EVERY = 4


@dataclass(frozen=True, eq=False)
class Scale:
    """One embedding of the photos, and the answers for which two of them belong together.

    Attributes
    ----------
    vectors : ndarray of shape (n_photos, d), float32
        Rows of norm 1.
    together : tuple of str
        Out of `ANSWERS`.
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
        """Measure how similar photos are, from the cosine `floor` on."""
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
        """Return what an answer about each candidate would tell, see `expected_gain`."""
        together = np.isin(answers, self.together)
        curve = fit_curve(self.cosines(pairs), together, self.threshold)
        neighbours = self.sample.neighbours
        gains = expected_gain(curve, neighbours, precision) / (1.005 - self.threshold) ** 2
        # Below the lowest bin there is next to nothing to learn: the last element.
        return np.append(gains, 0.0)[neighbours.bins(self.cosines(candidates))]

    def check(
        self,
        pairs: NDArray[np.int64],
        answers: Answers,
        candidates: NDArray[np.int64],
        precision: float,
        rng: np.random.Generator,
    ) -> NDArray[np.bool_]:
        """Draw a bin of the cosine as its pairs weigh, and mark the candidates in it."""
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
    """What the answers say about the thresholds of one scale.

    Attributes
    ----------
    table : DataFrame
        See `dupimg.tuning.precision_model.precision_table`.
    recommended : float or None
        See `dupimg.tuning.precision_model.recommend`.
    cosines : ndarray of shape (n_answers,), float64
        Of the pairs asked about.
    together : ndarray of shape (n_answers,), bool
        The answers.
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
    """Choose the pair whose answer promises to tell most about the thresholds.

    Parameters
    ----------
    scales : sequence of Scale
        The last one is that for scenes.
    pairs : ndarray of shape (n_shown, 2), int64
        Rows of the photos shown before.
    answers : sequence of str, of length n_shown
        One that is not in `ANSWERS` is no evidence: the pair was skipped.
    precision : float
        What is precise enough.

    Returns
    -------
    tuple of int or None
        The rows of two photos, the lower one first; None if every pair was shown. The same for
        the same photos and answers.

    Notes
    -----
    Three of four questions are those with the highest `expected_gain`, which counts half for
    every time that one of the photos was shown. Every fourth is a spot check, of one scale after
    the other: a pair drawn at random from those that the threshold recommended so far (or the
    one in use) would put together, each photo with the same chance. It finds what a smooth curve
    leaves out, such as a burst whose photos are as alike as copies.
    """
    n_rows = len(scales[-1].vectors)
    candidates = np.unique(np.concatenate([scale.sample.pairs for scale in scales]), axis=0)
    shown = np.sort(pairs, axis=1) @ [n_rows, 1]
    candidates = candidates[~np.isin(candidates @ [n_rows, 1], shown)]
    if not len(candidates):
        return None
    rng = np.random.default_rng(len(pairs))
    candidates = rng.permutation(candidates)  # so that chance breaks ties
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
