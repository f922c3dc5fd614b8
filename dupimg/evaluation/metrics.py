"""Compare true groups of photos with found ones, pair by pair.

Contingency tables and sparse graphs give exact counts without a matrix of all pairs.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.metrics import v_measure_score

from dupimg.search.similarity import TOLERANCE, cosine_graph

ORIGINAL = "original"  # the kind of the photo from which the copies of its group were made

# Name, value, and the number of pairs that the value is a share of.
Figure = tuple[str, float, int | None]


@dataclass(frozen=True)
class Truth:
    """The true groups of n photos.

    Attributes
    ----------
    groups : ndarray of shape (n,), int64
        Numbered from 0.
    related : ndarray of shape (k, 2), int64
        Related groups, smaller number first; a pair of their photos is neither right nor wrong.
    mixed : int
        Number of the group with unknown relations between its photos; -1 for none.
    """

    groups: NDArray[np.int64]
    related: NDArray[np.int64]
    mixed: int = -1

    @classmethod
    def from_names(cls, groups: pd.Series, related: pd.Series, mixed: str | None = None) -> Truth:
        """Convert the names of groups to numbers.

        Parameters
        ----------
        groups : Series of str, of length n
            Name of the group of each photo.
        related : Series of str, of length n
            Names of related groups, separated by ``;``, or of something in common, such as
            ``place:alps``: all groups that mention it are related. May be empty.
        mixed : str, optional
            Name of the group with unknown relations between its photos.

        Examples
        --------
        >>> Truth.from_names(pd.Series(["a", "b", "b", "c"]), pd.Series(["b", "", "", ""]))
        Truth(groups=array([0, 1, 1, 2]), related=array([[0, 1]]), mixed=-1)
        >>> Truth.from_names(pd.Series(["a", "b", "c"]), pd.Series(["place:x", "", "place:x"]))
        Truth(groups=array([0, 1, 2]), related=array([[0, 2]]), mixed=-1)
        """
        codes, names = pd.factorize(groups.to_numpy())
        mentioned = related.reset_index(drop=True).str.split(";").explode().str.strip()
        mentions = pd.DataFrame({"here": codes[mentioned.index], "name": mentioned.to_numpy()})
        mentions = mentions[mentions["name"] != ""].drop_duplicates()
        named = pd.DataFrame({"there": np.arange(len(names)), "name": names})
        in_common = mentions[~mentions["name"].isin(names)].rename(columns={"here": "there"})
        pairs = mentions.merge(pd.concat([named, in_common]), on="name")[["here", "there"]]
        pairs = np.sort(pairs[pairs["here"] != pairs["there"]].to_numpy(np.int64), axis=1)
        (number,) = pd.Index(names).get_indexer([mixed]) if mixed is not None else (-1,)
        return cls(codes.astype(np.int64), np.unique(pairs, axis=0), int(number))

    def __getitem__(self, rows: NDArray) -> Truth:
        """Return the truth about a selection of photos; groups keep their numbers."""
        return replace(self, groups=self.groups[rows])

    @property
    def n_groups(self) -> int:
        """One more than the largest group number."""
        return 1 + int(max(self.groups.max(initial=-1), self.related.max(initial=-1)))

    @property
    def n_unrelated_pairs(self) -> int:
        """Number of pairs of photos of unrelated groups."""
        sizes = np.bincount(self.groups, minlength=self.n_groups)
        related = sizes[self.related].prod(axis=1).sum()
        return _n_pairs(len(self.groups)) - _n_pairs(sizes) - int(related)

    def are_unrelated(self, i: NDArray, j: NDArray) -> NDArray[np.bool_]:
        """Return for pairs of photos whether their groups are different and unrelated."""
        low, high = np.sort([self.groups[i], self.groups[j]], axis=0)
        return (low != high) & ~are_among(low, high, *self.related.T)


def scene_figures(truth: Truth, scenes: NDArray[np.int64]) -> Iterator[Figure]:
    """Yield precision, recall and similar figures of scenes.

    Parameters
    ----------
    truth : Truth
        Of n photos.
    scenes : ndarray of shape (n,), int64

    Yields
    ------
    name, value, count
    """
    _, scene = np.unique(scenes, return_inverse=True)
    where = truth.groups, scene
    shape = truth.n_groups, scene.max(initial=-1) + 1
    photos = sparse.coo_array((np.ones(len(scene), np.int64), where), shape).tocsr()
    is_known = np.arange(truth.n_groups) != truth.mixed
    right = _n_pairs(photos[is_known].data)
    neither = int(photos[truth.related[:, 0]].multiply(photos[truth.related[:, 1]]).sum())
    formed = _n_pairs(photos.sum(axis=0)) - neither - _n_pairs(photos[~is_known].data)
    wanted = _n_pairs(photos[is_known].sum(axis=1))
    yield "scene pair precision", _share(right, formed), formed
    yield "scene pair recall", _share(right, wanted), wanted
    yield "scene pair F1", _share(2 * right, formed + wanted), None
    known = truth.groups != truth.mixed
    yield "scene V-measure", float(v_measure_score(truth.groups[known], scenes[known])), None


def removal_figures(
    truth: Truth, goes: NDArray[np.int64], keepers: NDArray[np.int64]
) -> Iterator[Figure]:
    """Count the photos that go in favour of another picture.

    Parameters
    ----------
    truth : Truth
        The truth about n photos without copies.
    goes, keepers : ndarray of shape (k,), int64
        Photos that go, and their keepers.

    Yields
    ------
    name, value, count
        Removals in favour of a view of the same scene, of a photo of a related or mixed group, and
        of an unrelated photo.
    """
    unrelated = truth.are_unrelated(goes, keepers)
    group, n_photos = truth.groups[goes], len(truth.groups)
    views = (group == truth.groups[keepers]) & (group != truth.mixed)
    yield "views removed", int(views.sum()), n_photos
    yield "related photos removed", int((~views & ~unrelated).sum()), n_photos
    yield "unrelated photos removed", int(unrelated.sum()), n_photos


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
    groups: pd.Series, kinds: pd.Series | None, keepers: NDArray[np.int64]
) -> Iterator[Figure]:
    """Count the pairs of an original and its copy that share a keeper.

    Parameters
    ----------
    groups : Series of str, of length n
        Name of the group of each photo: an original and its copies.
    kinds : Series of str, of length n, or None
        ``"original"`` or the edit that made the copy. None: any two photos of a group are a pair.
    keepers : ndarray of shape (n,), int64
        The keeper of each photo.

    Yields
    ------
    name, value, count
        For all pairs, then by kind.
    """
    pairs = pairs_of_groups(groups, kinds)
    found = keepers[pairs["row"]] == keepers[pairs["row_of"]]
    yield "copies found", _share(found.sum(), len(found)), len(found)
    for kind, of_kind in pairs.assign(found=found).groupby("kind")["found"]:
        if kind:
            yield f"copies found, {kind}", _share(of_kind.sum(), len(of_kind)), len(of_kind)


def answer_figures(
    name: str, cosines: NDArray[np.float64], together: NDArray[np.bool_], threshold: float
) -> Iterator[Figure]:
    """Compare a threshold with the user's answers about pairs of photos.

    Parameters
    ----------
    name : str
        The name of pairs that belong together.
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
    """Return the pairs of photos of one group; with `kinds` only (original, copy).

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
    """Return the pairs of rows with at least this cosine, smaller index first."""
    pairs = sparse.triu(cosine_graph(vectors, threshold).pairs, k=1).tocoo()
    return pairs.row.astype(np.int64), pairs.col.astype(np.int64)


def are_among(i: NDArray, j: NDArray, rows: NDArray, columns: NDArray) -> NDArray[np.bool_]:
    """Return for each pair (i, j) whether (rows, columns) contains it; all are at least 0."""
    base = 1 + max(j.max(initial=0), columns.max(initial=0))
    return np.isin(i * base + j, rows * base + columns)


def _n_pairs(sizes: NDArray | int) -> int:
    sizes = np.asarray(sizes, dtype=np.int64)
    return int((sizes * (sizes - 1) // 2).sum())


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan
