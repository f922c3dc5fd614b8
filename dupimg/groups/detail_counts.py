"""How many matched details pairs of photos share, as far as they were compared."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class DetailCounts:
    """Pairs that were compared by their details.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2), int64
        Numbers of two photos, or of two contents; each pair once.
    counts : ndarray of shape (n_pairs,), int64
        How many matched details agree, see `dupimg.groups.places.PlaceEvidence`.

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
        """Return the counts where nothing was compared."""
        return cls(np.empty((0, 2), np.int64), np.empty(0, np.int64))

    def of(self, one: NDArray[np.int64], other: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the counts of m pairs, whichever comes first; NaN where they are not known.

        Parameters
        ----------
        one, other : ndarray of shape (m,), int64
            Numbers; a negative one is of no photo.

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
    """Return a number for each pair, the same whichever comes first."""
    return pairs.min(axis=1) << 32 | pairs.max(axis=1)
