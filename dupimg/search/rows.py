"""The rows of a matrix, in memory or in a file, and exact arithmetic for decisions.

Float32 matrix products are fast, with an error of at most `rounding_margin`; `paired_dots` decides
the remaining cases in float64, with the same bits on every machine and number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dupimg.search.mapped import MappedArray, Matrix

# Elements of each of the two float64 copies to multiply at once: half a MiB, to fit into the
# second-level cache.
_GATHERED_ELEMENTS = 1 << 16

# Rows to measure at once: 20 MiB of 1280 float32 columns.
_MEASURED_ROWS = 4096

# Parts to keep in memory: 10 MiB each, as read and in float32.
_PARTS_KEPT = 4

# Float32 rows whose length differs from 1 by no more than this are not normalized.
_UNIT_TOLERANCE = 2.0**-20


def squared_norms(vectors: Matrix) -> NDArray[np.float64]:
    """Return the squared length of every row; raise ValueError for a zero row.

    Parameters
    ----------
    vectors : ndarray or MappedArray of shape (n, d), float32 or float64

    Returns
    -------
    ndarray of shape (n,), float64

    Raises
    ------
    ValueError
        If a row is zero, not finite, or so short or long that its square leaves the range of
        float64.

    Examples
    --------
    >>> squared_norms(np.array([[3.0, 4.0]]))
    array([25.])
    """
    squares = np.empty(len(vectors))
    for start in range(0, len(vectors), _MEASURED_ROWS):
        part = vectors[start : start + _MEASURED_ROWS]
        rows = np.arange(len(part))
        squares[start : start + _MEASURED_ROWS] = paired_dots(part, rows, rows)
    # Products of two squares within these bounds stay in the range of float64.
    bad = np.flatnonzero(~((squares > 1e-150) & (squares < 1e150)))
    if bad.size:
        raise ValueError(
            f"Got a vector of length {math.sqrt(squares[bad[0]]):g} in row {bad[0]} ({bad.size} "
            "such rows), expected vectors with a direction: neither zero nor infinite, and no "
            "NaN. Leave such rows out."
        )
    return squares


def unit_rows(
    vectors: Matrix, squares: NDArray[np.float64], *, dtype: type = np.float64
) -> NDArray:
    """Return the rows scaled to length 1.

    Parameters
    ----------
    vectors : ndarray or MappedArray of shape (n, d), float32 or float64
    squares : ndarray of shape (n,), float64
        Their squared lengths, see `squared_norms`.
    dtype : type, default=np.float64
        Type of the result. The division is done in float64 and rounded once.

    Returns
    -------
    ndarray of shape (n, d)

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0]]), np.array([25.0]))
    array([[0.6, 0.8]])
    """
    unit: NDArray = np.empty(vectors.shape, dtype=dtype)
    return np.divide(vectors[:], np.sqrt(squares)[:, None], out=unit, casting="same_kind")


def paired_dots(
    vectors: Matrix, i: NDArray, j: NDArray, others: Matrix | None = None
) -> NDArray[np.float64]:
    """Return the dot product of row `i[k]` and row `j[k]` for every k, in float64.

    Each sum is computed separately in a fixed order, so its bits depend neither on the other pairs
    nor on the number of threads, and swapping `i` and `j` changes nothing.

    Parameters
    ----------
    vectors : ndarray or MappedArray of shape (n, d), float32 or float64
    i, j : ndarray of shape (k,), int
    others : ndarray or MappedArray of shape (m, d), float32 or float64, optional
        The matrix of the rows `j`, `vectors` by default.

    Returns
    -------
    ndarray of shape (k,), float64

    Examples
    --------
    >>> paired_dots(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0, 1]), np.array([1, 1]))
    array([11., 25.])
    """
    others = vectors if others is None else others
    dots = np.empty(len(i))
    size = max(1, _GATHERED_ELEMENTS // vectors.shape[1])
    for start in range(0, len(i), size):
        batch = slice(start, start + size)
        # Converted first, as einsum would convert piecewise and sum in another order.
        left = vectors[i[batch]].astype(np.float64, copy=False)
        right = others[j[batch]].astype(np.float64, copy=False)
        np.einsum("kd,kd->k", left, right, out=dots[batch])
    return dots


def rounding_margin(n_features: int) -> float:
    """Return the largest error of a float32 product of rows from `Rows.unit` as a cosine.

    Notes
    -----
    With the unit roundoff u = 2**-24, rounding the two vectors to float32 changes the product
    by at most 2u + u**2, and summing d terms in any order by at most d * u / (1 - d * u)
    (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), since the sum of
    the absolute products of two unit vectors is at most 1. The 8 covers these 2u, the
    rounding of the limit that the product is compared with, and underflow; the 33 covers
    rows whose length is not exactly 1: 2 * 2**-20 = 32u.

    Examples
    --------
    >>> print(f"{rounding_margin(1280):.1e}")
    7.9e-05
    """
    error = (n_features + 8 + 33) * 2.0**-24
    return error / (1 - error)


@dataclass(frozen=True, eq=False)
class Rows:
    """Vectors and their squared lengths: all rows of a matrix, or some in another order.

    Attributes
    ----------
    vectors : ndarray or MappedArray of shape (m, d), float32 or float64
    squares : ndarray of shape (n,), float64
    order : ndarray of shape (n,), int, or None
        Row `order[i]` of `vectors` counts as row `i`. None: all rows in order.
    """

    vectors: Matrix
    squares: NDArray[np.float64]
    order: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, vectors: NDArray) -> Rows:
        """Create from vectors, which may be memory-mapped; see `squared_norms` for errors."""
        source: Matrix = MappedArray.of(vectors) or vectors
        return cls(source, squared_norms(source))

    def ordered(self, order: NDArray[np.int64]) -> Rows:
        """Return a selection of the rows in this order, without copying them."""
        if np.array_equal(order, np.arange(len(self))):
            return self
        places = order if self.order is None else self.order[order]
        return Rows(self.vectors, self.squares[order], places)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.squares)

    @property
    def n_features(self) -> int:
        """Return the number of columns."""
        return self.vectors.shape[1]

    def part(self, rows: slice) -> Part:
        """Return consecutive rows, without reading them."""
        return Part(
            self.vectors, rows if self.order is None else self.order[rows], self.squares[rows]
        )

    def load(self, rows: slice) -> Rows:
        """Return consecutive rows in memory, numbered from 0."""
        return self.part(rows).rows

    def bytewise(self) -> Iterator[bytes]:
        """Yield the bytes of the content, part by part, and of the order."""
        for start in range(0, len(self), _MEASURED_ROWS):
            yield self.load(slice(start, start + _MEASURED_ROWS)).vectors[:].tobytes()

    @cached_property
    def unit(self) -> NDArray[np.float32]:
        """The rows in memory, normalized as precisely as products require."""
        if self.vectors.dtype == np.float32 and np.all(
            np.abs(np.sqrt(self.squares) - 1) <= _UNIT_TOLERANCE
        ):
            return self.vectors[:]
        return unit_rows(self.vectors, self.squares, dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Part:
    """Some rows, not read yet, as an argument of tasks.

    A pickle contains only these rows, or only their position if they are in a file.
    """

    vectors: Matrix
    taken: slice | NDArray[np.int64]
    squares: NDArray[np.float64]

    @cached_property
    def rows(self) -> Rows:
        """The rows in memory, numbered from 0."""
        return Rows(self.vectors[self.taken], self.squares)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle without the other rows."""
        if isinstance(self.vectors, MappedArray):
            return Part, (self.vectors, self.taken, self.squares)
        return Part, (self.vectors[self.taken], slice(None), self.squares)


