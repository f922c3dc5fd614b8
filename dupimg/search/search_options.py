"""How a search goes about it: memory, cores, progress and checkpoint."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral

import joblib
import numpy as np
import psutil
from numpy.typing import NDArray

from dupimg.search.arithmetic import Rows
from dupimg.search.blocks import Block, Checkpoint, Progress, block_rows, run_blocks

# A search of fewer pairs takes a second, and is not worth a log.
FEWEST_PAIRS_LOGGED = 10**8


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
    sketches : bool, default=True
        Look at sketches first where that saves time; see `dupimg.search.pruning`.

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
        """Return the number of blocks that are compared at once."""
        return joblib.effective_n_jobs(-1) if self.n_jobs is None else self.n_jobs

    @property
    def bytes(self) -> int:
        """Return what the search may take."""
        return psutil.virtual_memory().available // 4 if self.memory is None else self.memory

    @property
    def sketch_bytes(self) -> int:
        """Return what sketches may take of that."""
        return self.bytes // 2 if self.sketches else 0

    def block_rows(self, n_features: int) -> int:
        """Return how many rows a block has, in the rest of the memory."""
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
