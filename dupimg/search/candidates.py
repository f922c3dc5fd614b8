"""What counts in one block of pairs: float32 products propose, float64 decides.

These functions are the tasks of a search. They know nothing of other blocks but what they are
told, and return rows and columns numbered from the corner of the block.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dupimg.search.arithmetic import Part, Rows, pair_cosines, rounding_margin, unit_rows
from dupimg.search.pruning import PAIR_COST, hard_lines

# Pairs of a row and a column of a block, and their cosines.
PAIRS = np.dtype([("i", np.int32), ("j", np.int32), ("cosine", np.float64)])


@dataclass(frozen=True, eq=False)
class Side:
    """The rows, or the columns, of a block, and what is known of them.

    Attributes
    ----------
    part : Part
        The vectors.
    nearest : ndarray of shape (n,), float64
        The highest cosine to any other row found so far; -inf where there is none, inf where no
        pair of this block can matter for it.
    is_free : ndarray of shape (n,), bool, or None
        Rows of which pairs that reach the threshold count. None: all.
    sketch : ndarray of shape (n, k), float32, or None
        See `dupimg.search.pruning`.
    """

    part: Part
    nearest: NDArray[np.float64]
    is_free: NDArray[np.bool_] | None = None
    sketch: NDArray[np.float32] | None = None


def find_pairs(left: Side, right: Side, accepted: float, is_diagonal: bool) -> NDArray:
    """Find the pairs of a block that count.

    Parameters
    ----------
    left, right : Side
        The rows and the columns; the same ones on the diagonal.
    accepted : float
        Cosine from which pairs of free rows count.
    is_diagonal : bool
        Whether only pairs of different rows i < j are meant.

    Returns
    -------
    ndarray of dtype PAIRS
        All pairs of free rows with at least that cosine, and the nearest of each row and each
        column, if that is nearer than what was known or as near.
    """
    a = left.part.rows
    b = a if is_diagonal else right.part.rows
    block = _Block(left, right, a, b, accepted, rounding_margin(a.n_features))
    if is_diagonal:
        mask = block.candidates(is_diagonal=True)
        i, j = _places(np.triu(mask | mask.T, 1))
    elif left.sketch is None:
        i, j = _places(block.candidates())
    else:
        i, j = block.sketched_candidates()
    return block.decide(i, j, is_diagonal=is_diagonal)


def _places(mask: NDArray[np.bool_]) -> tuple[NDArray, NDArray]:
    """Return rows and columns of what is true, fifteen times as fast as nonzero."""
    return np.divmod(np.flatnonzero(mask), mask.shape[1])


@dataclass(frozen=True, eq=False)
class _Block:
    """Two sides, and their vectors in memory."""

    left: Side
    right: Side
    a: Rows
    b: Rows
    accepted: float
    margin: float

    def sketched_candidates(self) -> tuple[NDArray, NDArray]:
        """Return the pairs that may count, and form few products for that."""
        bounds = self.left.sketch @ self.right.sketch.T
        mask = self._may_be_similar(bounds)
        mask |= _reaches(bounds, self.left.nearest, self.margin)
        mask |= _reaches(bounds.T, self.right.nearest, self.margin).T
        rows, columns = hard_lines(mask)
        mask[rows] = False
        mask[:, columns] = False
        found = [_places(mask)]
        everywhere = np.ones(len(columns), bool)
        for part in ((rows, everywhere), (~rows, columns)):
            places = [np.flatnonzero(side) for side in part]
            if all(map(len, places)):
                i, j = _places(self._only(*places).candidates())
                found.append((places[0][i], places[1][j]))
        i, j = (np.concatenate(side) for side in zip(*found, strict=True))
        return i, j

    def candidates(self, *, is_diagonal: bool = False) -> NDArray[np.bool_]:
        """Return which pairs may count by their products."""
        products = self.a.unit @ self.b.unit.T
        if is_diagonal:
            np.fill_diagonal(products, -np.inf)
        by_row = _may_be_nearest(products, self.left.nearest, self.margin)
        by_column = _may_be_nearest(products.T, self.right.nearest, self.margin).T
        if PAIR_COST * (np.count_nonzero(by_row) + np.count_nonzero(by_column)) > by_row.size:
            self._narrow(by_row, by_column, is_diagonal=is_diagonal)
        by_row |= by_column
        by_row |= self._may_be_similar(products)
        return by_row

    def decide(self, i: NDArray, j: NDArray, *, is_diagonal: bool) -> NDArray:
        """Return those candidates that count."""
        cosines = pair_cosines(self.a, i, self.b, j)
        by_row = self.left.nearest.copy()
        by_column = by_row if is_diagonal else self.right.nearest.copy()
        np.maximum.at(by_row, i, cosines)
        np.maximum.at(by_column, j, cosines)
        counts = cosines >= self.accepted
        if self.left.is_free is not None and self.right.is_free is not None:
            counts &= self.left.is_free[i] & self.right.is_free[j]
        counts |= (cosines >= by_row[i]) | (cosines >= by_column[j])
        found = np.empty(np.count_nonzero(counts), PAIRS)
        found["i"], found["j"], found["cosine"] = i[counts], j[counts], cosines[counts]
        return found

    def _may_be_similar(self, products: NDArray[np.float32]) -> NDArray[np.bool_]:
        mask = products >= np.float32(self.accepted - self.margin)
        if self.left.is_free is not None and self.right.is_free is not None:
            mask &= self.left.is_free[:, None]
            mask &= self.right.is_free
        return mask

    def _narrow(
        self, by_row: NDArray[np.bool_], by_column: NDArray[np.bool_], *, is_diagonal: bool
    ) -> None:
        """Drop most of many candidates for the nearest, which float32 cannot tell apart."""
        cosines = _unit64(self.a) @ _unit64(self.b).T
        if is_diagonal:
            np.fill_diagonal(cosines, -np.inf)
        # As in `rounding_margin`, with the unit roundoff of float64.
        margin = 2.0**-53 * (self.a.n_features + 8) * 1.01
        by_row &= _may_be_nearest(cosines, self.left.nearest, margin)
        by_column &= _may_be_nearest(cosines.T, self.right.nearest, margin).T
        _keep_first_copy(by_row, self.a, self.b)
        _keep_first_copy(by_column.T, self.b, self.a)

    def _only(self, rows: NDArray, columns: NDArray) -> _Block:
        return replace(
            self,
            left=_some(self.left, rows),
            right=_some(self.right, columns),
            a=Rows(self.a.vectors[rows], self.a.squares[rows]),
            b=Rows(self.b.vectors[columns], self.b.squares[columns]),
        )


def _may_be_nearest(
    products: NDArray, nearest: NDArray[np.float64], margin: float
) -> NDArray[np.bool_]:
    """Return which columns may be the nearest of each row, given what is known of others."""
    # What the true cosine of the nearest cannot fall below.
    best = products.max(axis=1).astype(np.float64) - margin
    return _reaches(products, np.maximum(best, nearest), margin)


def _reaches(products: NDArray, limit: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Return which products may belong to a cosine of at least the limit of their row."""
    return products >= (limit - margin).astype(products.dtype)[:, None]


def _keep_first_copy(mask: NDArray[np.bool_], a: Rows, b: Rows) -> None:
    """Drop all candidates for the nearest but the first one, if its cosine is 1."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    copies = pair_cosines(a, rows, b, first) == 1
    mask[rows[copies]] = False
    mask[rows[copies], first[copies]] = True


def _some(side: Side, rows: NDArray) -> Side:
    """Return what is known of some rows of a side."""
    is_free = None if side.is_free is None else side.is_free[rows]
    return replace(side, nearest=side.nearest[rows], is_free=is_free, sketch=None)


def _unit64(rows: Rows) -> NDArray[np.float64]:
    return unit_rows(rows.vectors, rows.squares)
