"""Choose keepers so that no photo goes unless it is proven to be a copy of the one that stays."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from dupimg.decide.proof import Pair, Proof
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.groups.scenes import pairs_among
from dupimg.model.features import Features
from dupimg.search.similarity import nearest_neighbours, reachable_rows

# Times that the photos around a spared one are searched again, and how many of the nearest of one
# that is spared even then are tried: in a burst the copy of a shot is nearer to it than all others.
_MOST_ROUNDS, _NEAREST = 5, 12


@dataclass(frozen=True, eq=False)
class Search:
    """What duplicates are searched among.

    Attributes
    ----------
    features : Features
        Of k contents.
    best_first : ndarray of shape (k,), int64
        The contents, best keeper first.
    apart : ndarray of shape (n_pairs, 2), int64
        Contents that a person called no duplicates.
    must_stay : ndarray of shape (k,), bool
        Contents of protected photos.
    proof : Proof
    alike : ndarray of shape (n_alike, 2), int64, or None
        Contents of which one may be a copy of the other although their cosine is low; for
        "verified".
    """

    features: Features
    best_first: NDArray[np.int64]
    apart: NDArray[np.int64]
    must_stay: NDArray[np.bool_]
    proof: Proof
    alike: NDArray[np.int64] | None = None


def rule_of_finder(duplicate_rule: str) -> str:
    """Return the rule of `DuplicateFinder` that finds what a rule of a run then proves."""
    return "verified" if duplicate_rule == "verified" else "cosine"


def proven_keepers(
    claimed: NDArray[np.int64], rule: str, finder: DuplicateFinder, search: Search
) -> NDArray[np.int64]:
    """Let no photo go in favour of one of which it is not proven to be a copy.

    Such a photo may be a copy of a third one, so those around it are searched again without the
    pairs that are no copies. What is not proven after some rounds, as in a long burst, is compared
    with those that are most like it. Last, of pairs that are copies in one direction only (a part
    of a whole) the other one goes.

    Parameters
    ----------
    claimed : ndarray of shape (k,), int64
        The keepers by the finder.
    rule : {"careful", "verified"}
    finder : DuplicateFinder
        Fitted.
    search : Search

    Returns
    -------
    ndarray of shape (k,), int64
        The keeper of each content, itself if it stays.
    """
    keepers = claimed.copy()
    features, proof = search.features, search.proof
    finder = clone(finder).set_params(rule=rule_of_finder(rule))
    is_copy: dict[Pair, bool] = {}
    around: NDArray[np.int64] | None = None
    for _ in range(_MOST_ROUNDS):
        is_copy |= proof.of([pair for pair in _claims(keepers) if pair not in is_copy])
        wrong = np.array([i for pair in _claims(keepers) if not is_copy[pair] for i in pair[1:]])
        if not wrong.size:
            break
        if around is None:  # later ones are among these
            around = reachable_rows(features.vector, wrong, finder.search_threshold)
        refuted = [pair for pair, copy in is_copy.items() if not copy]
        again = clone(finder).fit(
            features.vector[around],
            keeper_order=np.argsort(np.argsort(search.best_first)[around]),
            thumbnails=features.thumbnail[around],
            must_stay=search.must_stay[around],
            cannot_link=pairs_among(np.vstack([search.apart, np.array(refuted, np.int64)]), around),
        )
        keepers[around] = around[again.keepers_]
    unproven = [i for keeper, i in _claims(keepers) if not is_copy.get((keeper, i), False)]
    keepers[unproven] = unproven
    alike = {pair for pair, copy in is_copy.items() if not copy}
    if unproven and around is not None:
        threshold = finder.threshold if rule == "careful" else finder.search_threshold
        near = around[nearest_neighbours(features.vector[around], _NEAREST, threshold)]
        alike |= set(map(tuple, near[np.isin(near, unproven).any(axis=1)].tolist()))
    if rule == "verified" and search.alike is not None:
        alike |= set(map(tuple, search.alike.tolist()))
    return _one_by_one(keepers, alike, search)


def _one_by_one(
    keepers: NDArray[np.int64], alike: Iterable[Pair], search: Search
) -> NDArray[np.int64]:
    """Let more photos go, each in favour of one that stays, best ones first.

    A photo in favour of which others went goes only if these are copies of its keeper, too.
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
    """Return the keeper and the number of every content that goes."""
    goes = np.flatnonzero(keepers != np.arange(len(keepers)))
    return list(zip(keepers[goes].tolist(), goes.tolist(), strict=True))
