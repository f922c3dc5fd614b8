"""Recommend the best of several shots of one moment; nothing is removed because of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

# Grey levels up to and from which a thumbnail counts as black or white, without visible content.
_BLACK, _WHITE = 4, 251


def shot_quality(sharpness: NDArray, thumbnails: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the quality of shots, for comparison with others of the same moment.

    Parameters
    ----------
    sharpness : ndarray of shape (n,), float
        Sharpness, measured at the same scale for all.
    thumbnails : ndarray of shape (n, size, size), uint8
        Grey thumbnails.

    Returns
    -------
    ndarray of shape (n,), float64
        The sharpness, reduced for parts that are too dark or too bright.
    """
    flat = thumbnails.reshape(len(thumbnails), -1)
    clipped = ((flat <= _BLACK) | (flat >= _WHITE)).mean(axis=1)
    return np.asarray(sharpness, np.float64) * (1 - clipped) ** 2


def best_shots(
    pairs: NDArray[np.int64], quality: NDArray[np.float64], order: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Find the best of each set of shots that pairs connect.

    Parameters
    ----------
    pairs : ndarray of shape (n_pairs, 2), int64
        Shots of one moment.
    quality : ndarray of shape (n,), float64
        See `shot_quality`.
    order : ndarray of shape (n,), int64
        All shots; on a tie the first one here is the better.

    Returns
    -------
    ndarray of shape (n,), int64
        For the best shot of a set the size of the set; 0 for all others.

    Examples
    --------
    >>> pairs = np.array([[0, 1], [1, 2]])
    >>> best_shots(pairs, np.array([1.0, 2.0, 3.0, 9.0]), np.arange(4)).tolist()
    [0, 0, 3, 0]
    """
    n = len(quality)
    links = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    _, sets = connected_components(links, directed=False)
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    best_first = np.lexsort((place, -quality))
    _, first = np.unique(sets[best_first], return_index=True)
    best = best_first[first]
    sizes = np.bincount(sets)
    found = np.zeros(n, np.int64)
    found[best] = np.where(sizes > 1, sizes, 0)
    return found
