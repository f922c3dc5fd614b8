"""Find pairs of similar rows, and the nearest row of every row.

Float32 products propose pairs, float64 decides. `find_pairs` is the task of one block: it only
depends on its arguments, and numbers rows and columns from the corner of the block. `search_pairs`
and `search_rectangle` run it on all blocks and collect the results, which depend neither on the
blocks nor on the sketches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dupimg.search.blocks import Block, SearchOptions, diagonal, rectangle, run_blocks, triangle
from dupimg.search.rows import Part, RecentParts, Rows, pair_cosines, rounding_margin, unit_rows
from dupimg.search.sketches import (
    PAIR_COST,
    arrangements,
    hard_lines,
    make_sketches,
    places_of,
    principal_directions,
)

# Row, column and cosine of pairs of a block.
PAIRS = np.dtype([("i", np.int32), ("j", np.int32), ("cosine", np.float64)])

# Receives a block, rows i[k] and j[k] and their cosines: all pairs of the block that count.
Take = Callable[[Block, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], None]

# Returns for a block which of its rows and of its columns may form pairs.
AreFree = Callable[[Block], tuple[NDArray[np.bool_], NDArray[np.bool_]]]


@dataclass(frozen=True, eq=False)
class Side:
    """The rows or the columns of a block, with the known facts about them.

    Attributes
    ----------
    part : Part
        The vectors.
    nearest : ndarray of shape (n,), float64
        The highest cosine to any other row so far; -inf for none yet, inf if no pair of this block
        can exceed it.
    is_free : ndarray of shape (n,), bool, or None
        Rows whose pairs at or above the threshold count. None: all.
    sketch : ndarray of shape (n, k), float32, or None
        See `dupimg.search.sketches`.
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
        Whether only pairs of different rows i < j count.

    Returns
    -------
    ndarray of dtype PAIRS
        All pairs of free rows with at least that cosine, and the nearest of each row and column if
        its cosine is at least the known one.
    """
    a = left.part.rows
    b = a if is_diagonal else right.part.rows
    block = _Block(left, right, a, b, accepted, rounding_margin(a.n_features))
    if is_diagonal:
        mask = block.candidates(is_diagonal=True)
        i, j = places_of(np.triu(mask | mask.T, 1))
    elif left.sketch is None or right.sketch is None:
        i, j = places_of(block.candidates())
    else:
        i, j = block.sketched_candidates(left.sketch @ right.sketch.T)
    return block.decide(i, j, is_diagonal=is_diagonal)


@dataclass(frozen=True, eq=False)
class _Block:
    """Two sides, and their vectors in memory."""

    left: Side
    right: Side
    a: Rows
    b: Rows
    accepted: float
    margin: float

    def sketched_candidates(self, bounds: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
        """Return the candidate pairs by the bounds of their cosines, with few products."""
        mask = self._may_be_similar(bounds)
        mask |= _reaches(bounds, self.left.nearest, self.margin)
        mask |= _reaches(bounds.T, self.right.nearest, self.margin).T
        rows, columns = hard_lines(mask)
        mask[rows] = False
        mask[:, columns] = False
        found = [places_of(mask)]
        everywhere = np.ones(len(columns), bool)
        for part in ((rows, everywhere), (~rows, columns)):
            places = [np.flatnonzero(side) for side in part]
            if all(map(len, places)):
                i, j = places_of(self._only(*places).candidates())
                found.append((places[0][i], places[1][j]))
        i, j = (np.concatenate(side) for side in zip(*found, strict=True))
        return i, j

    def candidates(self, *, is_diagonal: bool = False) -> NDArray[np.bool_]:
        """Return which pairs are candidates by their products."""
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
        """Return the candidates that count."""
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
        """Drop most of many candidates for the nearest that are equal within float32 rounding."""
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
            left=_selected(self.left, rows),
            right=_selected(self.right, columns),
            a=Rows(self.a.vectors[rows], self.a.squares[rows]),
            b=Rows(self.b.vectors[columns], self.b.squares[columns]),
        )


def _may_be_nearest(
    products: NDArray, nearest: NDArray[np.float64], margin: float
) -> NDArray[np.bool_]:
    """Return which columns may be the nearest of each row, given the known cosines."""
    # Lower bound of the true cosine of the nearest.
    best = products.max(axis=1).astype(np.float64) - margin
    return _reaches(products, np.maximum(best, nearest), margin)


def _reaches(products: NDArray, limit: NDArray[np.float64], margin: float) -> NDArray[np.bool_]:
    """Return which products may belong to a cosine of at least the limit of their row."""
    return products >= (limit - margin).astype(products.dtype)[:, None]


def _keep_first_copy(mask: NDArray[np.bool_], a: Rows, b: Rows) -> None:
    """Keep only the first candidate for the nearest if its cosine is 1."""
    rows = np.flatnonzero(mask.any(axis=1))
    first = mask[rows].argmax(axis=1)
    copies = pair_cosines(a, rows, b, first) == 1
    mask[rows[copies]] = False
    mask[rows[copies], first[copies]] = True


def _selected(side: Side, rows: NDArray) -> Side:
    """Return a selection of the rows of a side."""
    is_free = None if side.is_free is None else side.is_free[rows]
    return replace(side, nearest=side.nearest[rows], is_free=is_free, sketch=None)


def _unit64(rows: Rows) -> NDArray[np.float64]:
    return unit_rows(rows.vectors, rows.squares)


class Nearest:
    """The nearest other row so far, and its cosine, for every row.

    Parameters
    ----------
    n_rows : int

    Attributes
    ----------
    cosine : ndarray of shape (n,), float64
        -inf for none yet.
    index : ndarray of shape (n,), int64
        The first one on a tie; -1 for none yet.

    Examples
    --------
    >>> nearest = Nearest(3)
    >>> nearest.update(np.array([0, 0, 1]), np.array([2, 1, 0]), np.array([0.5, 0.5, 0.5]))
    >>> nearest.result()
    (array([0.5, 0.5, nan]), array([ 1,  0, -1]))
    """

    def __init__(self, n_rows: int) -> None:
        self.cosine = np.full(n_rows, -np.inf)
        self.index = np.full(n_rows, -1, dtype=np.int64)

    def known(self, rows: slice, others: slice) -> NDArray[np.float64]:
        """Return the highest cosines so far; inf if none of the others can be nearer."""
        cosine = self.cosine[rows].copy()
        cosine[(cosine == 1) & (self.index[rows] < others.start)] = np.inf
        return cosine

    def update(self, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
        """Add the cosines of rows `i` to other rows `j`; the first `j` wins a tie."""
        # Write the index before the cosine: another thread may read both, and must not combine an
        # old index with a cosine that has just become 1.
        self.index[i[cosines > self.cosine[i]]] = np.iinfo(np.int64).max
        np.maximum.at(self.cosine, i, cosines)
        ties = cosines == self.cosine[i]
        np.minimum.at(self.index, i[ties], j[ties])

    def result(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return cosine and index; NaN and -1 without another row."""
        return np.where(self.index < 0, np.nan, self.cosine), self.index


