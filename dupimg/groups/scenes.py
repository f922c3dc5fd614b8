"""Group photos of the same scene: clusters inside the connected components of similar pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from dupimg.groups.cannot_links import check_links, part
from dupimg.groups.checks import check_pairs, check_vectors
from dupimg.groups.linkage import (
    chained_linkage,
    condensed_cosine_distances,
    cut_linkage,
    joined_labels,
)
from dupimg.groups.nearest_scene import nearest_scene
from dupimg.groups.time_gaps import split_by_time
from dupimg.search.blocks import Checkpoint, Progress, SearchOptions, thread_pools
from dupimg.search.rows import squared_norms
from dupimg.search.similarity import (
    TOLERANCE,
    check_threshold,
    connected_groups,
    number_by_first_row,
)

METHODS = ("agglomerative", "hdbscan")
LINKAGES = ("average", "complete", "single", "chained")

# Maps rows to their labels.
Split = Callable[[NDArray[np.int64]], NDArray[np.int64]]

# hdbscan allocates up to four n x n float64 matrices (3.2 measured): 3 GiB for this many rows.
LARGEST_HDBSCAN_ROWS = 10_000

# Components between these sizes are clustered in parallel; 50 rows take a millisecond, and the
# matrix of distances of 4096 rows takes 130 MB.
_SMALL, _LARGE = 50, 4096


def _can_predict(grouper: SceneGrouper) -> bool:
    """Return True if new vectors can be assigned to scenes; otherwise raise an error."""
    if grouper.method == "hdbscan":
        raise AttributeError(
            "Got method='hdbscan', expected method='agglomerative': HDBSCAN has no rule for new "
            "vectors. Fit them together with the others instead."
        )
    return True


class SceneGrouper(ClusterMixin, BaseEstimator):
    """Group vectors into scenes.

    Each connected component of the pairs with a cosine of at least `threshold` is clustered
    on its own. For agglomerative clustering this is exact: no merge joins two components.

    Parameters
    ----------
    threshold : float, default=0.7
        Cosine similarity in (0, 1], inclusive. With chained and average linkage, scenes merge
        while the mean cosine between their members is at least this.
    method : {"agglomerative", "hdbscan"}, default="agglomerative"
        How the components are clustered. "hdbscan" finds dense regions inside of them; a row
        outside of all regions is a scene of its own.
    linkage : {"average", "complete", "single", "chained"}, default="chained"
        Which cosine between two scenes counts for "agglomerative": the mean, the lowest or
        the highest. With "single" the scenes are the components. "chained" is "average" after
        rows with a cosine of at least `link_threshold` have been joined.
    min_size : int, default=2
        Smallest number of rows in a dense region of "hdbscan", at least 2.
    link_threshold : float, default=0.9
        Cosine similarity in (0, 1], inclusive, from which "chained" linkage joins rows whatever the
        rest of their scenes; `threshold`, if that is higher.
    max_seconds : float, default=None
        Rows whose times are further apart than this never share a scene; None sets no limit.
    memory : int, default=None
        Largest number of bytes for the search, besides the vectors and a necessary minimum; None
        is a quarter of the free memory.
    n_jobs : int, default=None
        Number of blocks of pairs, and of components, to process at once; None is the number of
        cores, or of the workers of the backend in `joblib.parallel_config`.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The scene of every row, numbered from 0 in the order of their first rows.
    n_features_in_ : int
        Number of columns seen by `fit`.

    See Also
    --------
    DuplicateFinder : Finds rows so similar that one of them can go.

    Notes
    -----
    Permuting the rows permutes the labels. Chained linkage takes no matrix of distances.
    Neither does average linkage of large components: one of 50,000 rows of 1280 numbers takes
    1.7 GB more and one to two minutes on two cores. Components of more than
    `dupimg.groups.linkage.LARGEST_MATRIX_ROWS` rows are an error with complete linkage, and so are
    those of more than `dupimg.groups.scenes.LARGEST_HDBSCAN_ROWS` rows with hdbscan.

    Single linkage finds most, but joins ever more unrelated photos as their number grows; average
    linkage does not, but splits scenes of dozens of views. Chained linkage was the best of them, or
    close to it, with few and with many photos, and with scenes of 2 to 40 views.

    Examples
    --------
    >>> import numpy as np
    >>> angles = np.radians([0, 5, 60, 65, 120])
    >>> vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    >>> SceneGrouper().fit_predict(vectors)
    array([0, 0, 1, 1, 2])
    """

    def __init__(
        self,
        *,
        threshold: float = 0.7,
        method: str = "agglomerative",
        linkage: str = "chained",
        min_size: int = 2,
        link_threshold: float = 0.9,
        max_seconds: float | None = None,
        memory: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.threshold = threshold
        self.method = method
        self.linkage = linkage
        self.min_size = min_size
        self.link_threshold = link_threshold
        self.max_seconds = max_seconds
        self.memory = memory
        self.n_jobs = n_jobs

    def fit(
        self,
        X: ArrayLike,
        y: Any = None,
        *,
        times: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        must_link: ArrayLike | None = None,
        cannot_link: ArrayLike | None = None,
        progress: Progress | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> SceneGrouper:
        """Group the vectors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), float32 or float64
            Vectors of any length but zero, finite.
        y : None
            Ignored.
        times : array-like of shape (n_samples,), float, optional
            When each row was taken, in seconds since any moment; NaN if unknown. Only
            `max_seconds` uses it.
        groups : array-like of shape (n_samples,), optional
            Rows of different groups never share a scene: folders, for example.
        must_link : array-like of shape (k, 2), int, optional
            Pairs of rows that share a scene whatever their cosine, unless `groups` or
            `max_seconds` part them.
        cannot_link : array-like of shape (k, 2), int, optional
            Pairs of rows that never share a scene whatever their cosine. A scene with such a pair
            is reclustered without joining them, whatever the method; see
            `dupimg.groups.cannot_links.part`.
        progress : callable, optional
            Called now and then with the number of pairs compared since, n * (n - 1) / 2 in all
            for n rows of a group: the `update` of a tqdm bar.
        checkpoint : Checkpoints, optional
            Saves partial results, so that the same search can resume after an interruption; see
            `dupimg.files.checkpoints`.

        Returns
        -------
        SceneGrouper
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If a parameter is invalid, a vector is zero or not finite, a component is too large for
            the method, `times` or `groups` have another length than X, or `must_link` and
            `cannot_link` contradict each other.
        """
        self._check_parameters()
        options = SearchOptions(
            memory=self.memory, n_jobs=self.n_jobs, progress=progress, checkpoint=checkpoint
        )
        vectors = check_vectors(self, X)
        squared_norms(vectors)  # raises an error for rows that are not finite
        links = check_pairs(must_link, len(vectors), "must_link")
        apart = check_pairs(cannot_link, len(vectors), "cannot_link")
        check_links(links, apart, len(vectors))
        if groups is None:
            labels = self._scenes(vectors, links, options)
        else:
            check_consistent_length(vectors, groups)
            _, labels = np.unique(np.asarray(groups), return_inverse=True)
            labels = _split(
                labels, lambda rows: self._scenes(vectors[rows], pairs_among(links, rows), options)
            )
        if len(apart):
            labels = _split(labels, lambda rows: self._reclustered(vectors, rows, links, apart))
        if times is not None and self.max_seconds is not None:
            limit = self.max_seconds
            seconds = np.asarray(times, dtype=float)
            check_consistent_length(vectors, seconds)
            labels = _split(labels, lambda rows: split_by_time(vectors[rows], seconds[rows], limit))
        self.labels_ = number_by_first_row(labels)
        self._vectors = vectors
        return self

    @available_if(_can_predict)
    def predict(self, X: ArrayLike) -> NDArray[np.int64]:
        """Return the scene of each new vector.

        Parameters
        ----------
        X : array-like of shape (n_queries, n_features), float32 or float64
            Vectors of any length but zero, finite.

        Returns
        -------
        ndarray of shape (n_queries,), int64
            The label of the scene with the highest mean cosine between its members and the
            vector, the smaller label on a tie; -1 if no mean reaches `threshold`.

        Raises
        ------
        AttributeError
            If `method` is "hdbscan", which has no rule for new vectors.
        ValueError
            If a vector is zero or not finite, or has another number of columns than those of `fit`.

        Notes
        -----
        Only vectors count: `times` and `groups` do not restrict the scenes of new vectors.
        New vectors neither join nor change each other's scenes, as they can when fitted together.

        Examples
        --------
        >>> import numpy as np
        >>> grouper = SceneGrouper().fit(np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]]))
        >>> grouper.predict(np.array([[2.0, 0.3], [0.1, 7.0], [-1.0, 0.0]]))
        array([ 0,  1, -1])
        """
        check_is_fitted(self)
        queries = check_vectors(self, X, reset=False)
        return nearest_scene(queries, self._vectors, self.labels_, self.threshold)

    def _scenes(
        self, vectors: NDArray, links: NDArray[np.int64], options: SearchOptions
    ) -> NDArray[np.int64]:
        """Find the components, and cluster each of them."""
        labels = joined_labels(connected_groups(vectors, self.threshold, **vars(options)), links)
        if self.method == "agglomerative" and self.linkage == "single":
            return labels

        def cluster(rows: NDArray[np.int64]) -> NDArray[np.int64]:
            return self._cluster(vectors[rows], pairs_among(links, rows))

        return _split(labels, cluster, options.jobs)

    def _reclustered(
        self,
        vectors: NDArray,
        rows: NDArray[np.int64],
        links: NDArray[np.int64],
        apart: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Recluster the rows of one scene so that `apart` is respected."""
        cannot = pairs_among(apart, rows)
        if not len(cannot):
            return np.zeros(len(rows), np.int64)
        return part(vectors[rows], pairs_among(links, rows), cannot, self.threshold - TOLERANCE)

    def _check_parameters(self) -> None:
        """Raise an error about the first invalid parameter."""
        check_threshold(self.threshold)
        check_threshold(self.link_threshold, "link_threshold")
        for name, allowed in (("method", METHODS), ("linkage", LINKAGES)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"Got {name}={getattr(self, name)!r}, expected one of {allowed}.")
        if not isinstance(self.min_size, Integral) or isinstance(self.min_size, bool):
            raise TypeError(f"Got min_size={self.min_size!r}, expected an integer of at least 2.")
        if self.min_size < 2:
            raise ValueError(f"Got min_size={self.min_size!r}, expected an integer of at least 2.")
        limit = self.max_seconds
        if limit is not None and not (isinstance(limit, Real) and limit > 0):
            raise ValueError(f"Got max_seconds={limit!r}, expected None or a positive number.")

    def _cluster(self, vectors: NDArray, links: NDArray[np.int64]) -> NDArray[np.int64]:
        """Cluster one component."""
        # Sort the rows by content, so that ties do not depend on the order of the input.
        order = _bytewise_order(vectors)
        labels = np.empty(len(vectors), dtype=np.int64)
        place = np.argsort(order)
        links = place[links]
        if self.method == "hdbscan":
            labels[order] = _dense_regions(vectors[order], self.min_size, links)
        elif self.linkage in ("chained", "average") and (len(links) or self.linkage == "chained"):
            chained = self.linkage == "chained"
            link_threshold = max(self.threshold, self.link_threshold) if chained else 1.0
            labels[order] = chained_linkage(vectors[order], self.threshold, link_threshold, links)
        else:
            found = cut_linkage(vectors[order], self.threshold, linkage=self.linkage)
            labels[order] = joined_labels(found, links)
        return labels


