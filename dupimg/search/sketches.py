"""Bound cosines by a few numbers for each row, which saves most products.

Split a unit vector into its projection p on a few directions and the rest r. Then by Cauchy and
Schwarz ``x · y = p · q + r · s <= p · q + |r| |s|``, which is the dot product of the sketches
``(p, |r|)`` and ``(q, |s|)``. The more of the length lies in p, the sharper is the bound, so the
directions are the principal ones.

If the nearest of each row is wanted, a pair can only be skipped if it cannot be nearer than a known
one. So rows are first compared with their neighbours in a few arrangements that put similar rows
side by side.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dupimg.search.rows import Rows, unit_rows

# A single pair takes as long as this many pairs of a matrix product.
PAIR_COST = 64

# Comparing a block of bounds with their limits costs as much as this many columns of a matrix
# product: 2 ns a pair.
_BOUNDS_COST = 100

# Up to this number of rows, finding directions is too large a part of a search of seconds.
FEWEST_ROWS = 30_000

_SAMPLE_ROWS = 2048
_SIZES = (32, 64, 128, 256)
MOST_DIRECTIONS = _SIZES[-1]

# Sketches must save at least a quarter of the time on a sample.
_WORTHWHILE = 0.75

# Number of arrangements, and the directions used by each.
_N_ARRANGEMENTS = 2
_N_SPLITS = 20


def principal_directions(data: Rows, memory: int) -> NDArray[np.float64] | None:
    """Return the principal directions of the rows, best first.

    Parameters
    ----------
    data : Rows
    memory : int
        Bytes that sketches of the rows may take.

    Returns
    -------
    ndarray of shape (d, k), float64, or None
        Orthonormal columns, computed from a sample; None for too few rows or columns, or too
        little memory.
    """
    k = min(MOST_DIRECTIONS, data.n_features // 2, memory // (4 * len(data)) - 1)
    if len(data) < FEWEST_ROWS or k < _SIZES[0]:
        return None
    sample = _sample(data)[1].astype(np.float32)
    _, directions = np.linalg.eigh(sample.T @ sample)
    # Float32 suffices to choose directions, but these must be orthonormal in float64.
    return np.linalg.qr(directions[:, : -k - 1 : -1].astype(np.float64))[0]


def arrangements(data: Rows, directions: NDArray[np.float64]) -> Iterator[NDArray[np.int64]]:
    """Yield orders of the rows in which similar rows are mostly close together.

    Parameters
    ----------
    data : Rows
    directions : ndarray of shape (d, k), float64

    Yields
    ------
    ndarray of shape (n,), int64
        Rows are split in halves along some directions in turn, as in a k-d tree.
    """
    # Skip the first direction, the mean, along which rows differ least.
    used = min(1 + _N_ARRANGEMENTS * _N_SPLITS, directions.shape[1])
    projections = project(data, directions[:, 1:used])[:, :-1]
    for start in range(_N_ARRANGEMENTS):
        yield _arrange(projections[:, start::_N_ARRANGEMENTS])


def _arrange(projections: NDArray[np.float32]) -> NDArray[np.int64]:
    n_rows = len(projections)
    order = np.arange(n_rows)
    ranks = np.empty(n_rows, np.int64)
    for level, column in enumerate(projections.T):
        if 2**level > n_rows:
            break
        ranks[order] = np.arange(n_rows)
        order = np.lexsort((column, ranks * 2**level // n_rows))
    return order


def make_sketches(
    data: Rows, directions: NDArray[np.float64] | None, limit: NDArray[np.float64]
) -> NDArray[np.float32] | None:
    """Return a sketch of every row, or None if sketches would not save time.

    Parameters
    ----------
    data : Rows
    directions : ndarray of shape (d, k), float64, or None
    limit : ndarray of shape (n,), float64
        The least relevant cosine of each row to another one.

    Returns
    -------
    ndarray of shape (n, k + 1), float32, or None

    Notes
    -----
    The product of two sketches is no further below the cosine than `rounding_margin` of the
    vectors: it has less than half as many terms, and what is left of the margin is thousands of
    times what the float64 projection and the length of the rest can be off.
    """
    if directions is None:
        return None
    sizes = [k for k in _SIZES if k <= directions.shape[1]]
    # Use other rows than those of the directions, which fit these too well.
    rows, sample = _sample(data, offset=0.5)
    costs = [_cost(sample, directions[:, :k], limit[rows]) for k in sizes]
    best = int(np.argmin(costs))
    return project(data, directions[:, : sizes[best]]) if costs[best] < _WORTHWHILE else None


def project(data: Rows, directions: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the sketches of all rows.

    Parameters
    ----------
    data : Rows
    directions : ndarray of shape (d, k), float64
        Orthonormal columns.

    Returns
    -------
    ndarray of shape (n, k + 1), float32
        The projection of the row, scaled to length 1, and the length of the rest.

    Examples
    --------
    >>> data = Rows.of(np.array([[3.0, 0.0, 4.0]]))
    >>> project(data, np.eye(3)[:, :2])
    array([[0.6, 0. , 0.8]], dtype=float32)
    """
    sketches = np.empty((len(data), directions.shape[1] + 1), np.float32)
    for start in range(0, len(data), _SAMPLE_ROWS):
        part = slice(start, min(start + _SAMPLE_ROWS, len(data)))
        rows = data.load(part)
        sketches[part] = _sketch(unit_rows(rows.vectors, rows.squares), directions)
    return sketches


