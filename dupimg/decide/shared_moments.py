"""Find similar photos that one camera took within seconds of each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dupimg.files.photos import Photo
from dupimg.search.rows import Rows, pair_cosines

# Seconds between two photos → scene cosine from which they share a scene. 1 % of unrelated photos
# are this similar, but one camera seldom takes such photos within seconds.
_LEAST_COSINES = ((10.0, 0.55), (60.0, 0.6), (300.0, 0.65))


def linked_by_time(vectors: NDArray[np.float32], photos: Sequence[Photo]) -> NDArray[np.int64]:
    """Find consecutive photos that share a scene by their times and a fair similarity.

    Parameters
    ----------
    vectors : ndarray of shape (n, d), float32
        Scene embeddings.
    photos : sequence of Photo, of length n
        Only times written by the same camera count.

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
        Consecutive photos.
    """
    cameras: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for i, photo in enumerate(photos):
        if photo.taken_from == "exif" and photo.traits.camera:
            cameras[photo.traits.camera].append((photo.local_time.timestamp(), i))
    following = [pair for taken in cameras.values() for pair in pairwise(sorted(taken))]
    if not following:
        return np.empty((0, 2), np.int64)
    gaps = np.array([later - earlier for (earlier, _), (later, _) in following])
    pairs = np.array([(i, j) for (_, i), (_, j) in following])
    data = Rows.of(vectors)
    cosines = pair_cosines(data, pairs[:, 0], data, pairs[:, 1])
    linked = np.zeros(len(pairs), dtype=bool)
    for seconds, least in _LEAST_COSINES:
        linked |= (gaps <= seconds) & (cosines >= least)
    return pairs[linked]
