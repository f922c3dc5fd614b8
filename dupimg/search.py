"""Run exact searches over all pairs of rows: what they have in common, whatever they look for.

A search goes block by block (`dupimg.blocks`), may look at sketches first (`dupimg.pruning`), and
hands what a block holds (`dupimg.candidates`, `dupimg.links`) to a collector. What it finds
depends on none of this.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral

import joblib
import numpy as np
import psutil
from numpy.typing import NDArray

from dupimg.blocks import (
    Block,
    Checkpoint,
    Progress,
    block_bytes,
    block_rows,
    diagonal,
    rectangle,
    run_blocks,
    triangle,
)
from dupimg.candidates import PAIRS, Side, find_pairs
from dupimg.links import LINKS, GroupedSide, find_links, join
from dupimg.pruning import MOST_DIRECTIONS, arrangements, make_sketches, principal_directions
from dupimg.vectors import Part, Rows

# A search of fewer pairs takes a second, and is not worth a log.
FEWEST_PAIRS_LOGGED = 10**8

# Lengths, nearest, claims and their copies, for each row.
_BYTES_PER_ROW = 100

# Parts that are kept in memory: 10 MiB each, as they were and in float32.
_PARTS_KEPT = 4

# Given a block and rows i[k] and j[k], and their cosines: all pairs of the block that count.
Take = Callable[[Block, NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]], None]

# Given a block, tells of which of its rows, and of its columns, pairs count.
AreFree = Callable[[Block], tuple[NDArray[np.bool_], NDArray[np.bool_]]]


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """How a search goes about it; none of this changes what it finds.

    Attributes
    ----------
    memory : int, optional
        Bytes that the search may take beside the vectors and its result, though a little it must
        take. By default a quarter of the memory that is free, of which it takes what is of use:
        100 MB for each job, and up to a tenth of the size of the vectors.
    n_jobs : int, optional
        Number of blocks that are compared at once. By default the number of cores, or of those
        that the backend of `joblib.parallel_config` has.
    progress : callable, optional
        Called after every block with the number of pairs compared in it.
    checkpoint : Checkpoint, optional
        Keeps what was found, so that the same search goes on where it was interrupted.

    Raises
    ------
    TypeError, ValueError
        If `memory` or `n_jobs` is neither None nor a positive integer.
    """

    memory: int | None = None
    n_jobs: int | None = None
    progress: Progress | None = None
    checkpoint: Checkpoint | None = None

    def __post_init__(self) -> None:
        for name in ("memory", "n_jobs"):
            value = getattr(self, name)
            if value is None:
                continue
            message = f"Got {name}={value!r}, expected None or a positive integer."
            if not isinstance(value, Integral) or isinstance(value, bool):
                raise TypeError(message)
            if value < 1:
                raise ValueError(message)

    @property
    def jobs(self) -> int:
        """Return the number of blocks that are compared at once."""
        return joblib.effective_n_jobs(-1) if self.n_jobs is None else self.n_jobs

    @property
    def bytes(self) -> int:
        """Return what the search may take."""
        return psutil.virtual_memory().available // 4 if self.memory is None else self.memory

    def block_rows(self, n_features: int) -> int:
        """Return how many rows a block has; half the memory is for sketches."""
        return block_rows(n_features, self.bytes // 2, self.jobs)

    def run(
        self,
        blocks: Iterator[Block],
        task: Callable[[Block], tuple],
        collect: Callable[[Block, NDArray], None],
        dtype: np.dtype,
        *,
        sides: Sequence[Rows],
        key: tuple[object, ...],
    ) -> None:
        """Run the task of every block; see `run_blocks`. The log goes by `sides` and `key`."""
        log = None
        if self.checkpoint is not None and len(sides[0]) * len(sides[-1]) >= FEWEST_PAIRS_LOGGED:
            digest = hashlib.blake2b(repr(key).encode(), digest_size=16)
            for side in sides:
                for part in side.bytewise():
                    digest.update(part)
            log = self.checkpoint.log(digest.hexdigest())
        run_blocks(blocks, task, collect, dtype, n_jobs=self.jobs, log=log, progress=self.progress)


@dataclass(frozen=True)
class SearchEstimate:
    """What a search takes at most.

    Attributes
    ----------
    seconds : float
    bytes : int
        Beside the vectors.

    Examples
    --------
    >>> print(SearchEstimate(75.2, 640_000_000), SearchEstimate(20_000.0, 10**9), sep="; ")
    up to 75 s, 0.6 GB; up to 5.6 h, 1.0 GB
    """

    seconds: float
    bytes: int

    def __str__(self) -> str:
        """Say it to a person."""
        units = ((1, "s", 0), (60, "min", 0), (3600, "h", 1))
        size, unit, digits = units[(self.seconds >= 120) + (self.seconds >= 7200)]
        return f"up to {self.seconds / size:.{digits}f} {unit}, {self.bytes / 1e9:.1f} GB"


def estimate_search(
    n_rows: int, n_features: int, *, memory: int | None = None, n_jobs: int | None = None
) -> SearchEstimate:
    """Estimate what comparing all rows takes, from comparing a few blocks of random ones.

    Parameters
    ----------
    n_rows, n_features : int
    memory, n_jobs : int, optional
        As in `SearchOptions`.

    Returns
    -------
    SearchEstimate
        Of a search that forms all products. Sketches may spare most of them.
    """
    options = SearchOptions(memory=memory, n_jobs=n_jobs)
    size = options.block_rows(n_features)
    random = np.random.default_rng(0)
    left, right = (
        Rows.of(random.standard_normal((n, n_features), dtype=np.float32))
        for n in (size, 2 * options.jobs * size)
    )
    start = time.perf_counter()
    search_rectangle(left, right, 1.0, lambda *_: None, options)
    seconds = (time.perf_counter() - start) / (len(left) * len(right)) * n_rows**2 / 2
    sketches = min(4 * (MOST_DIRECTIONS + 1) * n_rows, options.bytes // 2)
    blocks = options.jobs * block_bytes(size, n_features)
    return SearchEstimate(seconds, _BYTES_PER_ROW * n_rows + blocks + sketches)


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


class Nearest:
    """The nearest of all other rows seen so far, for every row."""

    def __init__(self, n_rows: int) -> None:
        self.cosine = np.full(n_rows, -np.inf)
        self.index = np.full(n_rows, -1, dtype=np.int64)

    def known(self, rows: slice, others: slice) -> NDArray[np.float64]:
        """Return the highest cosines so far; inf where none of the others can be nearer."""
        settled = (self.cosine[rows] == 1) & (self.index[rows] < others.start)
        return np.where(settled, np.inf, self.cosine[rows])

    def update(self, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
        """Take in the cosines of rows `i` to other rows `j`, the first of which wins a tie."""
        before = self.cosine[i]
        np.maximum.at(self.cosine, i, cosines)
        self.index[i[self.cosine[i] > before]] = np.iinfo(np.int64).max
        ties = cosines == self.cosine[i]
        np.minimum.at(self.index, i[ties], j[ties])

    def result(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return cosine and index, NaN and -1 where there is no other row."""
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
    directions = principal_directions(data)
    if directions is not None:
        _compare_neighbours(data, directions, nearest, options)
    sketches = _sketches(data, directions, np.minimum(nearest.cosine, accepted), options)

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


def _sketches(
    data: Rows,
    directions: NDArray[np.float64] | None,
    limit: NDArray[np.float64],
    options: SearchOptions,
) -> NDArray[np.float32] | None:
    return (
        None if directions is None else make_sketches(data, directions, limit, options.bytes // 2)
    )


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
    sketches = _sketches(data, principal_directions(data), np.full(n_rows, accepted), options)
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
