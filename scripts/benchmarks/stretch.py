"""Extrapolate time and memory of a search of very many vectors from its first minutes.

The vectors are in a file. The memory of the search depends on their number but not on the results,
so that it is complete from the first blocks on.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.options import BenchmarkOptions
from benchmarks.search import DUPLICATE, in_own_process, peak_bytes
from benchmarks.vectors import write_vectors
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.search.blocks import SearchOptions

_LITTLE_MEMORY = 2 * 10**9


def benchmark_stretch(options: BenchmarkOptions) -> pd.DataFrame:
    """Start to search `options.stretch` vectors for duplicates, and extrapolate.

    Parameters
    ----------
    options : BenchmarkOptions

    Returns
    -------
    DataFrame
        A row for the default memory and one for 2 GB: allowed GB; seconds until the first block was
        compared; share of the pairs compared after it; estimated hours for all pairs; additional GB
        taken by the process.

    Raises
    ------
    UsageError
        The vectors do not fit into the temporary folder.
    """
    assert options.stretch is not None
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vectors.npy"
        write_vectors(path, options.stretch)
        for memory in (None, _LITTLE_MEMORY):
            rows.append(in_own_process(begin_search, path, memory, 60 * options.minutes))
    table = pd.DataFrame(rows)
    if options.output is not None:
        table.to_csv(options.output, index=False)
    return table


def begin_search(path: Path, memory: int | None, seconds: float) -> dict[str, Any]:
    """Search vectors in a file for duplicates for some seconds, and extrapolate.

    Parameters
    ----------
    path : Path
        A ``.npy`` file.
    memory : int, optional
        Bytes; see `DuplicateFinder`.
    seconds : float
        Duration from the first block on; with 0, one more block is compared.

    Returns
    -------
    dict
        A row of the table of `benchmark_stretch`.
    """
    vectors = np.load(path, mmap_mode="r")
    n_pairs = len(vectors) * (len(vectors) - 1) // 2
    row = {"vectors": len(vectors), "memory_gb": SearchOptions(memory=memory).bytes / 1e9}
    before, stretch = peak_bytes(), _Stretch(seconds)
    with contextlib.suppress(_EnoughError):
        DuplicateFinder(threshold=DUPLICATE, memory=memory).fit(vectors, progress=stretch.add)
    peak = peak_bytes() - before
    return row | {
        "seconds_before": stretch.begun - stretch.created,
        "share": stretch.pairs / n_pairs,
        "hours": stretch.seconds_for(n_pairs) / 3600,
        "gb": peak / 1e9,
    }


class _EnoughError(Exception):
    """Raised to end a search."""


class _Stretch:
    """Counts pairs from the first block on, and ends the search after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.created = self.begun = self.last = time.perf_counter()
        self.pairs = 0
        self._seconds = seconds
        self._has_begun = False

    def add(self, pairs: int) -> None:
        """Count the pairs of every block except the first."""
        self.last = time.perf_counter()
        if not self._has_begun:
            self.begun, self._has_begun = self.last, True
            return
        self.pairs += pairs
        if self.last - self.begun >= self._seconds:
            raise _EnoughError

    def seconds_for(self, n_pairs: int) -> float:
        """Return the estimated seconds for all pairs, including the start."""
        per_pair = (self.last - self.begun) / max(1, self.pairs)
        return self.begun - self.created + n_pairs * per_pair
