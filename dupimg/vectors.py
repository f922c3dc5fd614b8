"""Arithmetic on the rows of a matrix that is exact where exactness decides.

Float32 matrix products are fast and off by at most `rounding_margin`; `paired_dots` settles
in float64 what they leave open, with the same bits on every machine and thread count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config

# Elements of each of the two float64 copies that are multiplied at once: half a MiB, so that
# they stay in the second-level cache.
_GATHERED_ELEMENTS = 1 << 16

# A matrix product of this many rows and columns runs at the full speed of BLAS: larger blocks
# only take memory.
_LARGEST_BLOCK_ROWS = 4096

# What a pair of a block takes: a float32 product and two masks, and if it is a candidate, two
# int64 indices and a float64 cosine, each of them copied once.
_BYTES_PER_PAIR = 4 + 2 + 2 * 3 * 8


def squared_norms(vectors: NDArray) -> NDArray[np.float64]:
    """Return the squared length of every row, which must have a direction.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64

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
    rows = np.arange(len(vectors))
    squares = paired_dots(vectors, rows, rows)
    # Squares within these bounds can be multiplied with each other in float64.
    bad = np.flatnonzero(~((squares > 1e-150) & (squares < 1e150)))
    if bad.size:
        raise ValueError(
            f"Got a vector of length {math.sqrt(squares[bad[0]]):g} in row {bad[0]} ({bad.size} "
            "such rows), expected vectors with a direction: neither zero nor infinite. "
            "Leave such rows out."
        )
    return squares


def unit_rows(
    vectors: NDArray, squares: NDArray[np.float64], *, dtype: type = np.float64
) -> NDArray:
    """Return the rows scaled to length 1.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
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
    return np.divide(vectors, np.sqrt(squares)[:, None], out=unit, casting="same_kind")


def paired_dots(
    vectors: NDArray, i: NDArray, j: NDArray, others: NDArray | None = None
) -> NDArray[np.float64]:
    """Return the dot product of row `i[k]` and row `j[k]` for every k, in float64.

    Each is summed on its own and in the same order, so its bits depend neither on the pairs
    around it nor on the number of threads, and swapping `i` and `j` changes nothing.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
    i, j : ndarray of shape (k,), int
    others : ndarray of shape (m, d), float32 or float64, optional
        Where the rows `j` are. By default in `vectors`, too.

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
        # Converted beforehand: einsum would convert piecewise, and sum in another order.
        left = vectors[i[batch]].astype(np.float64, copy=False)
        right = others[j[batch]].astype(np.float64, copy=False)
        np.einsum("kd,kd->k", left, right, out=dots[batch])
    return dots


def rounding_margin(n_features: int) -> float:
    """Return how far a float32 dot product of unit vectors can be from the true one.

    Notes
    -----
    With the unit roundoff u = 2**-24, rounding the two vectors to float32 changes the product
    by at most 2u + u**2, and summing d terms in any order by at most d * u / (1 - d * u)
    (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1), since the sum of
    the absolute products of two unit vectors is at most 1. The 8 covers these 2u, the
    rounding of the limit that the product is compared with, and underflow.

    Examples
    --------
    >>> print(f"{rounding_margin(1280):.1e}")
    7.7e-05
    """
    error = (n_features + 8) * 2.0**-24
    return error / (1 - error)


@dataclass(frozen=True, eq=False)
class Rows:
    """Vectors and their squared lengths.

    Attributes
    ----------
    vectors : ndarray of shape (n, d), float32 or float64
    squares : ndarray of shape (n,), float64
    """

    vectors: NDArray
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, vectors: NDArray) -> Rows:
        """Measure vectors; see `squared_norms` for what is refused."""
        return cls(vectors, squared_norms(vectors))

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.vectors)

    def unit(self, rows: slice) -> NDArray[np.float32]:
        """Return some of the rows, scaled to length 1."""
        return unit_rows(self.vectors[rows], self.squares[rows], dtype=np.float32)


def pair_cosines(left: Rows, i: NDArray, right: Rows, j: NDArray) -> NDArray[np.float64]:
    """Return the cosine of row `i[k]` of `left` and row `j[k]` of `right` for every k, in float64.

    Parameters
    ----------
    left, right : Rows
        The same object or two, of the same number of columns.
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
    # The root of a product, not a product of roots: the root of a square is exact.
    cosines /= np.sqrt(left.squares[i] * right.squares[j])
    return np.clip(cosines, -1.0, 1.0, out=cosines)


def cosine_blocks(
    left: Rows, right: Rows | None = None, *, memory: int | None = None
) -> Iterator[tuple[slice, slice, NDArray[np.float32]]]:
    """Yield the cosines of all pairs in float32, block by block.

    Parameters
    ----------
    left : Rows
    right : Rows, optional
        By default the pairs are those of `left` with itself, in blocks of the upper triangle.
    memory : int, optional
        Bytes that a block and the work on it may take. By default the ``working_memory`` of
        `sklearn.set_config` (1 GiB).

    Yields
    ------
    rows, columns : slice
        Where the block lies.
    products : ndarray, float32
        Its cosines, at most `rounding_margin` off; -inf for a row with itself.

    Examples
    --------
    >>> rows = np.array([[0.0, 2.0], [0.6, 0.8]])
    >>> for block in cosine_blocks(Rows.of(rows)):
    ...     print(block)
    (slice(0, 2, None), slice(0, 2, None), array([[-inf,  0.8], [ 0.8, -inf]], dtype=float32))
    """
    size = _block_rows(left.vectors.shape[1], memory)
    for start in range(0, len(left), size):
        rows = slice(start, min(start + size, len(left)))
        left_unit = left.unit(rows)
        others = left if right is None else right
        for column_start in range(start if right is None else 0, len(others), size):
            columns = slice(column_start, min(column_start + size, len(others)))
            products = left_unit @ others.unit(columns).T
            if right is None and columns == rows:
                np.fill_diagonal(products, -np.inf)
            yield rows, columns, products


def _block_rows(n_features: int, memory: int | None) -> int:
    """Return how many rows and columns a block may have: size² pairs and 2 size vectors."""
    available = get_config()["working_memory"] * 2**20 if memory is None else memory
    per_row = 2 * 4 * n_features / 2
    size = math.sqrt(available / _BYTES_PER_PAIR + (per_row / _BYTES_PER_PAIR) ** 2)
    return min(max(1, int(size - per_row / _BYTES_PER_PAIR)), _LARGEST_BLOCK_ROWS)
