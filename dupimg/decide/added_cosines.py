"""Update nearest cosines for new photos, without comparing old photos with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.group import nearest_for_scenes
from dupimg.options.run_options import PlanOptions
from dupimg.plans.rows import KEEP
from dupimg.search.similarity import cosine_graph, cosine_neighbours

if TYPE_CHECKING:
    from dupimg.decide.collection import Collection


def nearest_cosines(collection: Collection) -> NDArray[np.float64]:
    """Return the highest cosine of every photo to any other, as far as new photos change it.

    Parameters
    ----------
    collection : Collection

    Returns
    -------
    ndarray of shape (n,), float64
        NaN for the only photo.
    """
    vectors, inverse, is_new = collection.features.vector, collection.inverse, collection.is_new
    new = np.setdiff1d(inverse[is_new], inverse[~is_new])
    old = np.unique(inverse[~is_new])
    highest = np.full(len(vectors), -np.inf)
    stored = [
        np.nan if (row := collection.rows.get(photo.path)) is None else row.nearest_cosine
        for photo in collection.photos
    ]
    np.fmax.at(highest, inverse, np.array(stored, dtype=float))
    if len(new) > 1:
        highest[new] = cosine_graph(vectors[new], 1.0).nearest_cosine
    if len(new) and len(old):
        across = cosine_neighbours(vectors[new], vectors[old], 1.0)
        highest[new] = np.fmax(highest[new], across.query_nearest_cosine)
        highest[old] = np.fmax(highest[old], across.vector_nearest_cosine)
    nearest = np.where(np.bincount(inverse)[inverse] > 1, 1.0, highest[inverse])
    return np.where(np.isneginf(nearest), np.nan, nearest)


def nearest_scene_cosines(
    collection: Collection, stays: NDArray[np.int64], options: PlanOptions
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the nearest photo that may share a scene, for each photo that stays.

    Parameters
    ----------
    collection : Collection
    stays : ndarray of shape (n_staying,), int64
        The photos that stay.
    options : PlanOptions

    Returns
    -------
    cosines : ndarray of shape (n_staying,), float64
    places : ndarray of shape (n_staying,), int64
        See `dupimg.decide.group.nearest_for_scenes`.
    """
    rows = [collection.rows.get(collection.photos[i].path) for i in stays]
    known = np.array(
        [np.nan if row is None else row.nearest_scene_cosine for row in rows], dtype=float
    )
    gone = _gone(collection, stays)
    if gone.size:  # the nearest photo of some may be gone
        vectors, inverse = collection.features.scene_vector, collection.inverse
        found = cosine_neighbours(vectors[inverse[gone]], vectors[inverse[stays]], 1.0)
        known[found.vector_nearest_cosine >= known] = np.nan
    return nearest_for_scenes(collection, stays, options, known=known)


def _gone(collection: Collection, stays: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the photos that the earlier run kept but that do not stay now."""
    rows = [collection.rows.get(photo.path) for photo in collection.photos]
    kept = [i for i, row in enumerate(rows) if row is not None and row.action == KEEP]
    return np.setdiff1d(np.array(kept, dtype=np.int64), stays)
