"""Find duplicates: every photo that is removed has a keeper that is similar enough itself."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from dupimg.similarity import (
    TOLERANCE,
    CosineGraph,
    Select,
    check_threshold,
    cosine_graph,
    number_by_first_row,
)
from dupimg.thumbnails import Thumbnails

RULES = ("cosine", "verified")

# A photo turned by 90° has a lower cosine to itself: 0.68 to 0.76 measured, where mirroring
# leaves 0.95.
ROTATED_CANDIDATE_THRESHOLD = 0.6


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
    rule : {"cosine", "verified"}, default="cosine"
        "cosine" goes by `threshold`. "verified" takes a second look at thumbnails: a duplicate
        has a cosine of at least `candidate_threshold` to its keeper, and their thumbnails are
        copies: their correlation is at least `copy_threshold`, and 0.9 on average of their
        parts. So it finds copies of lower quality, and spares photos of one scene that were
        taken at another moment.
    candidate_threshold : float, default=0.8
        Cosine similarity in (0, 1], inclusive, from which thumbnails are compared.
    copy_threshold : float, default=0.97
        Correlation of thumbnails in (0, 1], inclusive, from which one photo is a copy of the
        other.
    rotations : bool, default=False
        Whether a copy may be turned by 90°, 180° or 270°. Thumbnails are then compared from
        a cosine of 0.6, if that is lower: several times the pairs, four times the work for each.
    mirrored : bool, default=False
        Whether a copy may be mirrored: twice the work for each pair.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The duplicate group of every row, numbered from 0 in the order of their first rows. A
        row without duplicates has a group of its own.
    keepers_ : ndarray of shape (n_samples,), int64
        The keeper of every row; a row that stays is its own keeper.
    cosine_to_keeper_ : ndarray of shape (n_samples,), float64
        The cosine of every row to its keeper; 1 for the keepers.
    thumb_correlation_ : ndarray of shape (n_samples,), float64
        The correlation of the thumbnails of every row and its keeper, of a keeper and the row
        nearest to it. NaN where their cosine is below `candidate_threshold` (and `threshold`),
        and without thumbnails.
    is_copy_ : ndarray of shape (n_samples,), bool
        Whether the thumbnails of these two rows are copies.
    other_rule_keepers_ : ndarray of shape (n_samples,), int64
        The keepers by the other rule; only with thumbnails.
    graph_ : csr_array of shape (n_samples, n_samples), float64
        The cosine of every pair that is similar enough by the rule; symmetric, no diagonal.
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

    def __init__(
        self,
        threshold: float = 0.95,
        *,
        rule: str = "cosine",
        candidate_threshold: float = 0.8,
        copy_threshold: float = 0.97,
        rotations: bool = False,
        mirrored: bool = False,
    ) -> None:
        self.threshold = threshold
        self.rule = rule
        self.candidate_threshold = candidate_threshold
        self.copy_threshold = copy_threshold
        self.rotations = rotations
        self.mirrored = mirrored

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        keeper_order: ArrayLike | None = None,
        thumbnails: ArrayLike | None = None,
        cannot_link: ArrayLike | None = None,
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
        thumbnails : array-like of shape (n_samples, side, side), uint8, optional
            A small grey upright picture of each photo, which `rule="verified"` needs.
        cannot_link : array-like of shape (k, 2), int, optional
            Pairs of rows that are no duplicates of each other whatever their cosine. Both may
            still be duplicates of a third row.

        Returns
        -------
        DuplicateFinder
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If a parameter is not as described, a vector is zero or not finite,
            `keeper_order` is no permutation, the thumbnails do not fit, or `cannot_link` holds
            something else than pairs of different rows.
        """
        self._check_parameters()
        vectors = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        order = _check_keeper_order(keeper_order, len(vectors))
        may_link = _may_link(cannot_link, len(vectors))
        if thumbnails is None:
            if self.rule == "verified":
                raise ValueError("Got no thumbnails, expected them for rule='verified'.")
            graph = cosine_graph(vectors, self.threshold, select=may_link)
            self.graph_ = graph.pairs
        else:
            small = Thumbnails(
                thumbnails, len(vectors), rotations=self.rotations, mirrored=self.mirrored
            )
            graph = self._graph_of_both_rules(vectors, small, may_link)
            by_rule = self._pairs_by_rule(graph.pairs, small)
            self.graph_ = by_rule.pop(self.rule)
            (other,) = by_rule.values()
            self.other_rule_keepers_, _ = _claim(other, order)
        self.nearest_cosine_ = graph.nearest_cosine
        self.nearest_index_ = graph.nearest_index
        self.keepers_, self.cosine_to_keeper_ = _claim(self.graph_, order)
        self.labels_ = number_by_first_row(self.keepers_)
        self.thumb_correlation_ = np.full(len(vectors), np.nan)
        self.is_copy_ = np.zeros(len(vectors), dtype=bool)
        if thumbnails is not None:
            self._correlate(small)
        return self

    @property
    def _candidates_from(self) -> float:
        if not self.rotations:
            return self.candidate_threshold
        return min(self.candidate_threshold, ROTATED_CANDIDATE_THRESHOLD)

    @property
    def search_threshold(self) -> float:
        """Lowest cosine similarity of two rows that can matter to each other by either rule."""
        return min(self._candidates_from, self.threshold)

    def _graph_of_both_rules(
        self, vectors: NDArray, thumbnails: Thumbnails, may_link: Select | None
    ) -> CosineGraph:
        """Find the pairs that count by either rule; no others are held in memory."""

        def select(i: NDArray, j: NDArray, cosines: NDArray) -> NDArray[np.bool_]:
            wanted = cosines >= self.threshold - TOLERANCE
            rest = np.flatnonzero(~wanted)
            wanted[rest] = thumbnails.are_copies(i[rest], j[rest], self.copy_threshold)
            return wanted if may_link is None else wanted & may_link(i, j, cosines)

        return cosine_graph(vectors, self.search_threshold, select=select)

    def _pairs_by_rule(self, pairs: csr_array, thumbnails: Thumbnails) -> dict[str, csr_array]:
        rows = np.repeat(np.arange(pairs.shape[0]), np.diff(pairs.indptr))
        is_copy = thumbnails.are_copies(rows, pairs.indices, self.copy_threshold)
        is_copy &= pairs.data >= self._candidates_from - TOLERANCE
        return {
            "cosine": _only(pairs, pairs.data >= self.threshold - TOLERANCE),
            "verified": _only(pairs, is_copy),
        }

    def _correlate(self, thumbnails: Thumbnails) -> None:
        """Compare the thumbnails of rows with their keepers, of keepers with their nearest."""
        rows = np.arange(len(self.keepers_))
        stays = self.keepers_ == rows
        others = np.where(stays, self.nearest_index_, self.keepers_)
        cosines = np.where(stays, self.nearest_cosine_, self.cosine_to_keeper_)
        compared = cosines >= self.search_threshold - TOLERANCE
        i, j = rows[compared], others[compared]
        self.thumb_correlation_[compared] = thumbnails.correlations(i, j)
        self.is_copy_[compared] = thumbnails.are_copies(i, j, self.copy_threshold)

    def _check_parameters(self) -> None:
        """Raise an error that names the first parameter that is not as described."""
        for name in ("threshold", "candidate_threshold", "copy_threshold"):
            check_threshold(getattr(self, name), name)
        if self.rule not in RULES:
            raise ValueError(f"Got rule={self.rule!r}, expected one of {RULES}.")


