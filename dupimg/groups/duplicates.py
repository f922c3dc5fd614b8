"""Find duplicates: every removed vector is similar enough to its keeper."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from dupimg.groups.checks import check_marks, check_order, check_pairs, check_vectors
from dupimg.groups.keeper_claims import Claims
from dupimg.groups.thumbnails import Thumbnails
from dupimg.search.blocks import Block, Checkpoint, Progress, SearchOptions
from dupimg.search.pairs import search_pairs, search_rectangle
from dupimg.search.rows import Rows, pair_cosines
from dupimg.search.similarity import (
    TOLERANCE,
    Select,
    check_threshold,
    cosine_graph,
    number_by_first_row,
)

RULES = ("cosine", "verified")

# Turned by 90°, a photo has a low cosine to itself: 0.68 to 0.76 measured, against 0.95 for a
# mirrored one.
ROTATED_CANDIDATE_THRESHOLD = 0.6


def _can_predict(finder: DuplicateFinder) -> bool:
    """Return True if vectors alone decide about duplicates; otherwise raise an error."""
    if finder.rule != "cosine":
        raise AttributeError(
            f"Got rule={finder.rule!r}, expected rule='cosine': `predict` sees no thumbnails. Fit "
            "the new vectors together with the others instead."
        )
    return True


class DuplicateFinder(ClusterMixin, BaseEstimator):
    """Group vectors around keepers that are similar to every member of their group.

    The rows are visited from the best to the worst. Each unclaimed row becomes a keeper and
    claims every unclaimed row with a cosine of at least `threshold` to it. So groups are stars:
    similarity does not chain from member to member, and every removed row resembles its keeper.

    Parameters
    ----------
    threshold : float, default=0.95
        Lowest cosine similarity of a duplicate to its keeper, in (0, 1], inclusive.
    rule : {"cosine", "verified"}, default="cosine"
        "cosine" uses `threshold`. "verified" also compares thumbnails: a duplicate has a cosine of
        at least `candidate_threshold` to its keeper, and their thumbnails correlate by at least
        `copy_threshold`, their parts by 0.9 on average. So it finds copies of lower quality, and
        spares photos of the same scene at another moment.
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
    memory : int, default=None
        Largest number of bytes for the search, besides the vectors and a necessary minimum; None
        is a quarter of the free memory.
    n_jobs : int, default=None
        Number of blocks of pairs to compare at once; None is the number of cores, or of the
        workers of the backend in `joblib.parallel_config`.

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
        The correlation of the thumbnails of every row and its keeper; for keepers, of the row and
        its nearest one. NaN without thumbnails, or if the cosine is below `candidate_threshold`
        (and `threshold`).
    is_copy_ : ndarray of shape (n_samples,), bool
        Whether these two thumbnails are copies.
    other_rule_keepers_ : ndarray of shape (n_samples,), int64
        The keepers by the other rule; only with thumbnails.
    nearest_cosine_ : ndarray of shape (n_samples,), float64
        The highest cosine of every row to any other row; NaN if there is only one row.
    nearest_index_ : ndarray of shape (n_samples,), int64
        The row with that cosine, the first one in `keeper_order` on a tie; -1 if there is only
        one row.
    n_features_in_ : int
        Number of columns seen by `fit`.

    See Also
    --------
    SceneGrouper : Groups vectors that are similar on average.

    Notes
    -----
    All pairs are compared exactly, see `dupimg.search.similarity.cosine_graph`, but not stored:
    besides the vectors this takes about 100 bytes for a row, however many pairs there are.
    Permuting the rows, with `keeper_order`, permutes the result. A memory map of float32 or
    float64 is read part by part, never as a whole.

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
        *,
        threshold: float = 0.95,
        rule: str = "cosine",
        candidate_threshold: float = 0.8,
        copy_threshold: float = 0.97,
        rotations: bool = False,
        mirrored: bool = False,
        memory: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.threshold = threshold
        self.rule = rule
        self.candidate_threshold = candidate_threshold
        self.copy_threshold = copy_threshold
        self.rotations = rotations
        self.mirrored = mirrored
        self.memory = memory
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        keeper_order: ArrayLike | None = None,
        thumbnails: ArrayLike | None = None,
        cannot_link: ArrayLike | None = None,
        must_stay: ArrayLike | None = None,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> DuplicateFinder:
        """Find the duplicates.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), float32 or float64
            Vectors of any length but zero, finite.
        y : None
            Ignored.
        keeper_order : array-like of shape (n_samples,), int, optional
            All row numbers, best keeper first. By default the order of the rows.
        thumbnails : array-like of shape (n_samples, side, side), uint8, optional
            A small grey upright picture of each photo; required by `rule="verified"`.
        cannot_link : array-like of shape (k, 2), int, optional
            Pairs of rows that are not duplicates of each other whatever their cosine. Both may
            still be duplicates of a third row.
        must_stay : array-like of shape (n_samples,), bool, optional
            Rows that always stay, such as those of a training set. They come first in the order of
            keepers, and are not duplicates of each other.
        progress : callable, optional
            Called now and then with the number of pairs compared since, n * (n - 1) / 2 in all:
            the `update` of a tqdm bar.
        checkpoint : Checkpoints, optional
            Saves partial results, so that the same search can resume after an interruption; see
            `dupimg.files.checkpoints`.

        Returns
        -------
        DuplicateFinder
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If a parameter is invalid, a vector is zero or not finite, `keeper_order` is no
            permutation, the thumbnails do not fit, or `cannot_link` does not consist of pairs of
            different rows.
        """
        self._check_parameters()
        options = SearchOptions(
            memory=self.memory, n_jobs=self.n_jobs, progress=progress, checkpoint=checkpoint
        )
        vectors = check_vectors(self, X)
        order = check_order(keeper_order, len(vectors), "keeper_order")
        staying = check_marks(must_stay, len(vectors), "must_stay")
        order = np.concatenate([order[staying[order]], order[~staying[order]]])
        apart = _distinct_pair_numbers(cannot_link, len(vectors))
        small = self._thumbnails(thumbnails, len(vectors))
        data = Rows.of(vectors)
        keepers, nearest = self._search(data, order, apart, small, options, staying)
        self.nearest_cosine_, self.nearest_index_ = nearest
        self.keepers_ = keepers[self.rule]
        if small is not None:
            (other,) = set(RULES) - {self.rule}
            self.other_rule_keepers_ = keepers[other]
        self._vectors, self._order = vectors, order
        self._describe(small)
        return self

    def decide_otherwise(self, keepers: NDArray[np.int64], thumbnails: ArrayLike) -> None:
        """Replace the keepers of a fitted estimator, and update the dependent attributes.

        Parameters
        ----------
        keepers : ndarray of shape (n_samples,), int64
            The keeper of every row; a row that stays is its own keeper.
        thumbnails : array-like of shape (n_samples, side, side), uint8
            As in `fit`.
        """
        self.keepers_ = keepers
        self._describe(self._thumbnails(thumbnails, len(keepers)))

    def _describe(self, thumbnails: Thumbnails | None) -> None:
        """Compare the rows with their keepers."""
        n_rows, data = len(self.keepers_), Rows.of(self._vectors)
        self.labels_ = number_by_first_row(self.keepers_)
        gone = np.flatnonzero(self.keepers_ != np.arange(n_rows))
        self.cosine_to_keeper_ = np.ones(n_rows)
        self.cosine_to_keeper_[gone] = pair_cosines(data, gone, data, self.keepers_[gone])
        self.thumb_correlation_ = np.full(n_rows, np.nan)
        self.is_copy_ = np.zeros(n_rows, dtype=bool)
        if thumbnails is not None:
            self._correlate(thumbnails)
        self._keeper_order = self._order[self.keepers_[self._order] == self._order]

    @available_if(_can_predict)
    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the keeper of each new vector.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), float32 or float64
            Vectors of any length but zero, finite.

        Returns
        -------
        ndarray of shape (n_queries,), int64
            The row of `fit` that would have claimed the vector had it come last: the first keeper
            in `keeper_order` with a cosine of at least `threshold` to it. -1 if there is none.

        Raises
        ------
        AttributeError
            If `rule` is not "cosine".
        ValueError
            If a vector is zero or not finite, or has another number of columns than those of `fit`.

        Examples
        --------
        >>> import numpy as np
        >>> finder = DuplicateFinder().fit(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
        >>> finder.predict(np.array([[2.0, 0.3], [0.0, 7.0], [1.0, 1.0]]))
        array([ 0,  2, -1])
        """
        check_is_fitted(self)
        queries = check_vectors(self, X, reset=False)
        accepted = self.threshold - TOLERANCE
        claimed = np.full(len(queries), len(self._keeper_order))

        def take(_: Block, i: NDArray[np.int64], j: NDArray[np.int64], cosines: NDArray) -> None:
            similar = cosines >= accepted
            np.minimum.at(claimed, i[similar], j[similar])

        keepers = Rows.of(self._vectors).ordered(self._keeper_order)
        options = SearchOptions(memory=self.memory, n_jobs=self.n_jobs)
        search_rectangle(Rows.of(queries), keepers, accepted, take, options)
        return np.append(self._keeper_order, -1)[claimed]

    def pair_graph(
        self,
        X: ArrayLike,
        *,
        thumbnails: ArrayLike | None = None,
        cannot_link: ArrayLike | None = None,
    ) -> csr_array:
        """Return all pairs that are duplicates by the rule, with or without a keeper.

        Parameters
        ----------
        X, thumbnails, cannot_link
            As in `fit`.

        Returns
        -------
        csr_array of shape (n_samples, n_samples), float64
            The cosine of every such pair; symmetric, no diagonal.
        """
        self._check_parameters()
        vectors = check_vectors(self, X)
        apart = _distinct_pair_numbers(cannot_link, len(vectors))
        small = self._thumbnails(thumbnails, len(vectors))
        select = self._select(self.rule, small, apart, len(vectors))
        lowest = self.threshold if self.rule == "cosine" else self._candidates_from
        return cosine_graph(
            vectors, lowest, select=select, memory=self.memory, n_jobs=self.n_jobs
        ).pairs

    @property
    def _candidates_from(self) -> float:
        if not self.rotations:
            return self.candidate_threshold
        return min(self.candidate_threshold, ROTATED_CANDIDATE_THRESHOLD)

    @property
    def search_threshold(self) -> float:
        """Lowest cosine similarity at which either rule can find duplicates."""
        return min(self._candidates_from, self.threshold)

    def _thumbnails(self, thumbnails: ArrayLike | None, n_rows: int) -> Thumbnails | None:
        if thumbnails is not None:
            return Thumbnails(thumbnails, n_rows, rotations=self.rotations, mirrored=self.mirrored)
        if self.rule == "verified":
            raise ValueError("Got no thumbnails, expected them for rule='verified'.")
        return None

    def _search(
        self,
        data: Rows,
        order: NDArray[np.int64],
        apart: NDArray[np.int64],
        thumbnails: Thumbnails | None,
        options: SearchOptions,
        staying: NDArray[np.bool_],
    ) -> tuple[dict[str, NDArray[np.int64]], tuple[NDArray[np.float64], NDArray[np.int64]]]:
        """Search all pairs in keeper order; return keepers by rule, and the nearest rows."""
        rules = RULES if thumbnails is not None else ("cosine",)
        claims = {rule: Claims(len(data)) for rule in rules}
        select = {rule: self._select(rule, thumbnails, apart, len(data)) for rule in rules}
        stays = staying[order]

        def are_free(block: Block) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
            free = [of_rule.are_free(block) for of_rule in claims.values()]
            rows, columns = (np.logical_or.reduce(side) for side in zip(*free, strict=True))
            return rows, columns

        def take(block: Block, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
            for rule, of_rule in claims.items():
                rows, columns = of_rule.are_free(block)
                may_go = columns[j - block.columns.start] & ~stays[j]
                free = np.flatnonzero(rows[i - block.rows.start] & may_go)
                wanted = free[select[rule](order[i[free]], order[j[free]], cosines[free])]
                of_rule.take(block, i[wanted], j[wanted])

        lowest = self.threshold if thumbnails is None else self.search_threshold
        nearest = search_pairs(
            data.ordered(order),
            lowest - TOLERANCE,
            take,
            options,
            are_free=are_free,
            key=self._digest(apart, thumbnails) + stays.tobytes() * bool(stays.any()),
        )
        keepers = {rule: _in_row_order(found.keepers, order) for rule, found in claims.items()}
        return keepers, _nearest_in_row_order(*nearest.result(), order)

    def _select(
        self,
        rule: str,
        thumbnails: Thumbnails | None,
        apart: NDArray[np.int64],
        n_rows: int,
    ) -> Select:
        """Return a function that selects the duplicate pairs of a rule."""

        def select(i: NDArray, j: NDArray, cosines: NDArray) -> NDArray[np.bool_]:
            if thumbnails is None or rule == "cosine":
                wanted = cosines >= self.threshold - TOLERANCE
            else:
                wanted = cosines >= self._candidates_from - TOLERANCE
                wanted[wanted] = thumbnails.are_copies(i[wanted], j[wanted], self.copy_threshold)
            if len(apart):
                wanted &= ~np.isin(_pair_numbers(i, j, n_rows), apart)
            return wanted

        return select

    def _digest(self, apart: NDArray[np.int64], thumbnails: Thumbnails | None) -> bytes:
        """Return a digest of all that claims depend on, except vectors and order."""
        parameters = self.threshold, self.candidate_threshold, self.copy_threshold
        digest = hashlib.blake2b(repr((parameters, self.rotations, self.mirrored)).encode())
        digest.update(apart.tobytes())
        if thumbnails is not None:
            digest.update(thumbnails.upright.data)
        return digest.digest()

    def _correlate(self, thumbnails: Thumbnails) -> None:
        """Correlate thumbnails of rows and their keepers, of keepers and their nearest rows."""
        rows = np.arange(len(self.keepers_))
        stays = self.keepers_ == rows
        others = np.where(stays, self.nearest_index_, self.keepers_)
        cosines = np.where(stays, self.nearest_cosine_, self.cosine_to_keeper_)
        compared = ~stays | (cosines >= self.search_threshold - TOLERANCE)
        i, j = rows[compared], others[compared]
        self.thumb_correlation_[compared] = thumbnails.correlations(i, j)
        self.is_copy_[compared] = thumbnails.are_copies(i, j, self.copy_threshold)

    def _check_parameters(self) -> None:
        """Raise an error about the first invalid parameter."""
        for name in ("threshold", "candidate_threshold", "copy_threshold"):
            check_threshold(getattr(self, name), name)
        if self.rule not in RULES:
            raise ValueError(f"Got rule={self.rule!r}, expected one of {RULES}.")


def _distinct_pair_numbers(pairs: ArrayLike | None, n_rows: int) -> NDArray[np.int64]:
    """Check `cannot_link`; return its pairs as sorted numbers, see `_pair_numbers`."""
    i, j = check_pairs(pairs, n_rows, "cannot_link").T
    return np.unique(_pair_numbers(i, j, n_rows))


def _pair_numbers(i: NDArray, j: NDArray, n_rows: int) -> NDArray[np.int64]:
    """Return a number for each pair of rows, the same for both orders."""
    return np.minimum(i, j).astype(np.int64) * n_rows + np.maximum(i, j)


def _in_row_order(places: NDArray[np.int64], order: NDArray[np.int64]) -> NDArray[np.int64]:
    """Map indices from keeper order back to row order."""
    rows = np.empty_like(order)
    rows[order] = order[places]
    return rows


def _nearest_in_row_order(
    cosine: NDArray[np.float64], index: NDArray[np.int64], order: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Map nearest rows and their cosines from keeper order back to row order."""
    nearest = np.empty(len(order))
    nearest[order] = cosine
    return nearest, _in_row_order(index, order) if len(order) > 1 else index
