"""Estimate the right threshold from the user's answers about pairs of photos.

A curve gives the probability that two photos belong together by their cosine. Few answers allow
many curves, so all curves of a grid are weighted by their likelihood. With the similarities of the
photos of the folder (`dupimg.tuning.pair_sampling`), each curve gives a precision for every
threshold. So the weights yield an interval of the precision, and the most informative next pair.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.tuning.pair_sampling import Neighbours

# The interval contains the precision with a probability of 90 %; above its lower end, 95 %.
INTERVAL = (0.05, 0.95)

# Fewest answers for a recommendation.
FEWEST_ANSWERS = 10

# The grid. Midpoints, where both answers are equally likely, in units of 1 - threshold; exponents
# of the slope (4 rises from 0.1 to 0.9 over a factor of 3 in distance, 16 over one of 1.3); and
# lapses, the share of pairs that do not belong together however similar they are: bursts, textures,
# pages of text.
_MIDPOINTS = np.geomspace(1 / 16, 8, 43)
_SLOPES = np.geomspace(2, 32, 9)
_LAPSES = np.array([0.002, 0.01, 0.02, 0.04, 0.07, 0.12, 0.2, 0.35, 0.6])

# Priors: a midpoint at twice the distance of the threshold in use is one sigma away; small lapses
# are more likely than large ones.
_MIDPOINT_SIGMA = np.log(2.5)
_LAPSE_PRIOR = np.array([0.3, 0.2, 0.15, 0.1, 0.08, 0.06, 0.05, 0.04, 0.02])

# Dissimilar pairs belong together now and then, and answers can be mistakes.
_GUESS = 0.01

_DRAWS = 4000


@dataclass(frozen=True)
class Curve:
    """The probability that two photos belong together by their cosine: weighted curves.

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
        """Return the probabilities of pairs by each curve.

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
    """Weight the curves by their likelihood given the answers.

    Parameters
    ----------
    cosines : ndarray of shape (n_answers,), float64
        Cosines of the answered pairs. The choice of pairs may depend on cosines and on earlier
        answers without biasing the curve.
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
    # Distances are at most 2, and above 0 even for a threshold of 1.
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
    """Return the precision of every threshold in this folder.

    Every photo has the same weight: precision is the probability that a random photo with
    neighbours above the threshold belongs together with a random one of these. So a burst of 40
    photos counts 40 times, not 780 times.

    Parameters
    ----------
    curve : Curve
    neighbours : Neighbours
        Similarities of the photos of the folder.
    pairs : ndarray of shape (n_answers, 2), int64
        Rows of the answered pairs, for which the truth is known.
    cosines : ndarray of shape (n_answers,), float64
    together : ndarray of shape (n_answers,), bool

    Returns
    -------
    DataFrame
        Columns threshold, photos (the share with any neighbour above the threshold), precision, low
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
    """Return the ends of each column's interval, from the spread of curves and sampling."""
    rng = np.random.default_rng(0)
    # Systematic resampling: one random offset, evenly spread draws.
    places = (np.arange(_DRAWS) + rng.random()) / _DRAWS
    drawn = np.searchsorted(np.cumsum(weights)[:-1], places)
    luck = rng.standard_normal((_DRAWS, 1))
    draws = expected[drawn] + luck * np.sqrt(variance[drawn])
    return np.quantile(np.clip(draws, 0, 1), INTERVAL, axis=0)


def recommend(table: pd.DataFrame, cosines: NDArray[np.float64], precision: float) -> float | None:
    """Return the lowest threshold that reaches a precision with a probability of 95 %.

    Parameters
    ----------
    table : DataFrame
        See `precision_table`.
    cosines : ndarray of shape (n_answers,), float64
        Cosines of the answered pairs; no lower threshold is recommended.
    precision : float
        The required precision.

    Returns
    -------
    float or None
        None if there is no such threshold, or too few answers.
    """
    if len(cosines) < FEWEST_ANSWERS:
        return None
    enough = (table["low"] >= precision) & (table["threshold"] >= cosines.min())
    return float(table["threshold"][enough].min()) if enough.any() else None


def expected_gain(curve: Curve, neighbours: Neighbours, precision: float) -> NDArray[np.float64]:
    """Return the expected information of an answer about the right threshold.

    Parameters
    ----------
    curve : Curve
    neighbours : Neighbours
    precision : float
        The required precision.

    Returns
    -------
    ndarray of shape (n_bins,), float64
        The expected decrease of the variance of the right threshold, in units of the squared
        distance 1 - threshold; by bin of the cosine.
    """
    chances = curve.chances(neighbours.centers)
    weights, _ = neighbours.weights()
    precise = (chances @ weights.T >= precision) & (neighbours.reached > 0)
    # The right threshold by every curve; 1 if there is none.
    right = np.where(precise.any(axis=1), neighbours.thresholds[precise.argmax(axis=1)], 1.0)
    mean = curve.weights @ right
    yes = curve.weights @ chances
    mean_yes = (curve.weights * right) @ chances / yes
    mean_no = (mean - yes * mean_yes) / (1 - yes)
    return yes * (mean_yes - mean) ** 2 + (1 - yes) * (mean_no - mean) ** 2
