"""Separate rows that must not share a scene, by the user's decision or by a rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.linkage import joined_labels
from dupimg.search.rows import squared_norms, unit_rows


def check_links(must: NDArray[np.int64], cannot: NDArray[np.int64], n_rows: int) -> None:
    """Raise an error if the links contradict each other.

    Raises
    ------
    ValueError
        A chain of `must` leads from one row of a pair of `cannot` to the other.
    """
    if not len(cannot):
        return
    joined = joined_labels(np.arange(n_rows), must)
    contradicted = cannot[joined[cannot[:, 0]] == joined[cannot[:, 1]]]
    if len(contradicted):
        i, j = contradicted[0].tolist()
        raise ValueError(
            f"Got the pair ({i}, {j}) in cannot_link, although must_link joins its rows, expected "
            "pairs that do not contradict each other. Leave one of them out."
        )


def part(
    vectors: NDArray, must: NDArray[np.int64], cannot: NDArray[np.int64], threshold: float
) -> NDArray[np.int64]:
    """Recluster the rows of one scene by average linkage, without joining rows of `cannot`.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any norm but zero.
    must : ndarray of shape (n_must, 2), int64
        Pairs of rows that must share a cluster.
    cannot : ndarray of shape (n_cannot, 2), int64
        Pairs of rows that must not.
    threshold : float
        Clusters merge while the mean cosine between their members is at least this.

    Returns
    -------
    ndarray of shape (n,), int64
        The cluster of every row, numbered arbitrarily.

    Notes
    -----
    Constrained agglomerative clustering (Davidson and Ravi 2005): the pair of clusters with the
    highest mean cosine that may merge does. Takes a matrix of all pairs.
    """
    labels = joined_labels(np.arange(len(vectors)), must)
    _, labels = np.unique(labels, return_inverse=True)
    unit = unit_rows(vectors, squared_norms(vectors))
    sizes = np.bincount(labels).astype(float)
    sums = np.zeros((len(sizes), vectors.shape[1]))
    np.add.at(sums, labels, unit)
    means = sums / sizes[:, None]
    cosines = means @ means.T
    np.fill_diagonal(cosines, -np.inf)
    first, second = labels[cannot].T
    cosines[first, second] = cosines[second, first] = -np.inf
    names = np.arange(len(sizes))
    while True:
        i, j = np.unravel_index(cosines.argmax(), cosines.shape)
        if cosines[i, j] < threshold:
            return names[labels]
        merged = (sizes[i] * cosines[i] + sizes[j] * cosines[j]) / (sizes[i] + sizes[j])
        merged[[i, j]] = -np.inf
        cosines[i] = cosines[:, i] = merged
        cosines[j] = cosines[:, j] = -np.inf
        sizes[i] += sizes[j]
        names[names == j] = i
