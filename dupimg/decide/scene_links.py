"""Find photos that share a scene by evidence other than their embeddings, with reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.embedded import Embedded
from dupimg.decide.shared_moments import linked_by_time
from dupimg.groups.detail_counts import DetailCounts
from dupimg.messages import Message, message
from dupimg.options.analysis_options import RunOptions


class SceneLinks(NamedTuple):
    """Pairs of photos that are proven to share a scene.

    Attributes
    ----------
    pairs : ndarray of shape (n_pairs, 2), int64
        Positions among the photos that stay.
    details : ndarray of shape (n_pairs,), int64
        Number of matched details; 0 if the camera's clock is the proof.
    compared : DetailCounts
        All pairs of photos whose details were compared.
    """

    pairs: NDArray[np.int64]
    details: NDArray[np.int64]
    compared: DetailCounts


def find_links(embedded: Embedded, stays: NDArray[np.int64], options: RunOptions) -> SceneLinks:
    """Find photos that share a scene by their details or by the camera's clock.

    Parameters
    ----------
    embedded, stays, options
        As in `dupimg.decide.group.find_scenes`.

    Returns
    -------
    SceneLinks
        Empty without evidence.
    """
    if embedded.evidence is None:
        nothing = DetailCounts.none()
        return SceneLinks(nothing.pairs, nothing.counts, nothing)
    photos, contents = [embedded.photos[i] for i in stays], embedded.inverse[stays]
    vectors = embedded.features.scene_without_colours[contents]
    found, proven = embedded.evidence.same_places(vectors, [photo.digest for photo in photos])
    places, details = found.pairs[proven], found.counts[proven]
    compared = DetailCounts(stays[found.pairs], found.counts)
    if not options.time_evidence:
        return SceneLinks(places, details, compared)
    bursts = linked_by_time(embedded.features.scene_vector[contents], photos)
    both = np.concatenate([places, bursts])
    counts = np.concatenate([details, np.zeros(len(bursts), np.int64)])
    pairs, first = np.unique(both, axis=0, return_index=True)  # prefers the entry with details
    return SceneLinks(pairs, counts[first], compared)


def why_one_scene(
    links: SceneLinks, scenes: NDArray[np.int64], paths: Sequence[str]
) -> dict[int, Message]:
    """Return the reasons why photos share a scene with another one.

    Parameters
    ----------
    links : SceneLinks
        Links between n photos.
    scenes : ndarray of shape (n,), int64
        The scene label of each photo.
    paths : sequence of str, of length n

    Returns
    -------
    dict of int to Message
        Reasons by photo; each names the photo with the most common details, or else the neighbour
        in time. Photos that share a scene only by their embeddings are missing.
    """
    together = scenes[links.pairs[:, 0]] == scenes[links.pairs[:, 1]]
    pairs, details = links.pairs[together], links.details[together]
    best: dict[int, tuple[int, int]] = {}
    for n in np.argsort(-details, kind="stable").tolist():
        i, j = pairs[n].tolist()
        best.setdefault(i, (j, int(details[n])))
        best.setdefault(j, (i, int(details[n])))
    return {
        i: message("reason.shared_details", count=count, photo=paths[j])
        if count
        else message("reason.same_moment", photo=paths[j])
        for i, (j, count) in best.items()
    }
