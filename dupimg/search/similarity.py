"""Exact cosine similarity of many vectors, block by block.

Only this module implements the convention for thresholds: two vectors are similar if their
cosine is at least the threshold, decided in float64 from the original vectors. Float32 matrix
products only propose candidates, with a margin so that none is missed. So the results depend
neither on the block size nor on the number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from dupimg.search.blocks import Block, Checkpoint, Progress, SearchOptions
from dupimg.search.links import search_links
from dupimg.search.pairs import search_pairs, search_rectangle
from dupimg.search.rows import Rows, pair_cosines, squared_norms, unit_rows

# A pair exactly at the threshold must count despite rounding. The error of a float64 cosine of d
# terms is at most about d * 1.1e-16, so this suffices up to d = 18,000, and no embedding
# distinguishes photos by the twelfth digit.
TOLERANCE = 2e-12

# Products of `nearest_neighbours` in memory: 256 MB.
_PRODUCTS_AT_ONCE = 2**26

# Parts of a row of products to look for its largest in: more of them propose fewer candidates.
_PARTS = 512

# Most candidates of a row, for each one that is wanted.
_MOST_PROPOSED = 8

# Margin of these float32 products: their errors are below 1e-5.
_PRODUCT_MARGIN = np.float32(1e-4)

# Returns which pairs count, given the rows i[k] and j[k] of candidate pairs and their cosines.
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
    """Raise an error about `name` unless `threshold` is a number in (0, 1].

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
    n_jobs: int | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    sketches: bool = True,
) -> CosineGraph:
    """Find every pair of rows with a cosine of at least `threshold`.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero. Of a memory map, only parts are in memory at a time.
    threshold : float
        Cosine similarity in (0, 1], inclusive.
    select : callable, optional
        Returns which pairs to keep, given rows i and j of pairs that reach the threshold and their
        cosines. By default all.
    memory : int, optional
        Largest number of bytes for the search, besides `vectors`, its result and a necessary
        minimum. By default a quarter of the free memory, of which only the useful part is taken.
    n_jobs : int, optional
        Number of blocks to compare at once. By default the number of cores, or of the workers of
        the backend in `joblib.parallel_config`.
    progress : callable, optional
        Called after every block with the number of pairs compared in it, n * (n - 1) / 2 in
        all: the `update` of a tqdm bar.
    checkpoint : Checkpoints, optional
        Saves partial results, so that the same search can resume after an interruption. Searches
        of less than about a second are not saved. See `dupimg.files.checkpoints`.
    sketches : bool, default=True
        Whether to use sketches if that saves time; False only serves for measuring the gain.

    Returns
    -------
    CosineGraph
        The same bits whatever the memory, the number of jobs and the checkpoint.

    Raises
    ------
    ValueError
        If a row is zero or not finite, or the threshold is outside (0, 1].

    Notes
    -----
    Takes at most the time of the float32 matrix products of n * n / 2 pairs, plus about 1.5 µs
    for every pair that is found or may be the nearest of a row, and less if a few directions
    separate most pairs, see `dupimg.search.sketches`. A pair takes 24 bytes in the result, and
    about 60 during the search.

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
    found = _Found(threshold, select)
    options = SearchOptions(
        memory=memory, n_jobs=n_jobs, progress=progress, checkpoint=checkpoint, sketches=sketches
    )
    nearest = search_pairs(data, threshold - TOLERANCE, found.take, options)
    upper = found.matrix((len(data), len(data)))
    return CosineGraph(upper + upper.T, *nearest.result())


def cosine_neighbours(
    queries: NDArray,
    vectors: NDArray,
    threshold: float,
    *,
    memory: int | None = None,
    n_jobs: int | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
) -> CosineNeighbours:
    """Find every pair of a query and a vector with a cosine of at least `threshold`.

    Parameters
    ----------
    queries : ndarray of shape (m, d), float32 or float64
    vectors : ndarray of shape (n, d), float32 or float64
    threshold, memory, n_jobs, checkpoint
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
    found = _Found(threshold)
    options = SearchOptions(memory=memory, n_jobs=n_jobs, progress=progress, checkpoint=checkpoint)
    nearest = search_rectangle(left, right, threshold - TOLERANCE, found.take, options)
    pairs = found.matrix((len(left), len(right)))
    return CosineNeighbours(pairs, *nearest[0].result(), *nearest[1].result())


def connected_groups(
    vectors: NDArray,
    threshold: float,
    *,
    memory: int | None = None,
    n_jobs: int | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    sketches: bool = True,
) -> NDArray[np.int64]:
    """Find the connected components of the graph of `cosine_graph`, without its pairs.

    Rows share a component if a chain of pairs with a cosine of at least `threshold` leads from
    one to the other.

    Parameters
    ----------
    vectors, threshold, memory, n_jobs, progress, checkpoint, sketches
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
    Pairs within a known component are skipped, so a component of 50,000 rows with a billion pairs
    takes no more memory than one with 50,000 pairs, and less time.

    Examples
    --------
    >>> connected_groups(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), 0.9)
    array([0, 1, 0])
    """
    check_threshold(threshold)
    options = SearchOptions(
        memory=memory, n_jobs=n_jobs, progress=progress, checkpoint=checkpoint, sketches=sketches
    )
    return number_by_first_row(search_links(Rows.of(vectors), threshold - TOLERANCE, options))


