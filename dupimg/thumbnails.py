"""Correlate small grey pictures: a second look at photos that a network finds similar.

A network is made to overlook what a second look sees: that something has moved since.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dupimg.vectors import paired_dots


class Thumbnails:
    """Small grey pictures, and which turns of them count as the same picture.

    Parameters
    ----------
    pictures : array-like of shape (n, side, side), uint8
    n_rows : int
        What n must be.
    rotations : bool, default=False
        Whether a picture turned by 90°, 180° or 270° is the same.
    mirrored : bool, default=False
        Whether a mirrored picture is the same.

    Raises
    ------
    ValueError
        If the pictures are not as described.

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
        self._pixels = np.concatenate([turn.reshape(n_rows, -1) for turn in turned])
        self._means = self._pixels[:n_rows].mean(axis=1, dtype=np.float64)
        self._deviations = self._pixels[:n_rows].std(axis=1, dtype=np.float64)

    def correlations(self, i: NDArray[np.int64], j: NDArray[np.int64]) -> NDArray[np.float64]:
        """Correlate pictures i[k] and j[k], in the turn that fits best.

        Parameters
        ----------
        i, j : ndarray of shape (k,), int

        Returns
        -------
        ndarray of shape (k,), float64
            Pearson's correlation of the pixels in [-1, 1]. A picture of one grey correlates
            with the same grey by 1 and with all else by 0.
        """
        best = np.full(len(i), -np.inf)
        for turn in range(self._n_turns):
            # Sums of whole numbers: exact, and so the same for (i, j) and (j, i).
            np.maximum(best, paired_dots(self._pixels, i, j + turn * self._n_rows), out=best)
        covariances = best / self._pixels.shape[1] - self._means[i] * self._means[j]
        scales = self._deviations[i] * self._deviations[j]
        flat = scales == 0
        correlations = covariances / np.where(flat, 1.0, scales)
        same = (self._means[i] == self._means[j]) & (self._deviations[i] == self._deviations[j])
        return np.where(flat, same.astype(float), np.clip(correlations, -1.0, 1.0))
