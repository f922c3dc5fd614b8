"""Run exact searches over all pairs of rows: what they have in common, whatever they look for.

A search goes block by block (`dupimg.search.blocks`), may look at sketches first
(`dupimg.search.pruning`), and hands what a block holds (`dupimg.search.candidates`,
`dupimg.search.links`) to a collector. What it finds depends on none of this.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dupimg.search.arithmetic import Part, Rows
from dupimg.search.blocks import Block, diagonal, rectangle, run_blocks, triangle
from dupimg.search.candidates import PAIRS, Side, find_pairs
from dupimg.search.links import LINKS, GroupedSide, find_links, join
from dupimg.search.nearest import Nearest
from dupimg.search.pruning import arrangements, make_sketches, principal_directions
from dupimg.search.search_options import SearchOptions

# Parts that are kept in memory: 10 MiB each, as they were and in float32.
_PARTS_KEPT = 4

# Given a block and rows i[k] and j[k], and their cosines: all pairs of the block that count.
Take = Callable[[Block, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], None]

# Given a block, tells of which of its rows, and of its columns, pairs count.
AreFree = Callable[[Block], tuple[NDArray[np.bool_], NDArray[np.bool_]]]


class _Parts:
    """The parts of the rows, of which the last few stay in memory once they have been read.

    All blocks of a stripe have the same rows.
    """

    def __init__(self, data: Rows) -> None:
        self._data = data
        self._last: dict[int, Part] = {}

    def __getitem__(self, rows: slice) -> Part:
        part = self._last.pop(rows.start, None) or self._data.part(rows)
        self._last[rows.start] = part
        if len(self._last) > _PARTS_KEPT:
            del self._last[next(iter(self._last))]
        return part


def search_pairs(
    data: Rows,
    accepted: float,
    take: Take,
    options: SearchOptions,
    *,
    are_free: AreFree | None = None,
    key: bytes = b"",
) -> Nearest:
    """Find the pairs with a cosine of at least `accepted`, and the nearest of every row.

    Parameters
    ----------
    data : Rows
    accepted : float
    take : callable
        Is given the pairs i < j of every block that count, and perhaps some others.
    options : SearchOptions
    are_free : callable, optional
        Tells which pairs still count when a block is begun. By default all.
    key : bytes
        What `are_free` depends on beside data and threshold.

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
    parts = _Parts(data)

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
    """Find for every row one that is nearly as near as the nearest, in a fiftieth of the time."""
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
        With the same number of columns.
    accepted, take, options
        As in `search_pairs`.

    Returns
    -------
    of_left, of_right : Nearest
        The nearest row of the other matrix.
    """
    size = options.block_rows(left.n_features)
    of_left, of_right = Nearest(len(left)), Nearest(len(right))
    left_parts = _Parts(left)

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


def search_links(data: Rows, accepted: float, options: SearchOptions) -> NDArray[np.int64]:
    """Find the connected components of the pairs with a cosine of at least `accepted`.

    Parameters
    ----------
    data, accepted, options
        As in `search_pairs`.

    Returns
    -------
    ndarray of shape (n,), int64
        The component of every row, in no particular numbering.
    """
    n_rows, size = len(data), options.block_rows(data.n_features)
    directions = principal_directions(data, options.sketch_bytes)
    limit = np.full(n_rows, accepted)
    sketches = make_sketches(data, directions, limit)
    components = _Components(n_rows)
    parts = _Parts(data)

    def task(block: Block) -> tuple:
        groups = components.groups  # one array for both sides: names change when groups unite

        def side(rows: slice) -> GroupedSide:
            sketch = None if sketches is None else sketches[rows]
            return GroupedSide(parts[rows], groups[rows], sketch)

        return find_links, side(block.rows), side(block.columns), accepted

    def collect(block: Block, found: NDArray) -> None:
        names = np.r_[block.rows, block.columns]
        components.unite(names[found["a"]], names[found["b"]])

    options.run(
        triangle(n_rows, size),
        task,
        collect,
        LINKS,
        sides=[data],
        key=("links", data.vectors.shape, size, accepted),
    )
    return components.finish()


class _Components:
    """The connected components of all links so far."""

    def __init__(self, n_rows: int) -> None:
        self.groups = np.arange(n_rows)
        self._waiting: list[NDArray[np.int64]] = []
        self._n_waiting = 0

    def unite(self, a: NDArray[np.int64], b: NDArray[np.int64]) -> None:
        """Take in links; a few wait for others, since each renaming goes through all rows."""
        self._waiting.append(np.stack([a, b]))
        self._n_waiting += len(a)
        if self._n_waiting * 50 > len(self.groups):
            self.finish()

    def finish(self) -> NDArray[np.int64]:
        """Return the component of every row."""
        if self._n_waiting:
            self.groups = join(self.groups, *np.concatenate(self._waiting, axis=1))
        self._waiting, self._n_waiting = [], 0
        return self.groups
