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

from dupimg.vectors import Rows, cosine_blocks, pair_cosines, rounding_margin

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


@dataclass(frozen=True)
class CosineNeighbours:
    """All pairs of a query and a vector with a cosine of at least a threshold.

    Parameters
    ----------
    pairs : csr_array of shape (m, n), float64
        The cosine of every pair at or above the threshold, in [-1, 1]; indices sorted.
    query_nearest_cosine : ndarray of shape (m,), float64
        The highest cosine of every query to any vector, whether or not it reaches the
        threshold; NaN if there are no vectors.
    query_nearest_index : ndarray of shape (m,), int64
        The vector with that cosine, the first one on a tie; -1 if there are no vectors.
    vector_nearest_cosine : ndarray of shape (n,), float64
        The highest cosine of every vector to any query; NaN if there are no queries.
    vector_nearest_index : ndarray of shape (n,), int64
        The query with that cosine, the first one on a tie; -1 if there are no queries.
    """

    pairs: csr_array
    query_nearest_cosine: NDArray[np.float64]
    query_nearest_index: NDArray[np.int64]
    vector_nearest_cosine: NDArray[np.float64]
    vector_nearest_index: NDArray[np.int64]


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
    data = Rows.of(vectors)
    nearest = _Nearest(len(data))
    found = []
    for rows, columns, products in cosine_blocks(data, memory=memory):
        mask = _candidates(products, threshold, nearest[rows], nearest[columns], vectors.shape[1])
        i, j = _upper_pairs(mask, rows, columns)
        cosines = pair_cosines(data, i, data, j)
        nearest.update(i, j, cosines)
        nearest.update(j, i, cosines)
        found.append(_similar(i, j, cosines, threshold, select))
        _advance(progress, _n_pairs(rows, columns))
    i, j, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
    both_ways = np.concatenate([i, j]), np.concatenate([j, i])
    pairs = coo_array((np.concatenate([cosines, cosines]), both_ways), shape=(len(data),) * 2)
    return CosineGraph(pairs.tocsr(), *nearest.result())


