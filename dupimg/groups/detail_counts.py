"""Numbers of matched details of compared pairs of photos."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DetailCounts:
    """Compared pairs with their numbers of matched details.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2), int64
        Indices of two photos or two contents; each pair once.
    counts : ndarray of shape (n_pairs,), int64
        Number of matched details, see `dupimg.groups.places.PlaceEvidence`.

    Examples
    --------
    >>> counts = DetailCounts(np.array([[0, 3], [1, 2]]), np.array([40, 0]))
    >>> counts.of(np.array([3, 2, 0]), np.array([0, 1, 2]))
    array([40.,  0., nan])
    """

    pairs: NDArray[np.int64]
    counts: NDArray[np.int64]

    @classmethod
    def none(cls) -> DetailCounts:
        """Return empty counts."""
        return cls(np.empty((0, 2), np.int64), np.empty(0, np.int64))

    def of(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the counts of m pairs in either order; NaN if unknown.

        Parameters
        ----------
        one, other : ndarray of shape (m,), int64
            Indices; negative for no photo.

        Returns
        -------
        ndarray of shape (m,), float64
        """
        wanted = _keys(np.column_stack([one, other]))
        known = _keys(self.pairs)
        order = np.argsort(known)
        place = np.searchsorted(known, wanted, sorter=order)
        found = np.full(len(wanted), np.nan)
        inside = np.flatnonzero(place < len(known))
        at = order[place[inside]]
        same = known[at] == wanted[inside]
        found[inside[same]] = self.counts[at[same]]
        return found


def _keys(pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return a number for each pair, the same for both orders."""
    return pairs.min(axis=1) << 32 | pairs.max(axis=1)
