"""Exact cosine similarity of many vectors, block by block.

This is the one place that knows the threshold convention: two vectors are similar if their
cosine is at least the threshold, decided in float64 from the vectors as they were given.
Float32 matrix products only propose candidates, and with a margin that never misses one. So
the results depend neither on the block size nor on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from dupimg.vectors import cosine_blocks, pair_cosines, rounding_margin, squared_norms

# A pair that is mathematically at the threshold must count although its cosine is computed in
# floating point. A float64 cosine of d terms is off by at most about d * 1.1e-16, so this
# holds up to d = 18,000, and no embedding tells photos apart at the twelfth digit.
TOLERANCE = 2e-12

Progress = Callable[[int], object]

# Told the rows i[k] and j[k] of candidate pairs and their cosines, answers which pairs count.
Select = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], NDArray[np.bool_]]


@dataclass(frozen=True)
class CosineGraph:
    """All pairs of rows with a cosine of at least a threshold.

    Parameters
    ----------
    pairs : csr_array of shape (n, n), float64
        The cosine of every pair at or above the threshold, in [-1, 1]. Symmetric, indices
        sorted, nothing on the diagonal.
    nearest_cosine : ndarray of shape (n,), float64
        The highest cosine of every row to any other row, whether or not it reaches the
        threshold; NaN if there is only one row.
    nearest_index : ndarray of shape (n,), int64
        The row with that cosine, the first one on a tie; -1 if there is only one row.
    """

    pairs: csr_array
    nearest_cosine: NDArray[np.float64]
    nearest_index: NDArray[np.int64]


def check_threshold(threshold: float, name: str = "threshold") -> None:
    """Raise an error that calls it `name` unless `threshold` is a number in (0, 1].

    Raises
    ------
    TypeError
        If it is no real number.
    ValueError
        If it lies outside (0, 1].

    Examples
    --------
    >>> check_threshold(95)
    Traceback (most recent call last):
    ...
    ValueError: Got threshold=95, expected a cosine similarity in (0, 1], such as 0.95.
    """
    expected = "expected a cosine similarity in (0, 1], such as 0.95."
    if not isinstance(threshold, Real) or isinstance(threshold, bool):
        raise TypeError(f"Got {name}={threshold!r}, {expected}")
    if not 0 < threshold <= 1:
        raise ValueError(f"Got {name}={threshold!r}, {expected}")


def cosine_graph(
    vectors: NDArray,
    threshold: float,
    *,
    select: Select | None = None,
    memory: int | None = None,
    progress: Progress | None = None,
) -> CosineGraph:
    """Find every pair of rows with a cosine of at least `threshold`.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    threshold : float
        Cosine similarity in (0, 1], inclusive.
    select : callable, optional
        Given rows i and j of pairs that reach the threshold and their cosines, tells which of
        the pairs are to be kept. By default all.
    memory : int, optional
        Bytes that the search may take beside `vectors` and its result. By default the
        ``working_memory`` of `sklearn.set_config` (1 GiB). It does not change the result.
    progress : callable, optional
        Called after every block with the number of pairs compared in it, n * (n - 1) / 2 in
        all: the `update` of a tqdm bar.

    Returns
    -------
    CosineGraph

    Raises
    ------
    ValueError
        If a row is zero or not finite, or the threshold is outside (0, 1].

    Notes
    -----
    Takes the time of the float32 matrix products of n * n / 2 pairs, plus about 1.5 µs
    for every pair that is found or may be the nearest of a row.

    Examples
    --------
    >>> graph = cosine_graph(np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]]), 0.8)
    >>> graph.pairs.toarray().round(3)
    array([[0. , 0. , 0. ],
           [0. , 0. , 0.8],
           [0. , 0.8, 0. ]])
    >>> graph.nearest_cosine.round(3), graph.nearest_index
    (array([0.6, 0.8, 0.8]), array([1, 2, 1]))
    """
    check_threshold(threshold)
    squares = squared_norms(vectors)
    margin = rounding_margin(vectors.shape[1])
    accepted = threshold - TOLERANCE
    nearest = _Nearest(len(vectors))
    found = []
    for rows, columns, products in cosine_blocks(vectors, squares, memory):
        row_limit = np.minimum(nearest.limit(rows, products.max(axis=1), margin), accepted)
        column_limit = np.minimum(nearest.limit(columns, products.max(axis=0), margin), accepted)
        mask = products >= (row_limit - margin).astype(np.float32)[:, None]
        mask |= products >= (column_limit - margin).astype(np.float32)
        i, j = _upper_pairs(mask, rows, columns)
        cosines = pair_cosines(vectors, squares, i, j)
        nearest.update(i, j, cosines)
        similar = cosines >= accepted
        i, j, cosines = i[similar], j[similar], cosines[similar]
        if select is not None:
            wanted = select(i, j, cosines)
            i, j, cosines = i[wanted], j[wanted], cosines[wanted]
        found.append((i, j, cosines))
        _advance(progress, rows, columns)
    nearest_cosine = np.where(nearest.index < 0, np.nan, nearest.cosine)
    return CosineGraph(_symmetric(found, len(vectors)), nearest_cosine, nearest.index)


def connected_groups(
    vectors: NDArray,
    threshold: float,
    *,
    memory: int | None = None,
    progress: Progress | None = None,
) -> NDArray[np.int64]:
    """Find the connected components of the graph of `cosine_graph`, without its pairs.

    Rows share a component if a chain of pairs with a cosine of at least `threshold` leads from
    one to the other.

    Parameters
    ----------
    vectors, threshold, memory, progress
        As in `cosine_graph`.

    Returns
    -------
    ndarray of shape (n,), int64
        The component of every row, numbered from 0 in the order of their first rows.

    Raises
    ------
    ValueError
        If a row is zero or not finite, or the threshold is outside (0, 1].

    Notes
    -----
    Only pairs that join two components are looked at, so a component of 50,000 rows with a
    billion pairs takes no more memory than one with 50,000.

    Examples
    --------
    >>> connected_groups(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 0.9)
    array([0, 1, 0])
    """
    check_threshold(threshold)
    squares = squared_norms(vectors)
    margin = rounding_margin(vectors.shape[1])
    accepted = threshold - TOLERANCE
    groups = np.arange(len(vectors))
    for rows, columns, products in cosine_blocks(vectors, squares, memory):
        mask = products >= np.float32(accepted - margin)
        if mask.any():
            mask &= groups[rows, None] != groups[columns]
            i, j = _upper_pairs(mask, rows, columns)
            sure = products[i - rows.start, j - columns.start] > np.float32(accepted + margin)
            groups = _join(groups, i[sure], j[sure])
            apart = groups[i] != groups[j]
            i, j = i[apart], j[apart]
            similar = pair_cosines(vectors, squares, i, j) >= accepted
            groups = _join(groups, i[similar], j[similar])
        _advance(progress, rows, columns)
    return number_by_first_row(groups)


def number_by_first_row(labels: NDArray[np.integer]) -> NDArray[np.int64]:
    """Renumber labels from 0 in the order in which they first appear.

    Examples
    --------
    >>> number_by_first_row(np.array([7, 3, 7, 5]))
    array([0, 1, 0, 2])
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


