"""Bounds of cosines from a few numbers for each row, so that most products need not be formed.

Split a unit vector into its projection p on a few directions and the rest r. Then by Cauchy and
Schwarz ``x · y = p · q + r · s <= p · q + |r| |s|``, which is the dot product of the sketches
``(p, |r|)`` and ``(q, |s|)``. The sharper the bound, the more of the length lies in p: the
directions are the principal ones.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from dupimg.vectors import Rows, unit_rows

# A pair that is decided on its own takes as long as this many pairs of a matrix product.
PAIR_COST = 64

# Looking at a block of bounds takes as long as this many columns of a matrix product.
_LOOKING_COST = 32

# Fewer rows are compared in less than a second, in which directions cannot be found.
_FEWEST_ROWS = 10_000

_SAMPLE_ROWS = 2048
_SIZES = (32, 64, 128, 256, 512)

# Sketches must save at least a quarter of the time on the sample.
_WORTHWHILE = 0.75


def make_sketches(
    data: Rows, accepted: float, memory: int, *, nearest: bool
) -> NDArray[np.float32] | None:
    """Return a sketch of every row, if that is expected to save time.

    Parameters
    ----------
    data : Rows
    accepted : float
        Cosine from which pairs count.
    memory : int
        Bytes that the sketches may take.
    nearest : bool
        Whether the nearest of every row counts, too, however far it is.

    Returns
    -------
    ndarray of shape (n, k + 1), float32, or None

    Notes
    -----
    The product of two sketches is no further below the cosine than `rounding_margin` of the
    vectors: it has less than half as many terms, and what is left of the margin is thousands of
    times what the float64 projection and the length of the rest can be off.
    """
    n_rows, n_features = len(data), data.n_features
    sizes = [k for k in _SIZES if k <= n_features // 2 and 4 * (k + 1) * n_rows <= memory]
    if n_rows < _FEWEST_ROWS or not sizes:
        return None
    sample = _unit(data, np.linspace(0, n_rows - 1, _SAMPLE_ROWS).astype(np.int64))
    directions = _principal_directions(sample, sizes[-1])
    costs = _costs(sample, directions, sizes, accepted, nearest=nearest)
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
        _sketch(unit_rows(rows.vectors, rows.squares), directions, out=sketches[part])
    return sketches


def _sketch(
    unit: NDArray[np.float64], directions: NDArray[np.float64], out: NDArray[np.float32]
) -> None:
    projections = unit @ directions
    rest = 1 - np.einsum("nk,nk->n", projections, projections)
    out[:, :-1] = projections
    out[:, -1] = np.sqrt(np.maximum(rest, 0))


def _unit(data: Rows, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    taken = rows if data.order is None else data.order[rows]
    return unit_rows(data.vectors[taken], data.squares[rows])


def _principal_directions(sample: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the k orthonormal directions that hold most of the squared lengths, best first."""
    d = sample.shape[1]
    _, directions = eigh(sample.T @ sample, subset_by_index=(d - k, d - 1))
    return np.ascontiguousarray(directions[:, ::-1])


def _costs(
    sample: NDArray[np.float64],
    directions: NDArray[np.float64],
    sizes: list[int],
    accepted: float,
    *,
    nearest: bool,
) -> list[float]:
    """Return the time of the search with each number of directions, in units of that without."""
    half = len(sample) // 2
    cosines = sample @ sample.T
    np.fill_diagonal(cosines, -1)
    # In a large collection the nearest is nearer than in a sample: the true cost is less.
    limit = np.minimum(cosines.max(axis=1), accepted) if nearest else np.full(2 * half, accepted)
    sketches = np.empty((len(sample), directions.shape[1] + 1), np.float32)
    costs = []
    for k in sizes:
        sketch = sketches[:, : k + 1]
        _sketch(sample, directions[:, :k], out=sketch)
        bounds = sketch[:half] @ sketch[half:].T
        left = (bounds >= limit[:half, None]) | (bounds >= limit[half:])
        formed = left.any(axis=1).mean() * left.any(axis=0).mean()
        looking = (k + 1 + _LOOKING_COST) / sample.shape[1]
        costs.append(looking + min(PAIR_COST * left.mean(), formed))
    return costs
