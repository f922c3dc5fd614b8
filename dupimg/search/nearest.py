"""The nearest of all rows that have been seen so far, for every row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Nearest:
    """The nearest other row seen so far, and its cosine, for every row.

    Parameters
    ----------
    n_rows : int

    Attributes
    ----------
    cosine : ndarray of shape (n,), float64
        -inf where none has been seen.
    index : ndarray of shape (n,), int64
        The first one on a tie; -1 where none has been seen.

    Examples
    --------
    >>> nearest = Nearest(3)
    >>> nearest.update(np.array([0, 0, 1]), np.array([2, 1, 0]), np.array([0.5, 0.5, 0.5]))
    >>> nearest.result()
    (array([0.5, 0.5, nan]), array([ 1,  0, -1]))
    """

    def __init__(self, n_rows: int) -> None:
        self.cosine = np.full(n_rows, -np.inf)
        self.index = np.full(n_rows, -1, dtype=np.int64)

    def known(self, rows: slice, others: slice) -> NDArray[np.float64]:
        """Return the highest cosines so far; inf where none of the others can be nearer."""
        cosine = self.cosine[rows].copy()
        cosine[(cosine == 1) & (self.index[rows] < others.start)] = np.inf
        return cosine

    def update(self, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
        """Take in the cosines of rows `i` to other rows `j`, the first of which wins a tie."""
        # First the index, then the cosine: another thread may read them, and must never take an
        # index of before for one of a cosine that has just become 1.
        self.index[i[cosines > self.cosine[i]]] = np.iinfo(np.int64).max
        np.maximum.at(self.cosine, i, cosines)
        ties = cosines == self.cosine[i]
        np.minimum.at(self.index, i[ties], j[ties])

    def result(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return cosine and index, NaN and -1 where there is no other row."""
        return np.where(self.index < 0, np.nan, self.cosine), self.index
