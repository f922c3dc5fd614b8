"""Choose keepers of which the removed photos are proven copies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.proof import Pair, Proof
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.model.features import Features
from dupimg.search.similarity import nearest_neighbours, reachable_rows

# Nearest photos to try for a photo that is no copy of its first keeper.
_NEAREST = 8


@dataclass(frozen=True, eq=False)
class Search:
    """The contents to search for duplicates.

    Attributes
    ----------
    features : Features
        Features of k contents.
    best_first : ndarray of shape (k,), int64
        The contents, best keeper first.
    apart : ndarray of shape (n_pairs, 2), int64
        Pairs of contents that the user declared distinct.
    must_stay : ndarray of shape (k,), bool
        Contents of protected photos.
    proof : Proof
    alike : ndarray of shape (n_alike, 2), int64
        Pairs of contents that may be copies despite a low cosine; for the rule "verified".
    """

    features: Features
    best_first: NDArray[np.int64]
    apart: NDArray[np.int64]
    must_stay: NDArray[np.bool_]
    proof: Proof
    alike: NDArray[np.int64]


def rule_of_finder(duplicate_rule: str) -> str:
    """Return the rule of `DuplicateFinder` that finds the candidates of a rule of a run."""
    return "verified" if duplicate_rule == "verified" else "cosine"


def proven_keepers(
    claimed: NDArray[np.int64], rule: str, finder: DuplicateFinder, search: Search
) -> NDArray[np.int64]:
    """Keep all photos that are not proven copies of their keeper, or find another keeper.

    An unproven photo may be a copy of a third one, so it is compared with its nearest neighbours:
    in a burst, the copy of a shot is nearer to it than all other shots. If only the reverse is
    proven (the keeper is a crop of the photo), the keeper goes instead.

    Parameters
    ----------
    claimed : ndarray of shape (k,), int64
        The keepers found by the finder, without proof.
    rule : {"careful", "verified"}
    finder : DuplicateFinder
        Gives the threshold for further keepers.
    search : Search

    Returns
    -------
    ndarray of shape (k,), int64
        The keeper of each content; itself if it stays.
    """
    keepers, vectors = claimed.copy(), search.features.vector
    is_copy = search.proof.of(_claims(keepers))
    alike = {pair for pair, copy in is_copy.items() if not copy}
    unproven = np.array(sorted(i for _, i in alike), np.int64)
    keepers[unproven] = unproven
    if unproven.size:
        threshold = finder.threshold if rule == "careful" else finder.search_threshold
        around = reachable_rows(vectors, unproven, threshold)
        near = around[nearest_neighbours(vectors[around], _NEAREST, threshold)]
        alike |= set(map(tuple, near[np.isin(near, unproven).any(axis=1)].tolist()))
    if rule == "verified":
        alike |= set(map(tuple, search.alike.tolist()))
    return _add_proven(keepers, alike, search)


def _add_proven(
    keepers: NDArray[np.int64], alike: Iterable[Pair], search: Search
) -> NDArray[np.int64]:
    """Remove more proven copies, best keepers first.

    A keeper of other photos goes only if these are copies of its own keeper, too.
    """
    keepers, proof = keepers.copy(), search.proof
    rank = np.argsort(search.best_first)
    apart = {frozenset(pair) for pair in search.apart.tolist()}
    stays = keepers == np.arange(len(keepers))
    both = [pair for pair in alike if stays[list(pair)].all() and frozenset(pair) not in apart]
    is_copy = proof.of(sorted({pair for i, j in both for pair in ((i, j), (j, i))}))
    allowed = sorted(
        (pair for pair, copy in is_copy.items() if copy),
        key=lambda pair: (rank[pair[0]], -rank[pair[1]]),
    )
    for keeper, i in allowed:
        if keepers[keeper] != keeper or keepers[i] != i or search.must_stay[i]:
            continue
        behind = np.flatnonzero(keepers == i).tolist()
        if all(proof.of([(keeper, j) for j in behind]).values()):
            keepers[behind] = keeper
    return keepers


def _claims(keepers: NDArray[np.int64]) -> list[Pair]:
    """Return the pairs (keeper, content) of all contents that go."""
    goes = np.flatnonzero(keepers != np.arange(len(keepers)))
    return list(zip(keepers[goes].tolist(), goes.tolist(), strict=True))
