"""Count pairs of photos: those that belong together, and those that were put together.

Counts come from contingency tables and sparse graphs, so they are exact and take no matrix of
all pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import v_measure_score
from sklearn.metrics.cluster import contingency_matrix

from dupimg.search.similarity import TOLERANCE, cosine_graph

ORIGINAL = "original"  # the kind of a photo that the copies of its group were made from

# Name, value, and how many pairs the value is a share or a part of.
Figure = tuple[str, float, int | None]


@dataclass(frozen=True)
class Truth:
    """Which of n photos belong together.

    Attributes
    ----------
    groups : ndarray of shape (n,), int64
        Numbered from 0.
    related : ndarray of shape (k, 2), int64
        Pairs of groups, the smaller number first, that are neither one group nor two.
    """

    groups: NDArray[np.int64]
    related: NDArray[np.int64]

    @classmethod
    def from_names(cls, groups: pd.Series, related: pd.Series) -> Truth:
        """Give the groups of photos their numbers.

        Parameters
        ----------
        groups : Series of str, of length n
            Name of the group of each photo.
        related : Series of str, of length n
            Names of the groups that are related to it, separated by ``;``; may be empty. A
            relation holds both ways.

        Examples
        --------
        >>> Truth.from_names(pd.Series(["a", "b", "b", "c"]), pd.Series(["b", "", "", ""]))
        Truth(groups=array([0, 1, 1, 2]), related=array([[0, 1]]))
        """
        codes, names = pd.factorize(groups.to_numpy())
        mentioned = related.reset_index(drop=True).str.split(";").explode().str.strip()
        here = codes[mentioned.index]
        there = pd.Index(names).get_indexer(mentioned)
        known = (there >= 0) & (there != here)
        pairs = np.sort(np.column_stack([here, there])[known], axis=1)
        return cls(codes.astype(np.int64), np.unique(pairs.astype(np.int64), axis=0))

    @property
    def n_unrelated_pairs(self) -> int:
        """Number of pairs of photos whose groups are different and unrelated."""
        sizes = np.bincount(self.groups)
        related = sizes[self.related].prod(axis=1).sum()
        return _n_pairs(len(self.groups)) - _n_pairs(sizes) - int(related)

    def are_unrelated(self, i: NDArray, j: NDArray) -> NDArray[np.bool_]:
        """Tell for pairs of photos whether their groups are different and unrelated."""
        low, high = np.sort([self.groups[i], self.groups[j]], axis=0)
        return (low != high) & ~are_among(low, high, *self.related.T)


def scene_figures(truth: Truth, scenes: NDArray[np.int64]) -> Iterator[Figure]:
    """Compare scenes with the truth.

    Parameters
    ----------
    truth : Truth
        Of n photos.
    scenes : ndarray of shape (n,), int64

    Yields
    ------
    name, value, count
    """
    photos = contingency_matrix(truth.groups, scenes, sparse=True)  # by group and scene
    right = _n_pairs(photos.data)
    neither = int(photos[truth.related[:, 0]].multiply(photos[truth.related[:, 1]]).sum())
    formed = _n_pairs(photos.sum(axis=0)) - neither
    wanted = _n_pairs(photos.sum(axis=1))
    yield "scene pair precision", _share(right, formed), formed
    yield "scene pair recall", _share(right, wanted), wanted
    yield "scene pair F1", _share(2 * right, formed + wanted), None
    yield "scene V-measure", float(v_measure_score(truth.groups, scenes)), None


def unrelated_figure(truth: Truth, vectors: NDArray[np.float32], threshold: float) -> Figure:
    """Count the pairs of unrelated photos with at least this cosine.

    Parameters
    ----------
    truth : Truth
        Of n photos.
    vectors : ndarray of shape (n, d)
    threshold : float
        Cosine similarity.

    Returns
    -------
    name, value, count
    """
    wrong = truth.are_unrelated(*_similar_pairs(vectors, threshold))
    return f"unrelated pairs >= {threshold:g}", int(wrong.sum()), truth.n_unrelated_pairs


def copy_figures(
    groups: pd.Series, kinds: pd.Series | None, vectors: NDArray[np.float32], threshold: float
) -> Iterator[Figure]:
    """Count the pairs of an original and its copy with at least this cosine.

    Parameters
    ----------
    groups : Series of str, of length n
        Name of the group of each photo: an original and its copies.
    kinds : Series of str, of length n, or None
        ``"original"``, or which edit made the copy. None: any two photos of a group are a pair.
    vectors : ndarray of shape (n, d)
    threshold : float
        Cosine similarity.

    Yields
    ------
    name, value, count
        Of all pairs, then by kind.
    """
    pairs = pairs_of_groups(groups, kinds)
    low, high = np.sort(pairs[["row", "row_of"]].to_numpy(), axis=1).T
    found = are_among(low, high, *_similar_pairs(vectors, threshold))
    yield "copies found", _share(found.sum(), len(found)), len(found)
    for kind, of_kind in pairs.assign(found=found).groupby("kind")["found"]:
        if kind:
            yield f"copies found, {kind}", _share(of_kind.sum(), len(of_kind)), len(of_kind)


def answer_figures(
    name: str, cosines: NDArray[np.float64], together: NDArray[np.bool_], threshold: float
) -> Iterator[Figure]:
    """Compare a threshold with what a person said about pairs of photos.

    Parameters
    ----------
    name : str
        What the pairs that belong together are.
    cosines : ndarray of shape (n_pairs,)
    together : ndarray of shape (n_pairs,), bool
    threshold : float
        Cosine similarity.

    Yields
    ------
    name, value, count
    """
    found = cosines >= threshold - TOLERANCE
    right = int((found & together).sum())
    yield f"{name} pair precision", _share(right, found.sum()), int(found.sum())
    yield f"{name} pair recall", _share(right, together.sum()), int(together.sum())


def pairs_of_groups(groups: pd.Series, kinds: pd.Series | None = None) -> pd.DataFrame:
    """Return the pairs of photos of a group, of an original and a copy where there are kinds.

    Returns
    -------
    DataFrame
        Columns group, row, row_of, kind, kind_of.
    """
    photos = pd.DataFrame({"group": groups.to_numpy(), "row": np.arange(len(groups))})
    photos["kind"] = "" if kinds is None else kinds.to_numpy()
    pairs = photos.merge(photos, on="group", suffixes=("", "_of"))
    if kinds is None:
        return pairs[pairs["row_of"] < pairs["row"]]
    return pairs[(pairs["kind_of"] == ORIGINAL) & (pairs["kind"] != ORIGINAL)]


def _similar_pairs(
    vectors: NDArray[np.float32], threshold: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of rows, the smaller number first, with at least this cosine."""
    pairs = sparse.triu(cosine_graph(vectors, threshold).pairs, k=1).tocoo()
    return pairs.row.astype(np.int64), pairs.col.astype(np.int64)


def are_among(i: NDArray, j: NDArray, rows: NDArray, columns: NDArray) -> NDArray[np.bool_]:
    """Tell for each pair (i, j) whether it is one of (rows, columns); all are at least 0."""
    base = 1 + max(j.max(initial=0), columns.max(initial=0))
    return np.isin(i * base + j, rows * base + columns)


def _n_pairs(sizes: NDArray | int) -> int:
    sizes = np.asarray(sizes, dtype=np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan
