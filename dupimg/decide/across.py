"""Find the photos that two sets have in common, by the rules for duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.duplicates import make_finder
from dupimg.decide.embedded import Embedded
from dupimg.decide.proof import Pair, Proof
from dupimg.groups.second_look import (
    IDENTICAL_BYTES,
    IDENTICAL_PIXELS,
    NEAR_DUPLICATE,
    SAME_SCENE,
)
from dupimg.groups.thumbnails import Thumbnails
from dupimg.options.analysis_options import RunOptions
from dupimg.progress import progress_bar
from dupimg.search.blocks import Block, SearchOptions
from dupimg.search.pairs import search_rectangle
from dupimg.search.rows import Rows, pair_cosines
from dupimg.search.similarity import TOLERANCE


@dataclass(frozen=True)
class PhotoPair:
    """Two photos that are duplicates of each other.

    Attributes
    ----------
    first, second : int
        Indices of a photo of the first set and one of the second.
    cosine : float
    verdict : str
        See `dupimg.plans.rows.Row`.
    correlation : float
        Correlation of their thumbnails.
    """

    first: int
    second: int
    cosine: float
    verdict: str
    correlation: float


def find_pairs_across(
    embedded: Embedded,
    is_second: NDArray[np.bool_],
    options: RunOptions,
    *,
    apart: Sequence[tuple[str, str]] = (),
) -> list[PhotoPair]:
    """Find all duplicate pairs between two sets of photos.

    Parameters
    ----------
    embedded : Embedded
        n photos.
    is_second : ndarray of shape (n,), bool
        Whether each photo is of the second set.
    options : RunOptions
    apart : sequence of (str, str)
        See `dupimg.decide.embed.known_apart`.

    Returns
    -------
    list of PhotoPair
        In no order. Either photo may be the keeper.
    """
    if is_second.all() or not is_second.any():
        return []
    inverse, photos = embedded.inverse, np.arange(len(is_second))
    sides: list[defaultdict[int, list[int]]] = [defaultdict(list), defaultdict(list)]
    for i in photos.tolist():
        sides[int(is_second[i])][int(inverse[i])].append(i)
    first, second = sides
    comparer = _Comparer(embedded, options)
    distinct = {tuple(sorted(pair)) for pair in embedded.content_pairs(apart).tolist()}
    candidates = {
        pair: cosine
        for pair, cosine in _candidates(embedded, [*first], [*second], options, comparer).items()
        if tuple(sorted(pair)) not in distinct
    }
    contents = comparer.proven(candidates) + [
        (i, i, 1.0, IDENTICAL_BYTES, 1.0) for i in first.keys() & second.keys()
    ]
    return [
        PhotoPair(a, b, cosine, verdict, correlation)
        for i, j, cosine, verdict, correlation in contents
        for a, b in product(first[i], second[j])
    ]


class _Comparer:
    """Compares pairs of contents."""

    def __init__(self, embedded: Embedded, options: RunOptions) -> None:
        self._options = options
        best = {int(content): i for i, content in reversed([*enumerate(embedded.inverse)])}
        photos = [embedded.photos[best[content]] for content in range(len(best))]
        edited = options.edited_copies == "remove"
        self._proof = Proof(embedded, photos, edited=edited)
        self.thumbnails = Thumbnails(
            embedded.features.thumbnail,
            len(best),
            rotations=options.rotations,
            mirrored=options.mirrored,
        )

    def proven(self, cosines: dict[Pair, float]) -> list[tuple[int, int, float, str, float]]:
        """Return the pairs that the rule accepts as duplicates, with verdicts and correlations."""
        is_copy = self._proof.of([p for i, j in cosines for p in ((i, j), (j, i))])
        by_number = self._options.duplicate_rule == "cosine"
        pairs = [(i, j) for i, j in cosines if by_number or is_copy[i, j] or is_copy[j, i]]
        identical = self._proof.identical(pairs)
        numbers = np.array(pairs, dtype=np.int64).reshape(-1, 2)
        correlations = self.thumbnails.correlations(*numbers.T).tolist()
        return [
            (i, j, cosines[i, j], self._verdict(i, j, cosines[i, j], identical), correlation)
            for (i, j), correlation in zip(pairs, correlations, strict=True)
        ]

    def _verdict(self, i: int, j: int, cosine: float, identical: set[Pair]) -> str:
        if (i, j) in identical:
            return IDENTICAL_PIXELS
        seen = self._proof.verdict((i, j)) or self._proof.verdict((j, i))
        near = cosine >= self._options.duplicate_threshold - TOLERANCE
        return seen or (NEAR_DUPLICATE if near else SAME_SCENE)


def _candidates(
    embedded: Embedded,
    first: Sequence[int],
    second: Sequence[int],
    options: RunOptions,
    comparer: _Comparer,
) -> dict[Pair, float]:
    """Return the candidate pairs of different contents, with their cosines."""
    finder, vectors = make_finder(options), embedded.features.vector
    left, right = np.array(first), np.array(second)
    verified = options.duplicate_rule == "verified"
    lowest = finder.search_threshold if verified else finder.threshold
    found: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = []

    def take(_: Block, i: NDArray, j: NDArray, cosines: NDArray[np.float64]) -> None:
        pairs = np.column_stack([left[i], right[j]])
        wanted = (cosines >= lowest - TOLERANCE) & (pairs[:, 0] != pairs[:, 1])
        if verified:
            one, other = pairs[wanted].T
            wanted[wanted] = comparer.thumbnails.are_copies(one, other, options.copy_threshold)
        found.append((pairs[wanted], cosines[wanted]))

    n_pairs = len(left) * len(right)
    with progress_bar(n_pairs, "comparing", unit="pairs", quiet=options.quiet) as bar:
        how = SearchOptions(memory=options.memory, n_jobs=options.jobs, progress=bar.update)
        sides = Rows.of(vectors).ordered(left), Rows.of(vectors).ordered(right)
        search_rectangle(*sides, lowest - TOLERANCE, take, how)
    candidates = {
        (i, j): cosine
        for pairs, cosines in found
        for (i, j), cosine in zip(pairs.tolist(), cosines.tolist(), strict=True)
    }
    if verified and embedded.evidence is not None:
        kinds = (vectors, embedded.features.scene_without_colours)
        found_alike = embedded.evidence.alike(kinds, embedded.digests, embedded.features.thumbnail)
        alike = found_alike.pairs
        both = np.concatenate([alike, alike[:, ::-1]])
        both = both[np.isin(both[:, 0], left) & np.isin(both[:, 1], right)]
        rows = Rows.of(vectors)
        cosines = pair_cosines(rows, both[:, 0], rows, both[:, 1])
        alike_too = zip(map(tuple, both.tolist()), cosines.tolist(), strict=True)
        candidates = dict(alike_too) | candidates
    return candidates