def _split(
    labels: NDArray[np.int64],
    split: Callable[[NDArray[np.int64]], NDArray[np.int64]],
    n_jobs: int = 1,
) -> NDArray[np.int64]:
    """Split the rows of each label into the labels that `split` gives them."""
    labels = labels.copy()
    members = sorted(_members(labels), key=len, reverse=True)
    n_labels = labels.max() + 1
    for rows, parts in zip(members, _split_each(split, members, n_jobs), strict=True):
        labels[rows] = n_labels + parts
        n_labels = labels[rows].max() + 1
    return labels


def _split_each(
    split: Split, members: list[NDArray[np.int64]], n_jobs: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the labels that `split` gives to the rows of each label, largest group first.

    Large groups use all cores one after the other; small ones take less time than starting a
    task. Those in between share the cores.
    """
    sizes = np.array([len(rows) for rows in members])
    large, middle = np.count_nonzero(sizes > _LARGE), np.count_nonzero(sizes > _SMALL)
    yield from map(split, members[:large])
    if n_jobs > 1 and middle - large > 1:
        # For the whole program, so that no task resets the threads of BLAS while another works.
        with thread_pools().limit(limits=1, user_api="blas"):
            parallel = Parallel(n_jobs, backend="threading", return_as="generator")
            yield from parallel(delayed(split)(rows) for rows in members[large:middle])
        large = middle
    yield from map(split, members[large:])


def _members(labels: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of every label that has more than one."""
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))
    starts = np.append(0, ends[:-1])
    for start, end in zip(starts, ends, strict=True):
        if end - start > 1:
            yield order[start:end]