def places_of(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows and columns of true elements, fifteen times as fast as `nonzero`.

    Examples
    --------
    >>> places_of(np.array([[False, True], [True, False]]))
    (array([0, 1]), array([1, 0]))
    """
    return np.divmod(np.flatnonzero(mask), max(1, mask.shape[1]))


def hard_lines(mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the rows and columns with so many candidates that full products are cheaper.

    Parameters
    ----------
    mask : ndarray of shape (n, m), bool
        The candidates.

    Returns
    -------
    rows : ndarray of shape (n,), bool
    columns : ndarray of shape (m,), bool
        Columns with many candidates outside of these rows.
    """
    n_rows, n_columns = mask.shape
    rows = np.count_nonzero(mask, axis=1) * PAIR_COST > n_columns
    left = np.count_nonzero(mask, axis=0) - np.count_nonzero(mask[rows], axis=0)
    return rows, left * PAIR_COST > n_rows - np.count_nonzero(rows)


def _sample(data: Rows, *, offset: float = 0.0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return an evenly spread sample of row numbers, and the normalized rows."""
    rows = ((np.arange(_SAMPLE_ROWS) + offset) * len(data) / _SAMPLE_ROWS).astype(np.int64)
    taken = rows if data.order is None else data.order[rows]
    return rows, unit_rows(data.vectors[taken], data.squares[rows])


def _sketch(unit: NDArray[np.float64], directions: NDArray[np.float64]) -> NDArray[np.float64]:
    projections = unit @ directions
    rest = 1 - np.einsum("nk,nk->n", projections, projections)
    return np.column_stack([projections, np.sqrt(np.maximum(rest, 0))])


def _cost(
    sample: NDArray[np.float64], directions: NDArray[np.float64], limit: NDArray[np.float64]
) -> float:
    """Return the relative time of a search with sketches, compared to one without."""
    half = len(sample) // 2
    sketch = _sketch(sample, directions)
    bounds = sketch[:half] @ sketch[half:].T
    mask = (bounds >= limit[:half, None]) | (bounds >= limit[half:])
    rows, columns = hard_lines(mask)
    easy = mask[~rows][:, ~columns]
    products = 1 - np.mean(~rows) * np.mean(~columns)
    bounding = (sketch.shape[1] + _BOUNDS_COST) / sample.shape[1]
    return bounding + products + PAIR_COST * np.count_nonzero(easy) / mask.size