def cosine_neighbours(
    queries: NDArray,
    vectors: NDArray,
    threshold: float,
    *,
    memory: int | None = None,
    progress: Progress | None = None,
) -> CosineNeighbours:
    """Find every pair of a query and a vector with a cosine of at least `threshold`.

    Parameters
    ----------
    queries : ndarray of shape (m, d), float32 or float64
    vectors : ndarray of shape (n, d), float32 or float64
    threshold, memory
        As in `cosine_graph`.
    progress : callable, optional
        Called after every block with the number of pairs compared in it, m * n in all.

    Returns
    -------
    CosineNeighbours

    Raises
    ------
    ValueError
        If a row is zero or not finite, the queries have another number of columns than the
        vectors, or the threshold is outside (0, 1].

    Notes
    -----
    A cosine has the same bits as in `cosine_graph` of all rows together.

    Examples
    --------
    >>> found = cosine_neighbours(np.array([[3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 2.0]]), 0.8)
    >>> found.pairs.toarray().round(3)
    array([[0. , 0.8]])
    >>> found.query_nearest_index, found.vector_nearest_cosine.round(3)
    (array([1]), array([0.6, 0.8]))
    """
    check_threshold(threshold)
    if queries.shape[1] != vectors.shape[1]:
        raise ValueError(
            f"Got queries with {queries.shape[1]} columns, expected {vectors.shape[1]} as the "
            "vectors have. Embed both with the same network."
        )
    left, right = Rows.of(queries), Rows.of(vectors)
    of_queries, of_vectors = _Nearest(len(left)), _Nearest(len(right))
    found = [(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))]
    for rows, columns, products in cosine_blocks(left, right, memory=memory):
        mask = _candidates(
            products, threshold, of_queries[rows], of_vectors[columns], vectors.shape[1]
        )
        i, j = _pairs(mask, rows, columns)
        cosines = pair_cosines(left, i, right, j)
        of_queries.update(i, j, cosines)
        of_vectors.update(j, i, cosines)
        found.append(_similar(i, j, cosines, threshold))
        _advance(progress, len(mask) * mask.shape[1])
    i, j, cosines = (np.concatenate(parts) for parts in zip(*found, strict=True))
    pairs = coo_array((cosines, (i, j)), shape=(len(left), len(right))).tocsr()
    return CosineNeighbours(pairs, *of_queries.result(), *of_vectors.result())


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
    data = Rows.of(vectors)
    margin = rounding_margin(vectors.shape[1])
    accepted = threshold - TOLERANCE
    groups = np.arange(len(vectors))
    for rows, columns, products in cosine_blocks(data, memory=memory):
        mask = products >= np.float32(accepted - margin)
        if mask.any():
            mask &= groups[rows, None] != groups[columns]
            i, j = _upper_pairs(mask, rows, columns)
            sure = products[i - rows.start, j - columns.start] > np.float32(accepted + margin)
            groups = _join(groups, i[sure], j[sure])
            apart = groups[i] != groups[j]
            i, j = i[apart], j[apart]
            similar = pair_cosines(data, i, data, j) >= accepted
            groups = _join(groups, i[similar], j[similar])
        _advance(progress, _n_pairs(rows, columns))
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
    """The nearest of all other rows seen so far, for every row."""

    def __init__(self, n_rows: int) -> None:
        self.cosine = np.full(n_rows, -np.inf)
        self.index = np.full(n_rows, -1, dtype=np.int64)

    def __getitem__(self, rows: slice) -> NDArray[np.float64]:
        """Return the highest cosine so far of some of the rows, -inf if there is none."""
        return self.cosine[rows]

    def update(self, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
        """Take in the cosines of rows `i` to other rows `j`, the first of which wins a tie."""
        before = self.cosine[i]
        np.maximum.at(self.cosine, i, cosines)
        self.index[i[self.cosine[i] > before]] = np.iinfo(np.int64).max
        ties = cosines == self.cosine[i]
        np.minimum.at(self.index, i[ties], j[ties])

    def result(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return cosine and index, NaN and -1 where there is no other row."""
        return np.where(self.index < 0, np.nan, self.cosine), self.index


def _candidates(
    products: NDArray[np.float32],
    threshold: float,
    row_nearest: NDArray[np.float64],
    column_nearest: NDArray[np.float64],
    n_features: int,
) -> NDArray[np.bool_]:
    """Return which pairs of a block may reach the threshold or be the nearest of a row."""
    margin = rounding_margin(n_features)

    def limit(best: NDArray[np.float32], so_far: NDArray[np.float64]) -> NDArray[np.float32]:
        # What the true cosine of a nearer row cannot fall below, less the error of a product.
        nearest = np.maximum(best.astype(np.float64) - margin, so_far)
        return (np.minimum(nearest, threshold - TOLERANCE) - margin).astype(np.float32)

    mask = products >= limit(products.max(axis=1), row_nearest)[:, None]
    mask |= products >= limit(products.max(axis=0), column_nearest)
    return mask


def _pairs(mask: NDArray[np.bool_], rows: slice, columns: slice) -> tuple[NDArray, NDArray]:
    """Return the masked pairs of a block as row numbers."""
    # Fifteen times as fast as nonzero on a matrix.
    i, j = np.divmod(np.flatnonzero(mask), mask.shape[1])
    i += rows.start
    j += columns.start
    return i, j


def _upper_pairs(mask: NDArray[np.bool_], rows: slice, columns: slice) -> tuple[NDArray, NDArray]:
    """Return the masked pairs of a block of the upper triangle, each pair once, i < j."""
    i, j = _pairs(mask, rows, columns)
    if rows != columns:
        return i, j
    upper = i < j
    return i[upper], j[upper]


def _similar(
    i: NDArray,
    j: NDArray,
    cosines: NDArray[np.float64],
    threshold: float,
    select: Select | None = None,
) -> tuple[NDArray, NDArray, NDArray[np.float64]]:
    """Return the pairs that reach the threshold, and that `select` keeps."""
    similar = cosines >= threshold - TOLERANCE
    i, j, cosines = i[similar], j[similar], cosines[similar]
    if select is None:
        return i, j, cosines
    wanted = select(i, j, cosines)
    return i[wanted], j[wanted], cosines[wanted]


def _n_pairs(rows: slice, columns: slice) -> int:
    """Return the number of pairs in a block of the upper triangle."""
    n_rows, n_columns = rows.stop - rows.start, columns.stop - columns.start
    return n_rows * (n_rows - 1) // 2 if rows == columns else n_rows * n_columns


def _advance(progress: Progress | None, n_pairs: int) -> None:
    """Report pairs as done."""
    if progress is not None:
        progress(n_pairs)


def _join(groups: NDArray[np.int64], i: NDArray, j: NDArray) -> NDArray[np.int64]:
    """Unite the groups of the rows `i[k]` and `j[k]` for every k."""
    if not len(i):
        return groups
    edges = coo_array((np.ones(len(i), bool), (groups[i], groups[j])), shape=(len(groups),) * 2)
    _, united = connected_components(edges, directed=False)
    return united[groups].astype(np.int64, copy=False)
