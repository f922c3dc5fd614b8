"""How alike photos are once new ones are there, without comparing old ones with each other."""

from __future__ import annotations

from collections.abc import Sequence
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
    """Return the highest cosine of every photo to any other, as far as new ones change it.

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
    collection: Collection, stays: Sequence[int], options: PlanOptions
) -> NDArray[np.float64]:
    """Return how alike each photo that stays is to the nearest one it may share a scene with.

    Parameters
    ----------
    collection : Collection
    stays : sequence of int
        The photos that stay.
    options : PlanOptions

    Returns
    -------
    ndarray of shape (n_staying,), float64
        See `dupimg.decide.group.nearest_for_scenes`.
    """
    kept = np.array(stays, dtype=np.int64)
    photos = [collection.photos[i] for i in stays]
    chosen = collection.features[collection.inverse[kept]]
    rows = [collection.rows.get(photo.path) for photo in photos]
    known = np.array(
        [np.nan if row is None else row.nearest_scene_cosine for row in rows], dtype=float
    )
    stayed = {path for path, row in collection.rows.items() if row.action == KEEP}
    goes = stayed - {photo.path for photo in photos}
    gone = [i for i, photo in enumerate(collection.photos) if photo.path in goes]
    if gone:  # the nearest of some may have been one of these
        left = collection.features.scene_vector[collection.inverse[gone]]
        cosines = cosine_neighbours(left, chosen.scene_vector, 1.0).vector_nearest_cosine
        known[cosines >= known] = np.nan
    return nearest_for_scenes(photos, chosen, options, known=known)
