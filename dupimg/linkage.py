"""Agglomerative clustering of vectors by cosine, cut at a threshold.

Up to a few thousand vectors, from the matrix of their distances. Beyond, average linkage needs
no matrix: the mean cosine of two clusters of unit vectors is the dot product of their means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy

from dupimg.blocks import thread_pools
from dupimg.similarity import TOLERANCE, connected_groups
from dupimg.vectors import squared_norms, unit_rows

LINKAGES = ("average", "complete", "single")

# SciPy works on a copy of the n² / 2 float64 distances: together 2 GiB for this many rows.
LARGEST_MATRIX_ROWS = 16_384

# Rows whose products with all others are formed at once: BLAS is at full speed from a few
# hundred on.
_BLOCK_ROWS = 512


def cut_linkage(
    vectors: NDArray,
    threshold: float,
    *,
    linkage: str = "average",
    largest_matrix_rows: int | None = None,
) -> NDArray[np.int64]:
    """Cluster vectors agglomeratively and cut the tree at a cosine of `threshold`.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero, n at least 2.
    threshold : float
        Clusters merge while their average (or lowest, or highest) cosine is at least this.
    linkage : {"average", "complete", "single"}, default="average"
        Which cosine of two clusters counts.
    largest_matrix_rows : int, optional
        Number of rows up to which all distances are held in memory. By default
        ``LARGEST_MATRIX_ROWS``.

    Returns
    -------
    ndarray of shape (n,), int64
        The cluster of every row, in no particular numbering.

    Raises
    ------
    ValueError
        If there are more rows than that, and the linkage is not "average".

    Examples
    --------
    >>> cut_linkage(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 0.9).tolist()
    [1, 2, 1]
    """
    n_rows = len(vectors)
    largest_matrix_rows = largest_matrix_rows or LARGEST_MATRIX_ROWS
    if n_rows <= largest_matrix_rows:
        tree = hierarchy.linkage(condensed_cosine_distances(vectors), method=linkage)
        return hierarchy.fcluster(tree, 1 - threshold + TOLERANCE, criterion="distance").astype(
            np.int64
        )
    if linkage == "average":
        return average_linkage(vectors, threshold)
    raise ValueError(
        f"Got a group of {n_rows} photos that similar pairs connect, expected at most "
        f"{largest_matrix_rows} for linkage={linkage!r}: their distances take "
        f"{8 * n_rows**2 / 2**30:.1f} GiB. Use linkage='average' or a higher threshold."
    )


def condensed_cosine_distances(vectors: NDArray) -> NDArray[np.float64]:
    """Return 1 - cosine of all pairs in the order of `scipy.spatial.distance.pdist`.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64

    Returns
    -------
    ndarray of shape (n * (n - 1) / 2,), float64
        At least 0. The same bits whatever the number of threads, so that ties stay ties.

    Examples
    --------
    >>> condensed_cosine_distances(np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 4.0]])).round(3)
    array([1. , 0.4, 0.2])
    """
    n_rows = len(vectors)
    unit = unit_rows(vectors, squared_norms(vectors))
    distances = np.empty(n_rows * (n_rows - 1) // 2)
    done = 0
    with thread_pools().limit(limits=1, user_api="blas"):
        for start in range(0, n_rows, _BLOCK_ROWS):
            products = unit[start : start + _BLOCK_ROWS] @ unit[start:].T
            for k, row in enumerate(products, start=1):
                distances[done : done + len(row) - k] = row[k:]
                done += len(row) - k
    np.subtract(1.0, distances, out=distances)
    return np.maximum(distances, 0.0, out=distances)


def chained_linkage(vectors: NDArray, threshold: float, link_threshold: float) -> NDArray[np.int64]:
    """Join what strong links connect, then go on by average linkage.

    Average linkage alone tears scenes of many views apart, whose ends have nothing in common;
    single linkage alone runs unrelated photos together as soon as there are many.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    threshold : float
        Clusters merge while the mean cosine between their members is at least this.
    link_threshold : float
        Rows with at least this cosine share a cluster, and so do chains of them; at least
        `threshold`.

    Returns
    -------
    ndarray of shape (n,), int64
        The cluster of every row, in no particular numbering.

    Examples
    --------
    >>> angles = np.radians([0, 30, 60, 90, 140])
    >>> vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> chained_linkage(vectors, 0.7, 0.85).tolist()
    [0, 0, 0, 0, 1]
    >>> average_linkage(vectors, 0.7).tolist()
    [4, 2, 2, 1, 0]
    """
    linked = connected_groups(vectors, link_threshold)
    return average_linkage(vectors, threshold, linked) if linked.any() else linked


def average_linkage(
    vectors: NDArray, threshold: float, linked: NDArray[np.int64] | None = None
) -> NDArray[np.int64]:
    """Cluster by average linkage, cut at a mean cosine of `threshold`, without a matrix.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    threshold : float
        Clusters merge while the mean cosine between their members is at least this.
    linked : ndarray of shape (n,), int64, optional
        Clusters to begin with, numbered from 0. By default identical rows.

    Returns
    -------
    ndarray of shape (n,), int64
        The cluster of every row, in no particular numbering.

    Notes
    -----
    The nearest-neighbour chain algorithm (Murtagh 1983), many chains at a time: look up the
    nearest of some clusters, then the nearest of these, and merge all pairs that are each
    other's nearest. Average linkage is reducible: a merged cluster is no nearer to a third one
    than the nearer of its parts. So this builds the same tree as one merge at a time, what is
    nearest stays nearest until it merges itself, and a cluster whose nearest is below the
    threshold is final.

    Takes about 3 n products of a vector with all clusters left, grouped into matrix products,
    and 16 bytes for each number in `vectors`.

    Examples
    --------
    >>> average_linkage(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 0.9).tolist()
    [1, 0, 1]
    """
    if linked is None:
        # Identical rows merge first anyway, and as ties they would merge one by one.
        rows, linked, sizes = np.unique(vectors, axis=0, return_inverse=True, return_counts=True)
        clusters = _Clusters(unit_rows(rows, squared_norms(rows)), sizes)
    else:
        clusters = _Clusters(*_means(vectors, linked))
    while len(clusters.names):
        clusters.extend_chains()
        clusters.merge(threshold - TOLERANCE)
    return clusters.labels[linked.ravel()]


def _means(
    vectors: NDArray, labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean of the unit rows of each label, and how many they are."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    rows = vectors[order]
    sums = np.add.reduceat(unit_rows(rows, squared_norms(rows)), np.cumsum(sizes) - sizes, axis=0)
    return sums / sizes[:, None], sizes


class _Clusters:
    """The clusters that may still merge, and the nearest of each as far as it is known."""

    def __init__(self, means: NDArray[np.float64], sizes: NDArray[np.int64]) -> None:
        n_rows = len(means)
        self.labels = np.arange(n_rows)  # the name of the cluster of every row
        self.names = np.arange(n_rows)
        self.means = means
        self.sizes = sizes
        self.nearest = np.full(n_rows, -1)
        self.cosine = np.full(n_rows, -np.inf)

    def extend_chains(self) -> None:
        """Find the nearest of the clusters at the ends of the chains, or start new chains."""
        unknown = self.nearest < 0
        ends = np.unique(self.nearest[~unknown])
        ends = ends[unknown[ends]]
        if not ends.size:
            ends = np.flatnonzero(unknown)
        ends = ends[:_BLOCK_ROWS]
        products = self.means[ends] @ self.means.T
        products[np.arange(len(ends)), ends] = -np.inf
        self.nearest[ends] = products.argmax(axis=1)
        self.cosine[ends] = products.max(axis=1)

    def merge(self, accepted: float) -> None:
        """Merge the pairs that are each other's nearest, and drop the clusters that are final."""
        places = np.arange(len(self.names))
        known = self.nearest >= 0
        final = known & (self.cosine < accepted)
        mutual = known & ~final & (self.nearest[self.nearest] == places)
        left = np.flatnonzero(mutual & (places < self.nearest))
        if known.all() and not final.any() and not left.size:
            # Only rounding can close a chain of equal cosines to a ring of more than two.
            left = np.array([self.cosine.argmax()])
        right = self.nearest[left]
        self._unite(left, right)
        final[right] = True
        changed = final.copy()
        changed[left] = True
        self.nearest[changed[self.nearest] | changed] = -1
        self._drop(final)

    def _unite(self, left: NDArray[np.int64], right: NDArray[np.int64]) -> None:
        """Let the clusters `left` take in the clusters `right`."""
        sizes = self.sizes[left] + self.sizes[right]
        share = (self.sizes[right] / sizes)[:, None]
        self.means[left] += share * (self.means[right] - self.means[left])
        self.sizes[left] = sizes
        renamed = np.arange(len(self.labels))
        renamed[self.names[right]] = self.names[left]
        self.labels = renamed[self.labels]

    def _drop(self, dropped: NDArray[np.bool_]) -> None:
        """Forget clusters; those at the end move into the holes, which spares a copy of all."""
        n_left = np.count_nonzero(~dropped)
        holes = np.flatnonzero(dropped[:n_left])
        movers = n_left + np.flatnonzero(~dropped[n_left:])
        places = np.arange(len(dropped))
        places[movers] = holes
        self.nearest = np.where(self.nearest < 0, -1, places[self.nearest])
        for name in ("names", "means", "sizes", "nearest", "cosine"):
            array = getattr(self, name)
            array[holes] = array[movers]
            setattr(self, name, array[:n_left])