def _bytewise_order(vectors: NDArray) -> NDArray[np.int64]:
    """Return the order of the rows by their bytes, a thousand times faster than lexsort."""
    rows = np.ascontiguousarray(vectors + 0.0)  # -0.0 becomes 0.0
    return np.argsort(rows.view(np.dtype((np.void, rows[0].nbytes))).ravel(), kind="stable")


def pairs_among(pairs: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the pairs within ascending `rows`, as positions in `rows`."""
    places = np.minimum(np.searchsorted(rows, pairs), len(rows) - 1)
    return places[(rows[places] == pairs).all(axis=1)]


def _dense_regions(vectors: NDArray, min_size: int, links: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cluster one component by HDBSCAN; each noise row gets a label of its own."""
    n_rows = len(vectors)
    if n_rows > LARGEST_HDBSCAN_ROWS:
        gibibytes = 4 * 8 * n_rows**2 / 2**30
        raise ValueError(
            f"Got a group of {n_rows} photos that similar pairs connect, expected at most "
            f"{LARGEST_HDBSCAN_ROWS} for method='hdbscan': it would take "
            f"{gibibytes:.1f} GiB. Use method='agglomerative' or a higher threshold."
        )
    if n_rows <= min_size:
        alone = np.zeros(n_rows, np.int64) if n_rows == min_size else np.arange(n_rows)
        return joined_labels(alone, links)
    from hdbscan import HDBSCAN  # takes a second to import and is rarely used

    # With allow_single_cluster, because a component may be one dense region.
    clusterer = HDBSCAN(min_cluster_size=min_size, metric="precomputed", allow_single_cluster=True)
    distances = squareform(condensed_cosine_distances(vectors))
    distances[links[:, 0], links[:, 1]] = distances[links[:, 1], links[:, 0]] = 0.0
    labels = clusterer.fit_predict(distances)
    # HDBSCAN may label one of two identical rows as noise, depending on their order, so identical
    # rows share the label of any of them.
    _, distinct = np.unique(vectors, axis=0, return_inverse=True)
    shared = np.full(n_rows, -1)
    np.maximum.at(shared, distinct.ravel(), labels)
    own = labels.max() + 1 + np.arange(n_rows)
    return joined_labels(np.where(shared < 0, own, shared)[distinct.ravel()], links)
