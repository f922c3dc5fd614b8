"""Which threshold is right: what a person's answers about pairs of photos say.

A curve says how likely two photos belong together, given their cosine. Few answers leave many
curves possible: all of a grid are weighed by how well they explain the answers. Together with
how similar the photos of the folder are (`dupimg.tuning.pair_sampling`), each curve gives a
precision for every threshold, so the weights give the precision an interval, and tell which pair
of photos is the best one to ask about next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.tuning.pair_sampling import Neighbours

# Between its ends lies the precision with a probability of 90 %, above its lower end with 95 %.
INTERVAL = (0.05, 0.95)

# Fewer answers than this are too little to recommend a threshold.
FEWEST_ANSWERS = 10

# The grid. Midpoints in units of 1 - threshold, where the answers are as many of one kind as of
# the other; exponents of a slope (4 rises from 0.1 to 0.9 over a factor of 3 in distance, 16 over
# one of 1.3); and shares of pairs that do not belong together however similar they are: bursts,
# textures, pages of text.
_MIDPOINTS = np.geomspace(1 / 16, 8, 43)
_SLOPES = np.geomspace(2, 32, 9)
_LAPSES = np.array([0.002, 0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35, 0.6])

# A midpoint is as likely twice as far off as at the threshold in use, within one sigma; small
# lapses are more likely than large ones.
_MIDPOINT_SIGMA = np.log(2.5)
_LAPSE_PRIOR = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.02])

# A pair that is far from similar belongs together now and then, and answers can be slips.
_GUESS = 0.01

_DRAWS = 4000


@dataclass(frozen=True)
class Curve:
    """How likely two photos belong together, given their cosine: weighted possible curves.

    Attributes
    ----------
    midpoints, slopes, lapses : ndarray of shape (n_curves,), float64
        The chance is ``guess + (1 - guess - lapse) / (1 + ((1 - cosine) / midpoint) ** slope)``.
    weights : ndarray of shape (n_curves,), float64
        Their sum is 1.
    """

    midpoints: NDArray[np.float64]
    slopes: NDArray[np.float64]
    lapses: NDArray[np.float64]
    weights: NDArray[np.float64]

    def chances(self, cosines: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the chance that each curve gives to pairs.

        Parameters
        ----------
        cosines : ndarray of shape (n_pairs,)

        Returns
        -------
        ndarray of shape (n_curves, n_pairs)
        """
        distances = np.maximum(1 - np.asarray(cosines, np.float64), 1e-6)
        steps = np.log(distances / self.midpoints[:, None]) * self.slopes[:, None]
        rise = 1 / (1 + np.exp(np.clip(steps, -50, 50)))
        return _GUESS + (1 - _GUESS - self.lapses[:, None]) * rise


