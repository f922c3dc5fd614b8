"""Show the progress bar of a search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from dupimg.progress import progress_bar
from dupimg.search.blocks import Progress


@contextmanager
def watched_search(
    what: str, n_rows: int, *, groups: Sequence[str] | None = None, quiet: bool
) -> Iterator[Progress]:
    """Show a progress bar with the remaining time while a search runs.

    Parameters
    ----------
    what : str
        The name of the step in the bar.
    n_rows : int
    groups : sequence of str, optional
        Rows of different groups are not compared.
    quiet : bool
        Whether to hide the bar.

    Yields
    ------
    callable
        Takes the number of pairs compared since the last call.
    """
    sizes = [n_rows] if groups is None else Counter(groups).values()
    n_pairs = sum(size * (size - 1) // 2 for size in sizes)
    with progress_bar(n_pairs, what, unit="pairs", quiet=quiet) as bar:
        yield bar.update