def reachable_rows(
    vectors: NDArray, seeds: NDArray[np.int64], threshold: float
) -> NDArray[np.int64]:
    """Return the rows connected to the seeds by chains of pairs, including the seeds.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    seeds : ndarray of shape (k,), int64
    threshold : float
        Lowest cosine of a pair, inclusive.

    Returns
    -------
    ndarray of shape (n_reached,), int64
        In ascending order.

    Examples
    --------
    >>> reachable_rows(np.array([[1.0, 0.0], [0.0, 1.0], [0.9, 0.1]]), np.array([0]), 0.9)
    array([0, 2])
    """
    reached = np.zeros(len(vectors), dtype=bool)
    frontier = seeds
    while frontier.size:
        reached[frontier] = True
        neighbours = cosine_neighbours(vectors[frontier], vectors, threshold).pairs.indices
        frontier = np.unique(neighbours[~reached[neighbours]])
    return np.flatnonzero(reached)


def nearest_neighbours(
    vectors: NDArray,
    n_neighbours: int,
    threshold: float,
    of: NDArray[np.int64] | None = None,
    *,
    progress: Progress | None = None,
) -> NDArray[np.int64]:
    """Return the pairs of rows in which one is among the nearest of the other.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
        Rows of any length but zero.
    n_neighbours : int
        Number of neighbours of each row.
    threshold : float
        Lowest cosine.
    of : ndarray of shape (k,), int64, optional
        The rows whose nearest are wanted; all by default.
    progress : callable, optional
        Takes the number of rows whose nearest were found since the last call.

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        Sorted, with the smaller row first in each pair.

    Examples
    --------
    >>> angles = np.radians([0, 10, 30, 90])
    >>> vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> nearest_neighbours(vectors, 1, 0.7).tolist()
    [[0, 1], [1, 2]]
    """
    data = Rows.of(vectors)
    unit = unit_rows(vectors, squared_norms(vectors)).astype(np.float32, copy=False)
    n_rows = len(unit)
    # One more candidate than required for each row; float64 decides among them.
    n_proposed = min(n_neighbours + 1, n_rows - 1)
    found = [np.empty((0, 2), np.int64)]
    if n_proposed < 1:
        return found[0]
    wanted = np.arange(n_rows) if of is None else of
    at_once = max(1, min(n_rows, _PRODUCTS_AT_ONCE // n_rows))
    for start in range(0, len(wanted), at_once):
        rows = wanted[start : start + at_once]
        products = unit[rows] @ unit.T
        products[np.arange(len(rows)), rows] = -np.inf
        at_least = _kth_largest(products, n_proposed)
        least = np.maximum(at_least, np.float32(threshold)) - _PRODUCT_MARGIN
        is_near = products >= least[:, None]
        # Where very many are equally near, as in a time-lapse, any few of them do.
        crowded = np.flatnonzero(np.count_nonzero(is_near, axis=1) > _MOST_PROPOSED * n_proposed)
        for row in crowded.tolist():
            is_near[row] = False
            is_near[row, np.argpartition(products[row], -n_proposed)[-n_proposed:]] = True
        at, j = np.nonzero(is_near)
        i = rows[at]
        cosines = pair_cosines(data, i, data, j)
        nearest_first = np.lexsort((j, -cosines, at))
        # How many of its row come before each.
        rank = np.arange(len(at)) - np.searchsorted(at, at)
        chosen = nearest_first[rank < n_neighbours]
        chosen = chosen[cosines[chosen] >= threshold - TOLERANCE]
        found.append(np.sort(np.column_stack([i[chosen], j[chosen]]), axis=1))
        if progress is not None:
            progress(len(rows))
    return np.unique(np.concatenate(found), axis=0)


def _kth_largest(products: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """Return a number for each row that at least its k largest elements reach.

    It is the k-th largest of the maxima of parts of the row: much faster, and nearly as good.
    """
    n_columns = products.shape[1]
    n_parts = min(n_columns, max(_PARTS, k))
    width = n_columns // n_parts
    parts = products[:, : n_parts * width].reshape(len(products), n_parts, width)
    return np.partition(parts.max(axis=2), n_parts - k, axis=1)[:, n_parts - k]


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


class _Found:
    """Collects the pairs that reach a threshold and pass `select`."""

    def __init__(self, threshold: float, select: Select | None = None) -> None:
        self._accepted = threshold - TOLERANCE
        self._select = select
        nothing = np.empty(0, np.int32)
        self._parts = [(nothing, nothing, np.empty(0))]

    def take(self, block: Block, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
        """Add pairs."""
        similar = cosines >= self._accepted
        i, j, cosines = i[similar], j[similar], cosines[similar]
        if self._select is not None:
            wanted = self._select(i, j, cosines)
            i, j, cosines = i[wanted], j[wanted], cosines[wanted]
        if len(i):
            self._parts.append((i.astype(np.int32), j.astype(np.int32), cosines))

    def matrix(self, shape: tuple[int, int]) -> csr_array:
        """Return the pairs as a matrix, and release them."""
        i, j, cosines = (np.concatenate(parts) for parts in zip(*self._parts, strict=True))
        self._parts.clear()
        pairs = coo_array((cosines, (i, j)), shape=shape).tocsr()
        pairs.sort_indices()
        return pairs
