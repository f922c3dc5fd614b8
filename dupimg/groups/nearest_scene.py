"""Find the scene with the highest mean cosine to a new vector.

The mean cosine of a vector to unit vectors is its dot product with their mean.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dupimg.search.rows import Rows, unit_rows
from dupimg.search.similarity import TOLERANCE

# Rows, scenes and queries in memory at once: 10 MiB of 1280 float64 columns for each.
_AT_ONCE = 1024


def nearest_scene(
    queries: NDArray, vectors: NDArray, labels: NDArray[np.int64], threshold: float
) -> NDArray[np.int64]:
    """Return the scene with the highest mean cosine to each query.

    Parameters
    ----------
    queries : ndarray of shape (m, d), float32 or float64
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any norm but zero, like those of `queries`.
    labels : ndarray of shape (n,), int64
        The scene of each vector, numbered from 0.
    threshold : float
        The lowest mean cosine, inclusive.

    Returns
    -------
    ndarray of shape (m,), int64
        The smaller label on a tie; -1 if no scene reaches the threshold.

    Examples
    --------
    >>> vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    >>> nearest_scene(np.array([[3.0, 4.0], [-1.0, 0.0]]), vectors, np.array([0, 1, 1]), 0.8)
    array([ 1, -1])
    """
    new = Rows.of(queries)
    best = np.full(len(new), -np.inf)
    scenes = np.full(len(new), -1)
    for first, means in _scene_means(Rows.of(vectors), labels):
        for start in range(0, len(new), _AT_ONCE):
            some = slice(start, start + _AT_ONCE)
            rows = new.load(some)
            cosines = unit_rows(rows.vectors, rows.squares) @ means.T
            highest = cosines.max(axis=1)
            # Means that only differ by rounding are a tie; the smaller label wins.
            label = first + (cosines >= highest[:, None] - TOLERANCE).argmax(axis=1)
            better = highest > best[some] + TOLERANCE
            best[some] = np.where(better, highest, best[some])
            scenes[some] = np.where(better, label, scenes[some])
    return np.where(best >= threshold - TOLERANCE, scenes, -1)


def _scene_means(
    data: Rows, labels: NDArray[np.int64]
) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Yield batches of scene means (of unit rows), each with its first label."""
    by_label = np.argsort(labels, kind="stable")
    sizes = np.bincount(labels)
    ends = np.cumsum(sizes)
    for first in range(0, len(sizes), _AT_ONCE):
        last = min(first + _AT_ONCE, len(sizes))
        sums = np.zeros((last - first, data.n_features))
        for start in range(ends[first] - sizes[first], ends[last - 1], _AT_ONCE):
            rows = by_label[start : min(start + _AT_ONCE, ends[last - 1])]
            unit = unit_rows(data.vectors[rows], data.squares[rows])
            names, starts = np.unique(labels[rows], return_index=True)
            sums[names - first] += np.add.reduceat(unit, starts, axis=0)
        yield first, sums / sizes[first:last, None]