def _only(pairs: csr_array, wanted: NDArray[np.bool_]) -> csr_array:
    """Return some of the pairs of a graph."""
    kept = np.concatenate([[0], np.cumsum(wanted)])
    return csr_array(
        (pairs.data[wanted], pairs.indices[wanted], kept[pairs.indptr]), shape=pairs.shape
    )


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


def _may_link(cannot_link: ArrayLike | None, n_rows: int) -> Select | None:
    """Return what keeps all pairs but those of `cannot_link`; None if those are none."""
    if cannot_link is None or np.size(cannot_link) == 0:
        return None
    apart = np.asarray(cannot_link)
    expected = f"expected pairs of different row numbers from 0 to {n_rows - 1}"
    if apart.ndim != 2 or apart.shape[1] != 2 or not np.issubdtype(apart.dtype, np.integer):
        raise ValueError(
            f"Got cannot_link of shape {apart.shape} and type {apart.dtype}, {expected}."
        )
    bad = np.flatnonzero(
        (apart < 0).any(axis=1) | (apart >= n_rows).any(axis=1) | (apart[:, 0] == apart[:, 1])
    )
    if bad.size:
        raise ValueError(f"Got cannot_link with the pair {apart[bad[0]].tolist()}, {expected}.")
    # A pair of rows as one number, the smaller row first.
    forbidden = apart.min(axis=1).astype(np.int64) * n_rows + apart.max(axis=1)

    def select(i: NDArray, j: NDArray, cosines: NDArray) -> NDArray[np.bool_]:
        return ~np.isin(i * n_rows + j, forbidden)

    return select


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
