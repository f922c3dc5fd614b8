"""Find the connected components of similar rows from as few pairs as possible.

`find_links` is the task of one block; `search_links` runs it on all blocks and joins the links.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from dupimg.search.blocks import Block, SearchOptions, triangle
from dupimg.search.rows import Part, RecentParts, Rows, pair_cosines, rounding_margin
from dupimg.search.sketches import PAIR_COST, make_sketches, places_of, principal_directions

# Linked rows and columns of a block; numbers from the number of rows on are columns.
LINKS = np.dtype([("a", np.int32), ("b", np.int32)])


@dataclass(frozen=True, eq=False)
class GroupedSide:
    """The rows or the columns of a block, with their known components.

    Attributes
    ----------
    part : Part
        The vectors.
    groups : ndarray of shape (n,), int64
        Known components of the rows.
    sketch : ndarray of shape (n, k), float32, or None
        See `dupimg.search.sketches`.
    """

    part: Part
    groups: NDArray[np.int64]
    sketch: NDArray[np.float32] | None = None


def find_links(left: GroupedSide, right: GroupedSide, accepted: float) -> NDArray:
    """Find the new links in a block.

    Parameters
    ----------
    left, right : GroupedSide
        The rows and the columns, which may be the same ones.
    accepted : float
        Cosine from which a pair is connected.

    Returns
    -------
    ndarray of dtype LINKS
        Rows of different groups that pairs of the block connect, directly or indirectly; fewer
        links than rows and columns.
    """
    parts = list(_apart(left.groups, right.groups))
    if not parts:
        return np.empty(0, LINKS)
    a, b = left.part.rows, right.part.rows
    groups = np.concatenate([left.groups, right.groups])
    _, before = np.unique(groups, return_inverse=True)
    after = before
    for rows, columns in parts:
        i, j, sure = _candidates(left, right, a, b, (rows, columns), accepted)
        after = join(after, i[sure], j[sure] + len(a))
        undecided = ~sure & (after[i] != after[j + len(a)])
        i, j = i[undecided], j[undecided]
        similar = pair_cosines(a, i, b, j) >= accepted
        after = join(after, i[similar], j[similar] + len(a))
    return _new_links(before, after)


def join(groups: NDArray[np.int64], i: NDArray, j: NDArray) -> NDArray[np.int64]:
    """Merge the groups of the rows `i[k]` and `j[k]` for every k.

    Examples
    --------
    >>> join(np.array([0, 1, 2, 2]), np.array([0]), np.array([3]))
    array([0, 1, 0, 0])
    """
    if not len(i):
        return groups
    n_groups = groups.max() + 1
    edges = coo_array((np.ones(len(i), bool), (groups[i], groups[j])), shape=(n_groups,) * 2)
    _, united = connected_components(edges, directed=False)
    return united[groups].astype(np.int64, copy=False)


def _apart(
    left: NDArray[np.int64], right: NDArray[np.int64]
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield sets of rows and columns that together contain all pairs of different groups.

    This skips the pairs within a giant component, which soon fills most of a block.
    """
    values, counts = np.unique(left, return_counts=True)
    giant = values[counts.argmax()]
    rows, columns = left == giant, right == giant
    if rows.sum() * columns.sum() * 4 <= rows.size * columns.size:
        yield np.arange(len(left)), np.arange(len(right))
        return
    if not rows.all():
        yield np.flatnonzero(~rows), np.arange(len(right))
    if not columns.all():
        yield np.flatnonzero(rows), np.flatnonzero(~columns)


def _candidates(
    left: GroupedSide,
    right: GroupedSide,
    a: Rows,
    b: Rows,
    where: tuple[NDArray[np.int64], NDArray[np.int64]],
    accepted: float,
) -> tuple[NDArray, NDArray, NDArray[np.bool_]]:
    """Return the candidate pairs of different groups, and which of them are certain."""
    rows, columns = where
    margin = rounding_margin(a.n_features)
    apart = left.groups[rows, None] != right.groups[columns]
    if left.sketch is not None and right.sketch is not None:
        bounds = left.sketch[rows] @ right.sketch[columns].T
        mask = apart & (bounds >= np.float32(accepted - margin))
        i, j = places_of(mask)
        hard_rows, hard_columns = mask.any(axis=1), mask.any(axis=0)
        if PAIR_COST * len(i) <= hard_rows.sum() * hard_columns.sum():
            return rows[i], columns[j], np.zeros(len(i), bool)
        rows, columns = rows[hard_rows], columns[hard_columns]
        apart = apart[hard_rows][:, hard_columns]
    products = _unit(a, rows) @ _unit(b, columns).T
    i, j = places_of(apart & (products >= np.float32(accepted - margin)))
    return rows[i], columns[j], products[i, j] > np.float32(accepted + margin)


def _unit(data: Rows, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    if len(rows) == len(data):
        return data.unit
    return Rows(data.vectors[rows], data.squares[rows]).unit


def _new_links(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray:
    """Return links that turn the groups `before` into the groups `after`."""
    order = np.lexsort((before, after))
    a, b = order[:-1], order[1:]
    linked = (after[a] == after[b]) & (before[a] != before[b])
    links = np.empty(np.count_nonzero(linked), LINKS)
    links["a"], links["b"] = a[linked], b[linked]
    return links


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
    parts = RecentParts(data)

    def task(block: Block) -> tuple:
        groups = components.groups  # the same array for both sides, as merging renumbers groups

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
        """Add links; collect several, because each merge renumbers all rows."""
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
