"""Average linkage without a matrix of distances.

The mean cosine of two clusters of unit vectors is the dot product of their means, so a mean for
each cluster is all that is stored.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dupimg.search.rows import paired_dots, rounding_margin

# Clusters to look up at once: BLAS is at full speed from a few hundred on.
_BLOCK_ROWS = 512

# A single candidate in float64 takes as long as this many in a matrix product.
_PAIR_COST = 64


class Clusters:
    """The clusters that may still merge, with their nearest clusters as far as known.

    The nearest-neighbour chain algorithm (Murtagh 1983), with many chains at once: look up the
    nearest of some clusters, then the nearest of these, and merge all pairs that are each
    other's nearest. Average linkage is reducible: a merged cluster is no nearer to a third one
    than the nearer of its parts. So the tree is the same as with one merge at a time, a nearest
    cluster stays the nearest until it merges itself, and a cluster whose nearest is below the
    threshold is final.

    Parameters
    ----------
    means : ndarray of shape (n, d), float64
        The mean of the unit vectors of each cluster; modified in place.
    sizes : ndarray of shape (n,), int64
        The number of vectors of each cluster.
    accepted : float
        Clusters merge while the dot product of their means is at least this.

    Attributes
    ----------
    names : ndarray of shape (n_left,), int64
        The clusters that may still merge.
    """

    def __init__(
        self, means: NDArray[np.float64], sizes: NDArray[np.int64], accepted: float
    ) -> None:
        n_rows, n_features = means.shape
        self.names = np.arange(n_rows)
        self._accepted = accepted
        self._margin = rounding_margin(n_features)
        self._parents = np.arange(n_rows)  # the cluster that absorbed each one
        self._means = means
        self._sizes = sizes
        self._rounded = means.astype(np.float32)
        self._nearest = np.full(n_rows, -1)
        self._cosine = np.full(n_rows, -np.inf)
        self._n_looked_up = 0

    @property
    def labels(self) -> NDArray[np.int64]:
        """The cluster of each initial one; final when `names` is empty."""
        labels = self._parents
        while not np.array_equal(above := labels[labels], labels):
            labels = above
        return labels

    def extend_chains(self) -> None:
        """Find the nearest clusters of the chain ends, or start new chains."""
        unknown = self._nearest < 0
        is_end = np.zeros(len(unknown), bool)
        is_end[self._nearest[~unknown]] = True
        ends = np.flatnonzero(is_end & unknown)
        # Look up others as well, since few rows take as long as many. But if one cluster is the
        # nearest of most, they must be looked up again after each merge.
        n_settled = len(self._parents) - len(self.names)
        if not ends.size or self._n_looked_up <= len(self._parents) + 2 * n_settled:
            ends = np.append(ends, np.flatnonzero(unknown & ~is_end))
        ends = ends[:_BLOCK_ROWS]
        self._n_looked_up += len(ends)
        self._look_up(ends)

    def merge(self) -> None:
        """Merge the pairs that are each other's nearest, and drop final clusters."""
        places = np.arange(len(self.names))
        known = self._nearest >= 0
        final = known & (self._cosine < self._accepted)
        mutual = known & ~final & (self._nearest[self._nearest] == places)
        left = np.flatnonzero(mutual & (places < self._nearest))
        if known.all() and not final.any() and not left.size:
            # Only by rounding can a chain of equal cosines form a ring of more than two.
            left = np.array([self._cosine.argmax()])
        right = self._nearest[left]
        self._unite(left, right)
        final[right] = True
        changed = final.copy()
        changed[left] = True
        self._nearest[changed[self._nearest] | changed] = -1
        self._drop(final)

    def _look_up(self, ends: NDArray[np.int64]) -> None:
        """Find the nearest of some clusters that are near enough to merge."""
        products, margin = self._multiply(ends), self._margin
        mask = self._may_be_nearest(products, margin)
        if np.count_nonzero(mask) * _PAIR_COST > mask.size:
            # As in `rounding_margin`, with the unit roundoff of float64.
            products, margin = self._means[ends] @ self._means.T, 2.0**-53 * self._means.shape[1]
            products[np.arange(len(ends)), ends] = -np.inf
            mask = self._may_be_nearest(products, 1.01 * margin + 2.0**-50)
        self._decide(ends, *np.divmod(np.flatnonzero(mask), mask.shape[1]))

    def _may_be_nearest(self, products: NDArray, margin: float) -> NDArray[np.bool_]:
        best = products.max(axis=1).astype(np.float64) - margin
        limit = np.maximum(best, self._accepted) - margin
        return products >= limit.astype(products.dtype)[:, None]

    def _multiply(self, ends: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the products of some means with all means, accurate to the margin."""
        products = self._rounded[ends] @ self._rounded.T
        products[np.arange(len(ends)), ends] = -np.inf
        return products

    def _decide(self, ends: NDArray[np.int64], i: NDArray, j: NDArray) -> None:
        """Choose the nearest among candidates in float64, independent of the number of threads."""
        cosines = paired_dots(self._means, ends[i], j)
        best = np.full(len(ends), -np.inf)
        np.maximum.at(best, i, cosines)
        nearest = np.full(len(ends), len(self.names))
        ties = cosines == best[i]
        np.minimum.at(nearest, i[ties], j[ties])
        # A cluster without candidates is final, so its nearest does not matter.
        self._nearest[ends] = np.where(nearest < len(self.names), nearest, ends)
        self._cosine[ends] = best

    def _unite(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
        """Merge the clusters `right` into the clusters `left`."""
        sizes = self._sizes[left] + self._sizes[right]
        share = (self._sizes[right] / sizes)[:, None]
        means = self._means[left] + share * (self._means[right] - self._means[left])
        self._means[left] = self._rounded[left] = means
        self._sizes[left] = sizes
        self._parents[self.names[right]] = self.names[left]

    def _drop(self, dropped: NDArray[np.bool_]) -> None:
        """Drop clusters; move the last ones into the gaps, which avoids copying all."""
        n_left = np.count_nonzero(~dropped)
        holes = np.flatnonzero(dropped[:n_left])
        movers = n_left + np.flatnonzero(~dropped[n_left:])
        places = np.arange(len(dropped))
        places[movers] = holes
        self._nearest = np.where(self._nearest < 0, -1, places[self._nearest])
        for name in ("names", "_means", "_rounded", "_sizes", "_nearest", "_cosine"):
            array = getattr(self, name)
            array[holes] = array[movers]
            setattr(self, name, array[:n_left])
