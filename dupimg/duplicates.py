"""Find duplicates: every photo that is removed has a keeper that is similar enough itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from dupimg.similarity import check_threshold, cosine_graph, number_by_first_row


class DuplicateFinder(ClusterMixin, BaseEstimator):
    """Group vectors around keepers that are similar to every member of their group.

    The rows are visited from the best to the worst. A row that no group has claimed yet
    becomes a keeper and claims every unclaimed row with a cosine of at least `threshold` to
    it. So groups are stars: similarity does not chain from member to member, and no row is
    removed in favour of one that it does not resemble.

    Parameters
    ----------
    threshold : float, default=0.95
        Lowest cosine similarity of a duplicate to its keeper, in (0, 1], inclusive.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The duplicate group of every row, numbered from 0 in the order of their first rows. A
        row without duplicates has a group of its own.
    keepers_ : ndarray of shape (n_samples,), int64
        The keeper of every row; a row that stays is its own keeper.
    cosine_to_keeper_ : ndarray of shape (n_samples,), float64
        The cosine of every row to its keeper; 1 for the keepers.
    graph_ : csr_array of shape (n_samples, n_samples), float64
        The cosine of every pair with at least `threshold`; symmetric, no diagonal.
    nearest_cosine_ : ndarray of shape (n_samples,), float64
        The highest cosine of every row to any other row; NaN if there is only one row.
    nearest_index_ : ndarray of shape (n_samples,), int64
        The row with that cosine, the first one on a tie; -1 if there is only one row.
    n_features_in_ : int
        Number of columns seen by `fit`.

    See Also
    --------
    SceneGrouper : Groups vectors that are similar on average.

    Notes
    -----
    All pairs are compared exactly, see `dupimg.similarity.cosine_graph`. Permuting the rows,
    with `keeper_order`, permutes the result.

    Examples
    --------
    >>> import numpy as np
    >>> angles = np.radians([0, 10, 20, 30])
    >>> vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> finder = DuplicateFinder(threshold=0.98).fit(vectors)
    >>> finder.labels_
    array([0, 0, 1, 1])
    >>> finder.keepers_
    array([0, 0, 2, 2])
    >>> DuplicateFinder(threshold=0.98).fit(vectors, keeper_order=[1, 0, 2, 3]).keepers_
    array([1, 1, 1, 3])
    """

    def __init__(self, threshold: float = 0.95) -> None:
        self.threshold = threshold

    def fit(
        self, X: ArrayLike, y: Any = None, *, keeper_order: ArrayLike | None = None
    ) -> DuplicateFinder:
        """Find the duplicates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), float32 or float64
            Vectors of any length but zero, finite.
        y : None
            Ignored.
        keeper_order : array-like of shape (n_samples,), int, optional
            Every row number once, the row that should rather stay first. By default the
            order of the rows.

        Returns
        -------
        DuplicateFinder
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If the threshold is outside (0, 1], a vector is zero or not finite, or
            `keeper_order` is no permutation.
        """
        check_threshold(self.threshold)
        vectors = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        order = _check_keeper_order(keeper_order, len(vectors))
        graph = cosine_graph(vectors, self.threshold)
        self.graph_ = graph.pairs
        self.nearest_cosine_ = graph.nearest_cosine
        self.nearest_index_ = graph.nearest_index
        self.keepers_, self.cosine_to_keeper_ = _claim(graph.pairs, order)
        self.labels_ = number_by_first_row(self.keepers_)
        return self


def _check_keeper_order(keeper_order: ArrayLike | None, n_rows: int) -> NDArray[np.int64]:
    """Return the order as an array, the order of the rows if it is None."""
    rows = np.arange(n_rows)
    if keeper_order is None:
        return rows
    order = np.asarray(keeper_order)
    if not np.array_equal(np.sort(order, axis=None), rows) or order.shape != rows.shape:
        raise ValueError(
            f"Got keeper_order={keeper_order!r}, expected each of the row numbers 0 to "
            f"{n_rows - 1} once, best first."
        )
    return order.astype(np.int64)


def _claim(
    pairs: csr_array, order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Let each row that is unclaimed when its turn comes claim its unclaimed neighbours."""
    n_rows = len(order)
    keepers = np.arange(n_rows)
    cosines = np.ones(n_rows)
    claimed = np.zeros(n_rows, dtype=bool)
    # Rows without neighbours keep themselves, so a million of them cost nothing here.
    has_neighbours = np.diff(pairs.indptr) > 0
    for keeper in order[has_neighbours[order]]:
        if claimed[keeper]:
            continue
        entries = slice(pairs.indptr[keeper], pairs.indptr[keeper + 1])
        neighbours = pairs.indices[entries]
        free = ~claimed[neighbours]
        keepers[neighbours[free]] = keeper
        cosines[neighbours[free]] = pairs.data[entries][free]
        claimed[neighbours] = True
        claimed[keeper] = True
    return keepers, cosines
