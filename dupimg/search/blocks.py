"""Compare all rows of a matrix with each other, block by block, on all cores.

Each block is a task for joblib, which runs in threads or on the backend of
`joblib.parallel_config`. The results arrive in any order, are written to a log if there is one, and
are passed to a collector.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from itertools import islice
from numbers import Integral
from typing import Any, NamedTuple, Protocol, TypeVar

import joblib
import numpy as np
import psutil
from joblib import Parallel, delayed
from numpy.typing import DTypeLike, NDArray
from threadpoolctl import ThreadpoolController

from dupimg.search.rows import Rows

# A matrix product of this many rows and columns runs at the full speed of BLAS, and its result fits
# into the caches: scanning it takes a fiftieth of the product. With 4096, it takes a twentieth.
LARGEST_BLOCK_ROWS = 1024

# Bytes for a pair of a block: a float32 product and three masks, and for a candidate two int64
# indices and a float64 cosine, each of them copied once.
_BYTES_PER_PAIR = 4 + 3 + 2 * 3 * 8

# Bytes for a number of a block: in float32, and as read, at most float64.
_BYTES_PER_FEATURE = 4 + 8

# Blocks per worker in a batch, which ends before the next one starts: results do not pile up, and
# waiting for the last ones takes one part in a hundred.
_BLOCKS_PER_ROUND = 64

# Searches of fewer pairs take a second, and are not worth a log.
FEWEST_PAIRS_LOGGED = 10**8

T = TypeVar("T")
Progress = Callable[[int], object]
Numbered = Generator[tuple[int, NDArray], None, None]


class Block(NamedTuple):
    """The pairs of some rows with some columns."""

    number: int
    rows: slice
    columns: slice
    is_diagonal: bool

    @property
    def n_rows(self) -> int:
        """Return the number of rows."""
        return self.rows.stop - self.rows.start

    @property
    def n_pairs(self) -> int:
        """Return the number of pairs; on the diagonal, each counts once."""
        n_columns = self.columns.stop - self.columns.start
        return self.n_rows * (self.n_rows - 1) // 2 if self.is_diagonal else self.n_rows * n_columns


class Log(Protocol):
    """Stores the results of blocks."""

    def records(self) -> Iterator[tuple[int, bytes]]:
        """Yield the numbers and the results of finished blocks."""

    def append(self, number: int, found: bytes) -> None:
        """Store the result of a block."""


class Checkpoint(Protocol):
    """Stores the logs of searches."""

    def log(self, key: str) -> Log:
        """Return the log of the search with this key, empty for a new one."""


@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """The settings of a search, none of which changes its result.

    Attributes
    ----------
    memory : int, optional
        Largest number of bytes for the search, besides the vectors, its result and a necessary
        minimum. By default a quarter of the free memory, of which only the useful part is taken:
        100 MB for each job, and up to a tenth of the size of the vectors.
    n_jobs : int, optional
        Number of blocks to compare at once. By default the number of cores, or of the workers of
        the backend in `joblib.parallel_config`.
    progress : callable, optional
        Called after every block with the number of pairs compared in it.
    checkpoint : Checkpoint, optional
        Saves partial results, so that the same search can resume after an interruption.
    sketches : bool, default=True
        Whether to use sketches if that saves time; see `dupimg.search.sketches`.

    Raises
    ------
    TypeError, ValueError
        If `memory` or `n_jobs` is neither None nor a positive integer.
    """

    memory: int | None = None
    n_jobs: int | None = None
    progress: Progress | None = None
    checkpoint: Checkpoint | None = None
    sketches: bool = True

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
        """Return the number of blocks to compare at once."""
        return joblib.effective_n_jobs(-1) if self.n_jobs is None else self.n_jobs

    @property
    def bytes(self) -> int:
        """Return the bytes that the search may take."""
        return psutil.virtual_memory().available // 4 if self.memory is None else self.memory

    @property
    def sketch_bytes(self) -> int:
        """Return the bytes of these for sketches."""
        return self.bytes // 2 if self.sketches else 0

    def block_rows(self, n_features: int) -> int:
        """Return the number of rows of a block that fits into the rest of the memory."""
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
        """Run the task of every block; see `run_blocks`. `sides` and `key` identify the log."""
        log = None
        if self.checkpoint is not None and len(sides[0]) * len(sides[-1]) >= FEWEST_PAIRS_LOGGED:
            digest = hashlib.blake2b(repr(key).encode(), digest_size=16)
            for side in sides:
                for part in side.bytewise():
                    digest.update(part)
            log = self.checkpoint.log(digest.hexdigest())
        run_blocks(blocks, task, collect, dtype, n_jobs=self.jobs, log=log, progress=self.progress)


def block_rows(n_features: int, memory: int, n_jobs: int) -> int:
    """Return the largest number of rows and columns of a block.

    Parameters
    ----------
    n_features : int
    memory : int
        Bytes for all blocks at work together.
    n_jobs : int
        Number of blocks at work.

    Returns
    -------
    int
        At least 1, whatever the memory.

    Examples
    --------
    >>> block_rows(1280, 2**30, 2), block_rows(1280, 2**24, 2)
    (1024, 200)
    """
    per_row = 2 * _BYTES_PER_FEATURE * n_features
    half = per_row / _BYTES_PER_PAIR / 2
    size = (memory / n_jobs / _BYTES_PER_PAIR + half**2) ** 0.5 - half
    return min(max(1, int(size)), LARGEST_BLOCK_ROWS)


def triangle(n_rows: int, size: int) -> Iterator[Block]:
    """Yield the blocks that contain each pair of rows once.

    The order is stripe by stripe, but the diagonal block of each stripe comes before the other
    blocks of the previous stripe, so that its result is available in time.

    Examples
    --------
    >>> [(block.rows.start, block.columns.start) for block in triangle(5, 2)]
    [(0, 0), (2, 2), (0, 2), (0, 4), (4, 4), (2, 4)]
    """
    slices = _slices(n_rows, size)
    order = [(0, 0)] if slices else []
    number = 0
    for i in range(len(slices)):
        order += [(i + 1, i + 1)] if i + 1 < len(slices) else []
        order += [(i, j) for j in range(i + 1, len(slices))]
        for row, column in order:
            yield Block(number, slices[row], slices[column], row == column)
            number += 1
        order = []


def diagonal(n_rows: int, size: int) -> Iterator[Block]:
    """Yield the diagonal blocks of a `triangle`, which compare neighbouring rows.

    Examples
    --------
    >>> [(block.rows.start, block.columns.start) for block in diagonal(5, 2)]
    [(0, 0), (2, 2), (4, 4)]
    """
    for number, rows in enumerate(_slices(n_rows, size)):
        yield Block(number, rows, rows, True)


def rectangle(n_rows: int, n_columns: int, size: int) -> Iterator[Block]:
    """Yield the blocks that contain each pair of a row and a column once.

    Examples
    --------
    >>> [(block.rows.start, block.columns.start) for block in rectangle(1, 5, 2)]
    [(0, 0), (0, 2), (0, 4)]
    """
    pairs = ((r, c) for r in _slices(n_rows, size) for c in _slices(n_columns, size))
    for number, (rows, columns) in enumerate(pairs):
        yield Block(number, rows, columns, False)


def _slices(n_rows: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)]


def run_blocks(
    blocks: Iterator[Block],
    task: Callable[[Block], tuple],
    take: Callable[[Block, NDArray], None],
    dtype: DTypeLike,
    *,
    n_jobs: int,
    log: Log | None = None,
    progress: Progress | None = None,
) -> None:
    """Run the task of each block, and pass its result to a collector.

    Parameters
    ----------
    blocks : iterator of Block
    task : callable
        Returns for a block the function to run and its arguments. It is called just before the
        task starts, so it can use all results collected so far.
    take : callable
        Receives a block and its result, in the order in which blocks finish.
    dtype : dtype
        Structured dtype of the results, in which the rows of the block are numbered from 0.
    n_jobs : int
        Number of tasks to run at once.
    log : Log, optional
        Blocks with results in it are not searched again.
    progress : callable, optional
        Called after every block with its number of pairs.
    """
    known = {} if log is None else dict(log.records())
    chunk = list(islice(blocks, _BLOCKS_PER_ROUND * n_jobs))
    # A single block is faster on all cores of this machine than anywhere else.
    n_jobs = min(n_jobs, len(chunk))
    with _limited_threads(n_jobs), _runner(n_jobs) as run:
        while chunk:
            with _closed(_results(run, chunk, task, known, dtype)) as results:
                for block, found in results:
                    if log is not None and block.number not in known:
                        log.append(block.number, found.tobytes())
                    take(block, found)
                    if progress is not None:
                        progress(block.n_pairs)
            chunk = list(islice(blocks, _BLOCKS_PER_ROUND * n_jobs))


def _results(
    run: Callable[[Iterable[tuple]], Numbered],
    blocks: list[Block],
    task: Callable[[Block], tuple],
    known: dict[int, bytes],
    dtype: DTypeLike,
) -> Generator[tuple[Block, NDArray], None, None]:
    """Yield the logged results of blocks, then those of the remaining tasks."""
    for block in blocks:
        if block.number in known:
            yield block, np.frombuffer(known[block.number], dtype)
    numbered = {block.number: block for block in blocks if block.number not in known}
    tasks = (delayed(_numbered)(block.number, *task(block)) for block in numbered.values())
    with _closed(run(tasks)) as results:
        for number, found in results:
            yield numbered[number], found


@contextmanager
def _closed(results: Generator[T, None, None]) -> Iterator[Generator[T, None, None]]:
    """Close a generator at once on failure, so that joblib drops the waiting tasks."""
    try:
        yield results
    finally:
        with warnings.catch_warnings():
            # Ignore joblib's warning about unused results.
            warnings.simplefilter("ignore", UserWarning)
            results.close()


def _numbered(number: int, function: Callable[..., NDArray], *args: Any) -> tuple[int, NDArray]:
    return number, function(*args)


def _runner(
    n_jobs: int,
) -> AbstractContextManager[Callable[[Iterable[tuple]], Numbered]]:
    """Return a function that runs tasks and yields their results as they arrive."""
    if n_jobs <= 1:
        return nullcontext(lambda tasks: (function(*args) for function, args, _ in tasks))
    return Parallel(n_jobs, prefer="threads", return_as="generator_unordered")


@contextmanager
def _limited_threads(n_jobs: int) -> Iterator[None]:
    """Share the cores among the tasks, as BLAS would use all of them in each task."""
    if n_jobs <= 1:
        yield
        return
    with thread_pools().limit(limits=max(1, joblib.cpu_count() // n_jobs), user_api="blas"):
        yield


@cache
def thread_pools() -> ThreadpoolController:
    """Return the controller of BLAS threads; cached, as creating it takes milliseconds."""
    return ThreadpoolController()