class _Nearest:
    """The nearest of all rows seen so far, for every row."""

    def __init__(self, n_rows: int) -> None:
        self.cosine = np.full(n_rows, -np.inf)
        self.index = np.full(n_rows, -1, dtype=np.int64)

    def limit(self, rows: slice, best: NDArray[np.float32], margin: float) -> NDArray[np.float64]:
        """Return what the true cosine of a nearer row cannot fall below."""
        return np.maximum(best.astype(np.float64) - margin, self.cosine[rows])

    def update(self, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
        """Take in pairs of rows; the first row wins a tie."""
        before = self.cosine.copy()
        np.maximum.at(self.cosine, i, cosines)
        np.maximum.at(self.cosine, j, cosines)
        self.index[self.cosine != before] = len(self.index)
        for row, other in ((i, j), (j, i)):
            ties = cosines == self.cosine[row]
            np.minimum.at(self.index, row[ties], other[ties])


def _upper_pairs(mask: NDArray[np.bool_], rows: slice, columns: slice) -> tuple[NDArray, NDArray]:
    """Return the masked pairs of a block as row numbers i < j."""
    # Fifteen times as fast as nonzero on a matrix.
    i, j = np.divmod(np.flatnonzero(mask), mask.shape[1])
    i += rows.start
    j += columns.start
    if rows != columns:
        return i, j
    upper = i < j
    return i[upper], j[upper]


def _advance(progress: Progress | None, rows: slice, columns: slice) -> None:
    """Report the pairs of a block as done."""
    if progress is not None:
        n_rows, n_columns = rows.stop - rows.start, columns.stop - columns.start
        progress(n_rows * (n_rows - 1) // 2 if rows == columns else n_rows * n_columns)


def _symmetric(found: list[tuple[NDArray, NDArray, NDArray]], n_rows: int) -> csr_array:
    """Return the pairs i < j, and their mirror images, as a matrix."""
    i, j, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
    mirrored = (np.concatenate([i, j]), np.concatenate([j, i]))
    return coo_array((np.concatenate([cosines, cosines]), mirrored), shape=(n_rows, n_rows)).tocsr()


def _join(groups: NDArray[np.int64], i: NDArray, j: NDArray) -> NDArray[np.int64]:
    """Unite the groups of the rows `i[k]` and `j[k]` for every k."""
    if not len(i):
        return groups
    edges = coo_array((np.ones(len(i), bool), (groups[i], groups[j])), shape=(len(groups),) * 2)
    _, united = connected_components(edges, directed=False)
    return united[groups].astype(np.int64, copy=False)
