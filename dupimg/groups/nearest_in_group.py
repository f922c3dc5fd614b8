"""How alike each photo is to the nearest of those that it may share a scene with."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dupimg.search.similarity import cosine_graph, cosine_neighbours


def nearest_in_group(
    vectors: NDArray,
    groups: ArrayLike | None = None,
    *,
    known: NDArray[np.float64] | None = None,
    **options: Any,
) -> NDArray[np.float64]:
    """Return the highest cosine of every row to any other row of its group.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    groups : array-like of shape (n,), optional
        By default all rows are of one group.
    known : ndarray of shape (n,), float64, optional
        The answer for those rows that are not NaN, had they been alone; only NaN rows are compared
        with all. By default all are.
    **options
        See `dupimg.search.similarity.cosine_graph`.

    Returns
    -------
    ndarray of shape (n,), float64
        NaN for the only row of a group.

    Examples
    --------
    >>> vectors = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
    >>> nearest_in_group(vectors).round(3)
    array([0.6, 0.8, 0.8])
    >>> nearest_in_group(vectors, ["a", "a", "b"]).round(3)
    array([0.6, 0.6, nan])
    """
    nearest = np.full(len(vectors), np.nan) if known is None else known.copy()
    if groups is None:
        return _nearest(vectors, nearest, options)
    _, labels = np.unique(np.asarray(groups), return_inverse=True)
    for label in range(labels.max(initial=-1) + 1):
        rows = np.flatnonzero(labels == label)
        nearest[rows] = _nearest(vectors[rows], nearest[rows], options)
    return nearest


def _nearest(
    vectors: NDArray, known: NDArray[np.float64], options: dict[str, Any]
) -> NDArray[np.float64]:
    """Return the highest cosine of every row of a group to any other."""
    new = np.isnan(known)
    if not new.any():
        return known
    if new.all():
        return cosine_graph(vectors, 1.0, **options).nearest_cosine
    nearest = known.copy()
    nearest[new] = cosine_graph(vectors[new], 1.0, **options).nearest_cosine
    across = cosine_neighbours(vectors[new], vectors[~new], 1.0, **options)
    nearest[new] = np.fmax(nearest[new], across.query_nearest_cosine)
    nearest[~new] = np.fmax(nearest[~new], across.vector_nearest_cosine)
    return nearest
