"""Find the most similar row of each row within its group."""

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
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the highest cosine of every row to any other row of its group, and that row.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    groups : array-like of shape (n,), optional
        By default all rows form one group.
    known : ndarray of shape (n,), float64, optional
        The highest cosines among all rows that are not NaN here; only NaN rows are compared with
        all. By default all are NaN.
    **options
        See `dupimg.search.similarity.cosine_graph`.

    Returns
    -------
    cosines : ndarray of shape (n,), float64
        NaN for the only row of a group.
    rows : ndarray of shape (n,), int64
        -1 for the only row of a group, and if `known` still holds.

    Examples
    --------
    >>> vectors = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])
    >>> cosines, rows = nearest_in_group(vectors)
    >>> cosines.round(3), rows
    (array([0.6, 0.8, 0.8]), array([1, 2, 1]))
    >>> nearest_in_group(vectors, ["a", "a", "b"])[0].round(3)
    array([0.6, 0.6, nan])
    """
    nearest = np.full(len(vectors), np.nan) if known is None else known.copy()
    if groups is None:
        return _nearest(vectors, nearest, options)
    which = np.full(len(vectors), -1)
    _, labels = np.unique(np.asarray(groups), return_inverse=True)
    for label in range(labels.max(initial=-1) + 1):
        rows = np.flatnonzero(labels == label)
        nearest[rows], found = _nearest(vectors[rows], nearest[rows], options)
        which[rows] = np.where(found < 0, -1, rows[found])
    return nearest, which


def _nearest(
    vectors: NDArray, known: NDArray[np.float64], options: dict[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the highest cosine of every row of one group to any other, and that row."""
    new = np.isnan(known)
    if not new.any():
        return known, np.full(len(known), -1)
    if new.all():
        graph = cosine_graph(vectors, 1.0, **options)
        return graph.nearest_cosine, graph.nearest_index
    new_rows, old_rows = np.flatnonzero(new), np.flatnonzero(~new)
    nearest, which = known.copy(), np.full(len(known), -1)
    among = cosine_graph(vectors[new], 1.0, **options)
    nearest[new] = among.nearest_cosine
    which[new] = np.where(among.nearest_index < 0, -1, new_rows[among.nearest_index])
    across = cosine_neighbours(vectors[new], vectors[~new], 1.0, **options)
    for here, there, cosine, index in (
        (new_rows, old_rows, across.query_nearest_cosine, across.query_nearest_index),
        (old_rows, new_rows, across.vector_nearest_cosine, across.vector_nearest_index),
    ):
        higher = ~(cosine <= nearest[here])
        nearest[here] = np.fmax(nearest[here], cosine)
        which[here[higher]] = there[index[higher]]
    return nearest, which
