"""Split scenes whose photos were taken too far apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dupimg.search.rows import squared_norms, unit_rows


def split_by_time(
    vectors: NDArray, seconds: NDArray[np.float64], max_seconds: float
) -> NDArray[np.int64]:
    """Split rows at the longest pauses until no two rows of a part are too far apart in time.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    seconds : ndarray of shape (n,), float64
        Times; a row with NaN joins the most similar row with a time.
    max_seconds : float
        Longest time between the first and the last row of a part.

    Returns
    -------
    ndarray of shape (n,), int64
        The part of every row, from 0 on.

    Examples
    --------
    >>> vectors = np.array([[1.0, 0], [1, 0], [1, 1], [2, 3]])
    >>> split_by_time(vectors, np.array([0, 50, 900, np.nan]), 600)
    array([0, 0, 1, 1])
    """
    timed = np.flatnonzero(~np.isnan(seconds))
    labels = np.zeros(len(seconds), dtype=np.int64)
    labels[timed] = _parts(seconds[timed], max_seconds)
    untimed = np.flatnonzero(np.isnan(seconds))
    if untimed.size and labels.any():
        unit = unit_rows(vectors, squared_norms(vectors))
        # Sorted by time, ties by part, so that the order of the rows does not matter.
        timed = timed[np.lexsort((labels[timed], seconds[timed]))]
        for row in untimed:
            cosines = np.einsum("kd,d->k", unit[timed], unit[row])
            labels[row] = labels[timed[cosines.argmax()]]
    return labels


def _parts(seconds: NDArray[np.float64], max_seconds: float) -> NDArray[np.int64]:
    order = np.argsort(seconds, kind="stable")
    ordered = seconds[order]
    pauses = np.diff(ordered)
    ends = []
    waiting = [(0, len(ordered) - 1)] if len(ordered) else []
    while waiting:
        first, last = waiting.pop()
        if ordered[last] - ordered[first] > max_seconds:
            middle = first + int(pauses[first:last].argmax())
            waiting += [(first, middle), (middle + 1, last)]
        else:
            ends.append(last)
    labels = np.empty(len(seconds), dtype=np.int64)
    labels[order] = np.searchsorted(np.sort(ends), np.arange(len(ordered)))
    return labels
