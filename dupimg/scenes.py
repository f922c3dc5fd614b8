"""Group photos of the same scene: clusters inside the connected components of similar pairs."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import squareform
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import validate_data

from dupimg.linkage import LINKAGES, condensed_cosine_distances, cut_linkage
from dupimg.similarity import check_threshold, connected_groups, number_by_first_row

METHODS = ("agglomerative", "hdbscan")

# hdbscan holds up to four n x n float64 matrices (3.2 measured): 3 GiB for this many rows.
LARGEST_HDBSCAN_ROWS = 10_000


class SceneGrouper(ClusterMixin, BaseEstimator):
    """Group vectors into scenes.

    Each connected component of the pairs with a cosine of at least `threshold` is clustered
    on its own. For agglomerative clustering this is exact: no merge joins two components.

    Parameters
    ----------
    threshold : float, default=0.7
        Cosine similarity in (0, 1], inclusive. With average linkage, scenes merge while the
        mean cosine between their members is at least this.
    method : {"agglomerative", "hdbscan"}, default="agglomerative"
        How the components are clustered. "hdbscan" looks for dense regions inside of them; a
        row that belongs to none is a scene of its own.
    linkage : {"average", "complete", "single"}, default="average"
        Which cosine between two scenes counts for "agglomerative": the mean, the lowest or
        the highest. With "single" the scenes are the components.
    min_size : int, default=2
        Smallest number of rows that "hdbscan" takes for a dense region, at least 2.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,), int64
        The scene of every row, numbered from 0 in the order of their first rows.
    n_features_in_ : int
        Number of columns seen by `fit`.

    See Also
    --------
    DuplicateFinder : Finds rows that are so similar that one of them can go.

    Notes
    -----
    Permuting the rows permutes the labels. Components of more than
    `dupimg.linkage.LARGEST_MATRIX_ROWS` rows are clustered without a matrix of distances with
    average linkage, and are an error with complete linkage; so are components of more than
    `dupimg.scenes.LARGEST_HDBSCAN_ROWS` rows with hdbscan.

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
        threshold: float = 0.7,
        method: str = "agglomerative",
        linkage: str = "average",
        min_size: int = 2,
    ) -> None:
        self.threshold = threshold
        self.method = method
        self.linkage = linkage
        self.min_size = min_size

    def fit(self, X: ArrayLike, y: Any = None) -> SceneGrouper:
        """Group the vectors.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), float32 or float64
            Vectors of any length but zero, finite.
        y : None
            Ignored.

        Returns
        -------
        SceneGrouper
            The fitted estimator itself.

        Raises
        ------
        ValueError
            If a parameter is not as described, a vector is zero or not finite, or a component
            is too large for the method.
        """
        self._check_parameters()
        vectors = validate_data(self, X, dtype=[np.float64, np.float32], order="C")
        labels = connected_groups(vectors, self.threshold)
        if self.method == "hdbscan" or self.linkage != "single":
            n_labels = labels.max() + 1
            for rows in _members(labels):
                labels[rows] = n_labels + self._cluster(vectors[rows])
                n_labels = labels[rows].max() + 1
        self.labels_ = number_by_first_row(labels)
        return self

    def _check_parameters(self) -> None:
        """Raise an error that names the first parameter that is not as described."""
        check_threshold(self.threshold)
        for name, allowed in (("method", METHODS), ("linkage", LINKAGES)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"Got {name}={getattr(self, name)!r}, expected one of {allowed}.")
        if not isinstance(self.min_size, Integral) or isinstance(self.min_size, bool):
            raise TypeError(f"Got min_size={self.min_size!r}, expected an integer of at least 2.")
        if self.min_size < 2:
            raise ValueError(f"Got min_size={self.min_size!r}, expected an integer of at least 2.")

    def _cluster(self, vectors: NDArray) -> NDArray[np.int64]:
        """Cluster one component."""
        # In an order of the rows' own, so that ties do not hang on the order of the input.
        order = _bytewise_order(vectors)
        labels = np.empty(len(vectors), dtype=np.int64)
        if self.method == "hdbscan":
            labels[order] = _dense_regions(vectors[order], self.min_size)
        else:
            labels[order] = cut_linkage(vectors[order], self.threshold, linkage=self.linkage)
        return labels


def _members(labels: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of every label that has more than one."""
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels))
    starts = np.append(0, ends[:-1])
    for start, end in zip(starts, ends, strict=True):
        if end - start > 1:
            yield order[start:end]


def _bytewise_order(vectors: NDArray) -> NDArray[np.int64]:
    """Return the order of the rows as strings of bytes, a thousand times faster than lexsort."""
    rows = np.ascontiguousarray(vectors + 0.0)  # -0.0 becomes 0.0
    return np.argsort(rows.view(np.dtype((np.void, rows[0].nbytes))).ravel(), kind="stable")


def _dense_regions(vectors: NDArray, min_size: int) -> NDArray[np.int64]:
    """Cluster one component by HDBSCAN; what it calls noise gets labels of its own."""
    n_rows = len(vectors)
    if n_rows > LARGEST_HDBSCAN_ROWS:
        gibibytes = 4 * 8 * n_rows**2 / 2**30
        raise ValueError(
            f"Got a group of {n_rows} photos that similar pairs connect, expected at most "
            f"{LARGEST_HDBSCAN_ROWS} for method='hdbscan': it would take "
            f"{gibibytes:.1f} GiB. Use method='agglomerative' or a higher threshold."
        )
    if n_rows <= min_size:
        return np.zeros(n_rows, np.int64) if n_rows == min_size else np.arange(n_rows)
    from hdbscan import HDBSCAN  # takes a second to import, and is seldom used

    # A component may well be one dense region: without allow_single_cluster it never is.
    clusterer = HDBSCAN(min_cluster_size=min_size, metric="precomputed", allow_single_cluster=True)
    labels = clusterer.fit_predict(squareform(condensed_cosine_distances(vectors)))
    # It may call one of two identical rows noise, depending on their order: rows that are
    # identical share the label of any of them.
    _, distinct = np.unique(vectors, axis=0, return_inverse=True)
    shared = np.full(n_rows, -1)
    np.maximum.at(shared, distinct.ravel(), labels)
    own = labels.max() + 1 + np.arange(n_rows)
    return np.where(shared < 0, own, shared)[distinct.ravel()]
