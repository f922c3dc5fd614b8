"""What a search will take, before it begins."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from dupimg.search.all_pairs import search_rectangle
from dupimg.search.arithmetic import Rows, squared_norms, unit_rows
from dupimg.search.blocks import block_bytes
from dupimg.search.pruning import MOST_DIRECTIONS
from dupimg.search.search_options import SearchOptions

# Lengths, nearest, claims and their copies, for each row.
_BYTES_PER_ROW = 100

# How many times a few blocks are compared, which takes a tenth of a second.
_TIMES = 3


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
    rows = random.standard_normal(((1 + 2 * options.jobs) * size, n_features), dtype=np.float32)
    rows = unit_rows(rows, squared_norms(rows), dtype=np.float32)
    left, right = Rows.of(rows[:size]), Rows.of(rows[size:])
    # The first time takes longer: threads and caches are cold.
    seconds = min(_seconds(left, right, options) for _ in range(_TIMES))
    seconds *= n_rows**2 / 2 / (len(left) * len(right))
    sketches = min(4 * (MOST_DIRECTIONS + 1) * n_rows, options.sketch_bytes)
    blocks = options.jobs * block_bytes(size, n_features)
    return SearchEstimate(seconds, _BYTES_PER_ROW * n_rows + blocks + sketches)


def _seconds(left: Rows, right: Rows, options: SearchOptions) -> float:
    """Return how long comparing some rows takes."""
    start = time.perf_counter()
    search_rectangle(left, right, 1.0, lambda *_: None, options)
    return time.perf_counter() - start
