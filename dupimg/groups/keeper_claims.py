"""Assign rows to keepers while the pairs of a search are still arriving.

So pairs need not be stored: ten thousand photos that all resemble each other have fifty million.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from dupimg.search.blocks import Block


class Claims:
    """The keepers of rows that are visited in order.

    A row that is unclaimed when its turn comes becomes a keeper, and claims each later unclaimed
    row with which it forms a pair.

    The blocks of a `triangle` arrive in any order. A stripe is all blocks of the same rows: once
    all earlier stripes are complete and its diagonal block has arrived, its keepers are known, and
    the pairs of its other rows can be dropped.

    Parameters
    ----------
    n_rows : int

    Attributes
    ----------
    keepers : ndarray of shape (n,), int64
        The keeper of every row; n while it is unknown. After all blocks, every row has a keeper.

    Examples
    --------
    >>> claims = Claims(3)
    >>> whole = Block(0, slice(0, 3), slice(0, 3), True)
    >>> claims.take(whole, np.array([0, 1]), np.array([1, 2]))
    >>> claims.keepers
    array([0, 0, 2])
    """

    def __init__(self, n_rows: int) -> None:
        self.keepers = np.full(n_rows, n_rows)
        self._first = 0  # the first row of the current stripe
        self._is_decided = False
        self._waiting: dict[int, list[tuple[Block, NDArray, NDArray]]] = defaultdict(list)
        self._columns_taken = 0

    def are_free(self, block: Block) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which rows of a block may still claim, and which columns may still be claimed."""
        rows = np.arange(block.rows.start, block.rows.stop)
        may_claim = self.keepers[block.rows] >= rows
        # A column claimed within the same stripe may still turn out to have a better keeper.
        return may_claim, self.keepers[block.columns] >= block.rows.start

    def take(self, block: Block, i: NDArray[np.int64], j: NDArray[np.int64]) -> None:
        """Add a block with its pairs i < j, at least those of free rows."""
        self._waiting[block.rows.start].append((block, i, j))
        while self._process_stripe():
            pass

    def _process_stripe(self) -> bool:
        """Process the current stripe as far as possible; return whether it is complete."""
        n_rows = len(self.keepers)
        waiting = self._waiting[self._first]
        if not self._is_decided:
            diagonal = next((taken for taken in waiting if taken[0].is_diagonal), None)
            if diagonal is None:
                return False
            self._decide(*diagonal)
        for block, i, j in waiting:
            self._columns_taken += block.columns.stop - block.columns.start
            claims = self.keepers[i] == i
            np.minimum.at(self.keepers, j[claims], i[claims])
            end = block.rows.stop
        waiting.clear()
        if self._first + self._columns_taken < n_rows:
            return False
        del self._waiting[self._first]
        self._first, self._columns_taken, self._is_decided = end, 0, False
        return self._first < n_rows

    def _decide(self, block: Block, i: NDArray[np.int64], j: NDArray[np.int64]) -> None:
        """Let the rows of a stripe claim others, in order."""
        n_rows = len(self.keepers)
        order = np.argsort(i, kind="stable")
        starts = np.searchsorted(i[order], np.unique(i))
        for neighbours in np.split(order, starts[1:]) if len(i) else []:
            row = i[neighbours[0]]
            if self.keepers[row] == n_rows:
                others = j[neighbours]
                self.keepers[others[self.keepers[others] == n_rows]] = row
        undecided = self.keepers[block.rows] == n_rows
        rows = np.arange(block.rows.start, block.rows.stop)
        self.keepers[block.rows][undecided] = rows[undecided]
        self._is_decided = True
