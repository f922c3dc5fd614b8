"""What a person sees of a search: how long it will take, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from dupimg.options.analysis_options import RunOptions
from dupimg.progress import notice, progress_bar
from dupimg.search.blocks import Progress
from dupimg.search.estimate import estimate_search

# A shorter search is over before anybody has read how long it takes.
_SECONDS_WORTH_SAYING = 10

# So few rows take less, on any computer; then the estimate would be a part of the time.
_FEWEST_ROWS = 10_000


@contextmanager
def watched_search(
    what: str, vectors: NDArray, options: RunOptions, groups: Sequence[str] | None = None
) -> Iterator[Progress]:
    """Say what a search will take if that is much, and show a bar while it runs.

    Parameters
    ----------
    what : str
        The step, as the bar calls it.
    vectors : ndarray of shape (n, d)
    options : RunOptions
    groups : sequence of str, optional
        Rows of different groups are not compared.

    Yields
    ------
    callable
        To be called with numbers of pairs that have been compared.
    """
    sizes = np.array([len(vectors)])
    if groups is not None:
        sizes = np.unique(groups, return_counts=True)[1]
    if sizes.max() >= _FEWEST_ROWS and not options.quiet:
        estimate = estimate_search(
            int(sizes.max()), vectors.shape[1], memory=options.memory, n_jobs=options.jobs
        )
        if estimate.seconds > _SECONDS_WORTH_SAYING:
            notice(f"{what} {sizes.max():,} photos: {estimate}", quiet=options.quiet)
    n_pairs = int((sizes * (sizes - 1) // 2).sum())
    with progress_bar(n_pairs, what, unit="pairs", quiet=options.quiet) as bar:
        yield bar.update
