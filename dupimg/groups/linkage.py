"""Agglomerative clustering of vectors by cosine, cut at a threshold.

Up to a few thousand vectors, the matrix of their distances is used. Beyond, average linkage needs
no matrix: the mean cosine of two clusters of unit vectors is the dot product of their means.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.cluster import hierarchy
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dupimg.groups.mean_linkage import Clusters
from dupimg.search.blocks import LARGEST_BLOCK_ROWS, thread_pools
from dupimg.search.rows import squared_norms, unit_rows
from dupimg.search.similarity import TOLERANCE, connected_groups

# SciPy works on a copy of the n² / 2 float64 distances: together 2 GiB for this many rows.
LARGEST_MATRIX_ROWS = 16_384

# From this number of rows on average linkage is faster without a matrix.
_LARGEST_MATRIX_OF_AVERAGES = 4096

# Memory and jobs for a single block, which takes less time than looking up the free memory.
_ONE_BLOCK = (2**28, 1)

# Rows to multiply with all others at once.
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
        Which cosine between two clusters counts: the average, the lowest or the highest.
    largest_matrix_rows : int, optional
        Largest number of rows for a matrix of all distances. By default ``LARGEST_MATRIX_ROWS``.

    Returns
    -------
    ndarray of shape (n,), int64
        The cluster of every row, in no particular numbering.

    Raises
    ------
    ValueError
        If there are more rows and the linkage is not "average".

    Examples
    --------
    >>> cut_linkage(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 0.9).tolist()
    [1, 2, 1]
    """
    n_rows = len(vectors)
    largest_matrix_rows = largest_matrix_rows or LARGEST_MATRIX_ROWS
    most = largest_matrix_rows if linkage != "average" else _LARGEST_MATRIX_OF_AVERAGES
    if n_rows <= min(most, largest_matrix_rows):
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


def chained_linkage(
    vectors: NDArray,
    threshold: float,
    link_threshold: float,
    links: NDArray[np.int64] | None = None,
) -> NDArray[np.int64]:
    """Join rows by strong links, then continue with average linkage.

    Average linkage alone splits scenes of many views whose ends have nothing in common; single
    linkage alone joins unrelated photos as soon as there are many.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    threshold : float
        Clusters merge while the mean cosine between their members is at least this.
    link_threshold : float
        Rows with at least this cosine share a cluster, and so do chains of them; not below
        `threshold`.
    links : ndarray of shape (k, 2), int64, optional
        Pairs of rows that share a cluster whatever their cosine.

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
    small = len(vectors) <= LARGEST_BLOCK_ROWS
    memory, n_jobs = _ONE_BLOCK if small else (None, None)
    linked = connected_groups(vectors, link_threshold, memory=memory, n_jobs=n_jobs)
    if links is not None:
        linked = joined_labels(linked, links)
    return average_linkage(vectors, threshold, linked) if linked.any() else linked


def joined_labels(labels: NDArray[np.int64], links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Merge the labels of linked rows."""
    if not len(links):
        return labels
    n_labels = int(labels.max()) + 1
    ones = np.ones(len(links))
    graph = coo_array((ones, (labels[links[:, 0]], labels[links[:, 1]])), (n_labels, n_labels))
    return connected_components(graph, directed=False)[1].astype(np.int64)[labels]


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
        Initial clusters, numbered from 0. By default identical rows are joined.

    Returns
    -------
    ndarray of shape (n,), int64
        The cluster of every row, in no particular numbering.

    Notes
    -----
    See `dupimg.groups.mean_linkage.Clusters`. Takes about 3 n products of a vector with all
    remaining clusters, in float32 and mostly as matrix products, and memory for a copy of `vectors`
    plus 12 bytes for each of their numbers.

    Examples
    --------
    >>> average_linkage(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 0.9).tolist()
    [1, 0, 1]
    """
    if linked is None:
        # Identical rows merge first anyway, but as ties they would do so one by one.
        vectors, linked, sizes = np.unique(vectors, axis=0, return_inverse=True, return_counts=True)
        means = unit_rows(vectors, squared_norms(vectors))
    else:
        means, sizes = _means(vectors, linked)
    clusters = Clusters(means, sizes, threshold - TOLERANCE)
    while len(clusters.names):
        clusters.extend_chains()
        clusters.merge()
    return clusters.labels[linked.ravel()]


def _means(
    vectors: NDArray, labels: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean and the number of the unit rows of each label."""
    order = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    rows = vectors[order]
    sums = np.add.reduceat(unit_rows(rows, squared_norms(rows)), np.cumsum(sizes) - sizes, axis=0)
    return sums / sizes[:, None], sizes