class RecentParts:
    """Parts of the rows; keeps the last few in memory, as all blocks of a stripe share one."""

    def __init__(self, data: Rows) -> None:
        self._data = data
        self._last: dict[int, Part] = {}

    def __getitem__(self, rows: slice) -> Part:
        part = self._last.pop(rows.start, None) or self._data.part(rows)
        self._last[rows.start] = part
        if len(self._last) > _PARTS_KEPT:
            del self._last[next(iter(self._last))]
        return part


def pair_cosines(left: Rows, i: NDArray, right: Rows, j: NDArray) -> NDArray[np.float64]:
    """Return the cosine of row `i[k]` of `left` and row `j[k]` of `right` for every k, in float64.

    Parameters
    ----------
    left, right : Rows
        Without an order; the same object or two with the same number of columns.
    i, j : ndarray of shape (k,), int

    Returns
    -------
    ndarray of shape (k,), float64
        In [-1, 1]; exactly 1 for identical rows.

    Examples
    --------
    >>> rows = Rows.of(np.array([[0.0, 2.0], [0.6, 0.8]]))
    >>> pair_cosines(rows, np.array([0, 1]), rows, np.array([1, 1]))
    array([0.8, 1. ])
    """
    cosines = paired_dots(left.vectors, i, j, right.vectors)
    # The root of the product instead of the product of roots: the root of a square is exact.
    cosines /= np.sqrt(left.squares[i] * right.squares[j])
    return np.clip(cosines, -1.0, 1.0, out=cosines)
