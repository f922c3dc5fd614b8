"""Correlate thumbnails, to verify photos that a network finds similar.

A network is trained to ignore small shifts, which thumbnails reveal: something has moved.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dupimg.search.rows import paired_dots

# Two screenshots with the same frame correlate by 0.98 whatever their contents. So the parts of a
# copy must correlate, too: grass and gravel in one frame correlate by 0.76 on average of 4 x 4
# parts, the worst of the labelled copies by 0.95.
_PARTS = 4
_LOCAL_CORRELATION = 0.9

# Least contrast of a part in grey levels: in a plain part, such as a sky, only noise correlates.
_LEAST_DEVIATION = 3.0

# Pairs of pictures in memory at once, which take 64 MB, and pairs in the processor's cache.
_PAIRS_AT_ONCE = 8192
_GATHERED_AT_ONCE = 256

# A matrix product computes this many pairs in the time of a single pair; and so many of its rows
# at once take a few MB.
_PRODUCTS_A_PAIR = 64
_ROWS_AT_ONCE = 256


# Grey levels of a curve, and the least variance that it must explain: 0.98 for photos brightened by
# 1.4, at most 0.75 for 2,070 pairs of other photos.
_LEVELS_OF_CURVE, _LEAST_EXPLAINED = 8, 0.95


class Thumbnails:
    """Small grey pictures, and the turns that count as the same picture.

    Parameters
    ----------
    pictures : array-like of shape (n, side, side), uint8
    n_rows : int
        The expected number of pictures.
    rotations : bool, default=False
        Whether a picture turned by 90°, 180° or 270° counts as the same.
    mirrored : bool, default=False
        Whether a mirrored picture counts as the same.

    Raises
    ------
    ValueError
        If the pictures have another number, shape or dtype.

    Examples
    --------
    >>> ramp = np.arange(16, dtype=np.uint8).reshape(4, 4)
    >>> pictures = [ramp, 3 * ramp + 7, ramp[:, ::-1]]
    >>> Thumbnails(pictures, 3).correlations(np.array([0, 0]), np.array([1, 2])).round(2)
    array([1.  , 0.88])
    >>> Thumbnails(pictures, 3, mirrored=True).correlations(np.array([0]), np.array([2]))
    array([1.])
    """

    def __init__(
        self,
        pictures: ArrayLike,
        n_rows: int,
        *,
        rotations: bool = False,
        mirrored: bool = False,
    ) -> None:
        upright = np.asarray(pictures)
        if upright.dtype != np.uint8 or upright.ndim != 3 or upright.shape[1] != upright.shape[2]:
            raise ValueError(
                f"Got thumbnails of shape {upright.shape} and type {upright.dtype}, expected "
                "(n_samples, side, side) and uint8."
            )
        if len(upright) != n_rows:
            raise ValueError(f"Got {len(upright)} thumbnails for {n_rows} vectors, expected each.")
        turned = [np.rot90(upright, k, axes=(1, 2)) for k in range(4 if rotations else 1)]
        if mirrored:
            turned += [turn[:, :, ::-1] for turn in turned]
        self._n_rows = n_rows
        self._n_turns = len(turned)
        # Centred on zero, 32 x 32 products add up exactly in float32: 32**2 * 128**2 = 2**24.
        levels = (np.concatenate(turned) ^ 0x80).view(np.int8)
        self._pixels = levels.reshape(n_rows * self._n_turns, -1)
        self._exact = np.float32 if self._pixels.shape[1] <= 32**2 else np.float64
        self._means = self._pixels[:n_rows].mean(axis=1, dtype=np.float64)
        self._deviations = self._pixels[:n_rows].std(axis=1, dtype=np.float64)

    @property
    def upright(self) -> NDArray[np.int8]:
        """The original pictures as rows, centred on zero."""
        return self._pixels[: self._n_rows]

    def correlations(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Correlate pictures i[k] and j[k] in the best turn.

        Parameters
        ----------
        i, j : ndarray of shape (k,), int

        Returns
        -------
        ndarray of shape (k,), float64
            Pearson's correlation of the pixels in [-1, 1]. A uniform picture correlates with the
            same grey by 1, with anything else by 0.
        """
        best = np.full(len(i), -1.0)
        for turn in range(self._n_turns):
            np.maximum(best, self._correlations(i, j, turn), out=best)
        return best

    def are_copies(
        self, i: NDArray[np.int64], j: NDArray[np.int64], threshold: float
    ) -> NDArray[np.bool_]:
        """Return whether pictures i[k] and j[k] agree as a whole and in their parts.

        Parameters
        ----------
        i, j : ndarray of shape (k,), int
        threshold : float
            Least correlation of the whole; parts need 0.9 on average.

        Returns
        -------
        ndarray of shape (k,), bool
        """
        # Always in the same order, since turning the one differs from turning the other.
        i, j = np.minimum(i, j), np.maximum(i, j)
        copies = np.zeros(len(i), dtype=bool)
        for turn in range(self._n_turns):
            similar = np.flatnonzero(self._correlations(i, j, turn) >= threshold)
            for start in range(0, len(similar), _PAIRS_AT_ONCE):
                pairs = similar[start : start + _PAIRS_AT_ONCE]
                local = self._local_correlations(i[pairs], j[pairs] + turn * self._n_rows)
                copies[pairs] |= local >= _LOCAL_CORRELATION
        return copies

    def _correlations(self, i: NDArray, j: NDArray, turn: int) -> NDArray[np.float64]:
        products = self._products(i, j + turn * self._n_rows)
        covariances = products / self._pixels.shape[1] - self._means[i] * self._means[j]
        scales = self._deviations[i] * self._deviations[j]
        flat = scales == 0
        correlations = covariances / np.where(flat, 1.0, scales)
        same = (self._means[i] == self._means[j]) & (self._deviations[i] == self._deviations[j])
        return np.where(flat, same.astype(float), np.clip(correlations, -1.0, 1.0))

    def _products(self, i: NDArray, j: NDArray) -> NDArray[np.float64]:
        """Return the sums of products of pixels; they are integers, so exact in any order."""
        (rows, row), (columns, column) = _distinct(i), _distinct(j)
        if len(rows) * len(columns) > _PRODUCTS_A_PAIR * len(i):
            return paired_dots(self._pixels, i, j)
        products = np.empty(len(i))
        right = self._pixels[columns].T.astype(self._exact)
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            left = self._pixels[rows[start : start + _ROWS_AT_ONCE]].astype(self._exact)
            here = np.flatnonzero((row >= start) & (row < start + len(left)))
            products[here] = (left @ right)[row[here] - start, column[here]]
        return products

    def _local_correlations(self, i: NDArray, j: NDArray) -> NDArray[np.float32]:
        """Average the correlations of the parts with contrast; 1 if there are none."""
        pictures, place = _distinct(np.concatenate([i, j]))
        parts, contrast = self._parts(pictures)
        left, right = np.split(place, 2)
        correlations = np.empty((len(i), contrast.shape[1]), np.float32)
        for start in range(0, len(i), _GATHERED_AT_ONCE):
            some = slice(start, start + _GATHERED_AT_ONCE)
            both = parts[left[some]], parts[right[some]]
            np.einsum("kpd,kpd->kp", *both, out=correlations[some])
        counts = contrast[left] | contrast[right]
        n_parts = counts.sum(axis=1)
        sums = np.where(counts, correlations, 0).sum(axis=1)
        return np.where(n_parts == 0, 1, sums / np.maximum(n_parts, 1))

    def _parts(self, pictures: NDArray) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Cut pictures into 4 x 4 parts of mean 0 and norm 1; return also which have contrast.

        Pixels beyond the parts are left out.
        """
        side = math.isqrt(self._pixels.shape[1])
        size = max(1, side // _PARTS)
        squares = self._pixels[pictures].reshape(-1, side, side)
        whole = squares[:, : size * _PARTS, : size * _PARTS].astype(np.float32)
        cut = whole.reshape(len(pictures), -1, size, whole.shape[2] // size, size)
        parts = cut.transpose(0, 1, 3, 2, 4).reshape(len(pictures), -1, size * size)
        parts -= parts.mean(axis=2, keepdims=True)
        norms = np.sqrt(np.einsum("kpd,kpd->kp", parts, parts))
        parts /= np.maximum(norms, 1e-6)[..., None]  # a uniform part correlates with nothing
        return parts, norms >= _LEAST_DEVIATION * size


def differ_by_a_curve(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> bool:
    """Return whether a picture may be another one with changed brightness.

    Parameters
    ----------
    one, other : ndarray of shape (side, side), uint8

    Returns
    -------
    bool
        Whether a curve over the levels of one explains nearly all variance of the other. It
        suffices in one direction, as a clipped edit cannot be reversed.

    Examples
    --------
    >>> ramp = np.arange(256, dtype=np.uint8).reshape(16, 16)
    >>> differ_by_a_curve(np.minimum(ramp, 128), ramp), differ_by_a_curve(ramp, ramp.T)
    (True, False)
    """
    return max(_explained(one, other), _explained(other, one)) >= _LEAST_EXPLAINED


def _explained(of: NDArray[np.uint8], by: NDArray[np.uint8]) -> float:
    levels, values = by.ravel() // _LEVELS_OF_CURVE, of.ravel().astype(np.float64)
    count = np.bincount(levels)
    means = np.bincount(levels, weights=values) / np.maximum(count, 1)
    variance = values.var()
    return float(1 - np.square(values - means[levels]).mean() / variance) if variance else 0.0


def _distinct(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the distinct numbers, and the position of each number among them."""
    is_there = np.zeros(numbers.max(initial=0) + 1, dtype=bool)
    is_there[numbers] = True
    return np.flatnonzero(is_there), (np.cumsum(is_there) - 1)[numbers]