def fit_curve(cosines: NDArray[np.float64], together: NDArray[np.bool_], threshold: float) -> Curve:
    """Weigh curves by answers.

    Parameters
    ----------
    cosines : ndarray of shape (n_answers,), float64
        Of the pairs asked about. Which pairs were chosen may depend on their cosines and on
        earlier answers: that does not bias the curve.
    together : ndarray of shape (n_answers,), bool
        Whether the two photos belong together.
    threshold : float
        The cosine in use, around which the curve is expected.

    Returns
    -------
    Curve

    Examples
    --------
    >>> cosines = np.linspace(0.8, 0.99, 20)
    >>> curve = fit_curve(cosines, cosines > 0.9, threshold=0.95)
    >>> curve.weights @ curve.chances(np.array([0.85, 0.95])) > 0.5
    array([False,  True])
    """
    factors, slopes, lapses = (
        grid.ravel() for grid in np.meshgrid(_MIDPOINTS, _SLOPES, _LAPSES, indexing="ij")
    )
    # Distances are at most 2; a threshold of 1 leaves a little to be different in.
    midpoints = factors * max(1 - threshold, 0.005)
    prior = np.exp(-0.5 * (np.log(factors) / _MIDPOINT_SIGMA) ** 2)
    prior *= np.tile(_LAPSE_PRIOR, len(factors) // len(_LAPSE_PRIOR))
    flat = Curve(midpoints, slopes, lapses, prior / prior.sum())
    chances = flat.chances(cosines)
    log_likelihood = np.log(np.where(together, chances, 1 - chances)).sum(axis=1)
    weights = flat.weights * np.exp(log_likelihood - log_likelihood.max())
    return Curve(midpoints, slopes, lapses, weights / weights.sum())


def precision_table(
    curve: Curve,
    neighbours: Neighbours,
    pairs: NDArray[np.int64],
    cosines: NDArray[np.float64],
    together: NDArray[np.bool_],
) -> pd.DataFrame:
    """Return the precision that every threshold would have in this folder.

    Every photo counts the same: precision is the chance that a photo, taken at random from
    those that have any this similar, belongs together with one taken at random from these. So a
    burst of 40 photos counts 40 times and not 780 times.

    Parameters
    ----------
    curve : Curve
    neighbours : Neighbours
        How similar the photos of the folder are.
    pairs : ndarray of shape (n_answers, 2), int64
        Rows of the photos asked about: of these pairs it is known whether they are right.
    cosines : ndarray of shape (n_answers,), float64
    together : ndarray of shape (n_answers,), bool

    Returns
    -------
    DataFrame
        Columns threshold, photos (the share that has any photo this similar), precision, low
        and high (the ends of the 90 % interval), for every threshold that a photo reaches.
    """
    bins = neighbours.bins(cosines)
    weights, spread = neighbours.weights(without=pairs, bins=bins)
    known = neighbours.pair_weights(pairs, bins) @ together
    chances = curve.chances(neighbours.centers)
    expected = chances @ weights.T + known
    noise = (chances * (1 - chances)) @ spread.T
    low, high = _interval(curve.weights, expected, noise)
    table = pd.DataFrame(
        {
            "threshold": neighbours.thresholds,
            "photos": neighbours.reached,
            "precision": curve.weights @ expected,
            "low": low,
            "high": high,
        }
    )
    return table[table["photos"] > 0].reset_index(drop=True)


def _interval(
    weights: NDArray[np.float64], expected: NDArray[np.float64], variance: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the ends of the interval of each column: which curve, and luck on top of it."""
    rng = np.random.default_rng(0)
    # Systematic resampling: one random number, evenly spread draws.
    places = (np.arange(_DRAWS) + rng.random()) / _DRAWS
    drawn = np.searchsorted(np.cumsum(weights)[:-1], places)
    luck = rng.standard_normal((_DRAWS, 1))
    draws = expected[drawn] + luck * np.sqrt(variance[drawn])
    return np.quantile(np.clip(draws, 0, 1), INTERVAL, axis=0)


def recommend(table: pd.DataFrame, cosines: NDArray[np.float64], precision: float) -> float | None:
    """Return the lowest threshold that is precise enough with a probability of 95 %.

    Parameters
    ----------
    table : DataFrame
        See `precision_table`.
    cosines : ndarray of shape (n_answers,), float64
        Of the pairs asked about: no threshold is recommended below the lowest of them.
    precision : float
        What is precise enough.

    Returns
    -------
    float or None
        None if there is no such threshold, or too few answers to say.
    """
    if len(cosines) < FEWEST_ANSWERS:
        return None
    enough = (table["low"] >= precision) & (table["threshold"] >= cosines.min())
    return float(table["threshold"][enough].min()) if enough.any() else None


def expected_gain(curve: Curve, neighbours: Neighbours, precision: float) -> NDArray[np.float64]:
    """Return how much an answer about a pair would tell about the right threshold.

    Parameters
    ----------
    curve : Curve
    neighbours : Neighbours
    precision : float
        What is precise enough.

    Returns
    -------
    ndarray of shape (n_bins,), float64
        By how much it would lower the variance of the right threshold, in units of the squared
        distance 1 - threshold, expected over both answers; by bin of the cosine.
    """
    chances = curve.chances(neighbours.centers)
    weights, _ = neighbours.weights()
    precise = (chances @ weights.T >= precision) & (neighbours.reached > 0)
    # The right threshold of every curve; 1, if it has none.
    right = np.where(precise.any(axis=1), neighbours.thresholds[precise.argmax(axis=1)], 1.0)
    mean = curve.weights @ right
    yes = curve.weights @ chances
    mean_yes = (curve.weights * right) @ chances / yes
    mean_no = (mean - yes * mean_yes) / (1 - yes)
    return yes * (mean_yes - mean) ** 2 + (1 - yes) * (mean_no - mean) ** 2
