"""Measure how similar the photos of a folder are, and sample pairs at every similarity."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

STEP = 0.005  # of the thresholds

# Larger folders are sampled: the error of the share of photos with a neighbour at a threshold is
# then at most 0.022 with a probability of 95 %.
_MOST_PHOTOS = 2000

# Pairs to choose from, for each step of the cosine.
_CANDIDATES_PER_BIN = 24

# Products at once: 128 MiB of float32.
_PRODUCTS_AT_ONCE = 1 << 25


@dataclass(frozen=True)
class Neighbours:
    """A histogram of the similarities of sampled photos to all others.

    Attributes
    ----------
    rows : ndarray of shape (n_photos,), int64
        The sampled photos.
    counts : ndarray of shape (n_photos, n_bins), int64
        Numbers of their neighbours by cosine, in steps of `STEP`; the last bin ends at 1.
    thresholds : ndarray of shape (n_bins,), float64
        The lower ends of the bins.
    """

    rows: NDArray[np.int64]
    counts: NDArray[np.int64]
    thresholds: NDArray[np.float64]
    _shares: NDArray[np.float64] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        reached = self.counts[:, ::-1].cumsum(axis=1)[:, ::-1]
        shares = np.divide(1, reached, out=np.zeros(reached.shape), where=reached > 0)
        object.__setattr__(self, "_shares", shares)

    @property
    def centers(self) -> NDArray[np.float64]:
        """The centre of each bin."""
        return self.thresholds + STEP / 2

    @property
    def _n_reached(self) -> NDArray[np.int64]:
        return np.maximum((self._shares > 0).sum(axis=0), 1)

    @property
    def reached(self) -> NDArray[np.float64]:
        """The share of photos with a neighbour at or above each threshold."""
        return (self._shares > 0).mean(axis=0)

    def bins(self, cosines: ArrayLike) -> NDArray[np.int64]:
        """Return the bin of each cosine; -1 below the lowest threshold."""
        return bins_of(cosines, self.thresholds)

    def weights(
        self, without: NDArray[np.int64] | None = None, bins: NDArray[np.int64] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the weight of the pairs of each bin at each threshold.

        Parameters
        ----------
        without : ndarray of shape (n_pairs, 2), int64, optional
            Pairs of photos to leave out, each once.
        bins : ndarray of shape (n_pairs,), int64, optional
            Their bins.

        Returns
        -------
        weights : ndarray of shape (n_thresholds, n_bins), float64
            Each photo with neighbours at a threshold has weight 1, shared evenly by these; the
            total is normalized to 1 if no pair is left out.
        squares : ndarray of shape (n_thresholds, n_bins), float64
            Sums of the squared weights of single pairs.
        """
        counts = self.counts
        if without is not None and bins is not None:
            is_member = self.rows[:, None, None] == without
            counts = counts.copy()
            photo, pair, _ = np.nonzero(is_member & (bins >= 0)[:, None])
            np.subtract.at(counts, (photo, bins[pair]), 1)
        above = np.triu(np.ones((len(self.thresholds),) * 2))
        weights = self._shares.T @ counts * above / self._n_reached[:, None]
        # A pair counts for both of its photos: twice the weight, but half as many pairs.
        squares = 2 * (self._shares**2).T @ counts * above / self._n_reached[:, None] ** 2
        return weights, squares

    def pair_weights(
        self, pairs: NDArray[np.int64], bins: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the weights of single pairs at each threshold.

        Parameters
        ----------
        pairs : ndarray of shape (n_pairs, 2), int64
        bins : ndarray of shape (n_pairs,), int64

        Returns
        -------
        ndarray of shape (n_thresholds, n_pairs), float64
        """
        is_member = (self.rows[:, None, None] == pairs).any(axis=2)
        weights = self._shares.T @ is_member / self._n_reached[:, None]
        return weights * (np.arange(len(self.thresholds))[:, None] <= bins)


@dataclass(frozen=True)
class PairSample:
    """The result of `sample_pairs`.

    Attributes
    ----------
    neighbours : Neighbours
    pairs : ndarray of shape (n_pairs, 2), int64
        Distinct pairs of photos to choose from, some from every bin, lower row first.
    """

    neighbours: Neighbours
    pairs: NDArray[np.int64]


def sample_pairs(vectors: NDArray[np.float32], floor: float) -> PairSample:
    """Count neighbours by cosine, and draw pairs at every cosine.

    Within each step of the cosine, a photo is drawn at random, then one of its neighbours. So every
    photo has the same chance to appear in a question, whether or not it belongs to a burst.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32
        Rows of norm 1.
    floor : float
        Cosine from which pairs count.

    Returns
    -------
    PairSample
        Deterministic for the same vectors.
    """
    rng = np.random.default_rng(0)
    thresholds = (np.arange(round(floor / STEP), round(1 / STEP)) * STEP).round(3)
    rows = np.sort(rng.permutation(len(vectors))[:_MOST_PHOTOS])
    counts = np.zeros((len(rows), len(thresholds)), np.int64)
    drawn = np.full(counts.shape, -1)
    size = max(1, _PRODUCTS_AT_ONCE // max(1, len(vectors)))
    for start in range(0, len(rows), size):
        some = slice(start, start + size)
        counts[some], drawn[some] = _neighbours(vectors, rows[some], thresholds, rng)
    pairs = [np.empty((0, 2), np.int64)]
    for column in drawn.T:
        having = rng.permutation(np.flatnonzero(column >= 0))[:_CANDIDATES_PER_BIN]
        pairs.append(np.column_stack([rows[having], column[having]]))
    distinct = np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)
    return PairSample(Neighbours(rows, counts, thresholds), distinct)


def _neighbours(
    vectors: NDArray[np.float32],
    rows: NDArray[np.int64],
    thresholds: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the number of neighbours of photos in each bin, and one of them or -1."""
    products = vectors[rows] @ vectors.T
    products[np.arange(len(rows)), rows] = -1
    row, column = np.divmod(
        rng.permutation(np.flatnonzero(products >= thresholds[0] - 1e-7)), len(vectors)
    )
    cells = row * len(thresholds) + bins_of(products[row, column], thresholds)
    n_cells = len(rows) * len(thresholds)
    drawn = np.full(n_cells, -1)
    cell, first = np.unique(cells, return_index=True)  # the first one of a random order
    drawn[cell] = column[first]
    counts = np.bincount(cells, minlength=n_cells)
    return counts.reshape(len(rows), -1), drawn.reshape(len(rows), -1)


def bins_of(cosines: ArrayLike, thresholds: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the index of the last threshold that each cosine reaches; -1 for none."""
    # With a tolerance for the rounding of float32 and of the thresholds.
    return np.searchsorted(thresholds, np.asarray(cosines, np.float64) + 1e-7, side="right") - 1