def search_pairs(
    data: Rows,
    accepted: float,
    take: Take,
    options: SearchOptions,
    *,
    are_free: AreFree | None = None,
    key: bytes = b"",
) -> Nearest:
    """Find the pairs with a cosine of at least `accepted`, and the nearest row of every row.

    Parameters
    ----------
    data : Rows
    accepted : float
    take : callable
        Receives the pairs i < j of every block that count, and maybe some others.
    options : SearchOptions
    are_free : callable, optional
        Returns which rows and columns still count when a block starts. By default all.
    key : bytes
        Identifies everything that `are_free` depends on besides data and threshold.

    Returns
    -------
    Nearest
    """
    n_rows, size = len(data), options.block_rows(data.n_features)
    nearest = Nearest(n_rows)
    directions = principal_directions(data, options.sketch_bytes)
    if directions is not None:
        _compare_neighbours(data, directions, nearest, options)
    limit = np.minimum(nearest.cosine, accepted)
    sketches = make_sketches(data, directions, limit)
    parts = RecentParts(data)

    def side(rows: slice, others: slice, is_free: NDArray[np.bool_] | None) -> Side:
        sketch = None if sketches is None else sketches[rows]
        return Side(parts[rows], nearest.known(rows, others), is_free, sketch)

    def task(block: Block) -> tuple:
        free = (None, None) if are_free is None else are_free(block)
        left = side(block.rows, block.columns, free[0])
        right = side(block.columns, block.rows, free[1])
        return find_pairs, left, right, accepted, block.is_diagonal

    def collect(block: Block, found: NDArray) -> None:
        i, j = block.rows.start + found["i"].astype(int), block.columns.start + found["j"]
        nearest.update(i, j, found["cosine"])
        nearest.update(j, i, found["cosine"])
        take(block, i, j, found["cosine"])

    options.run(
        triangle(n_rows, size),
        task,
        collect,
        PAIRS,
        sides=[data],
        key=("pairs", data.vectors.shape, size, accepted, key),
    )
    return nearest


def _compare_neighbours(
    data: Rows, directions: NDArray[np.float64], nearest: Nearest, options: SearchOptions
) -> None:
    """Find an almost nearest row for every row, in a fiftieth of the time."""
    size = options.block_rows(data.n_features)
    for arrangement in arrangements(data, directions):
        arranged = data.ordered(arrangement)

        def task(block: Block, arranged: Rows = arranged) -> tuple:
            side = Side(arranged.part(block.rows), np.full(block.n_rows, -np.inf))
            return find_pairs, side, side, np.inf, True

        def collect(block: Block, found: NDArray, order: NDArray = arrangement) -> None:
            rows = order[block.rows]
            nearest.update(rows[found["i"]], rows[found["j"]], found["cosine"])
            nearest.update(rows[found["j"]], rows[found["i"]], found["cosine"])

        run_blocks(diagonal(len(data), size), task, collect, PAIRS, n_jobs=options.jobs)


def search_rectangle(
    left: Rows, right: Rows, accepted: float, take: Take, options: SearchOptions
) -> tuple[Nearest, Nearest]:
    """Find the pairs of a row of one matrix and a row of another.

    Parameters
    ----------
    left, right : Rows
        Both have the same number of columns.
    accepted, take, options
        See `search_pairs`.

    Returns
    -------
    of_left, of_right : Nearest
        The nearest rows in the other matrix.
    """
    size = options.block_rows(left.n_features)
    of_left, of_right = Nearest(len(left)), Nearest(len(right))
    left_parts = RecentParts(left)

    def task(block: Block) -> tuple:
        rows, columns = block.rows, block.columns
        a = Side(left_parts[rows], of_left.known(rows, columns))
        b = Side(right.part(columns), of_right.known(columns, rows))
        return find_pairs, a, b, accepted, False

    def collect(block: Block, found: NDArray) -> None:
        i, j = block.rows.start + found["i"].astype(int), block.columns.start + found["j"]
        of_left.update(i, j, found["cosine"])
        of_right.update(j, i, found["cosine"])
        take(block, i, j, found["cosine"])

    options.run(
        rectangle(len(left), len(right), size),
        task,
        collect,
        PAIRS,
        sides=[left, right],
        key=("rectangle", left.vectors.shape, right.vectors.shape, size, accepted),
    )
    return of_left, of_right
