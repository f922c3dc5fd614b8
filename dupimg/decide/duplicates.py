"""Find duplicates among embedded photos, and the reasons of those that stay."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.embedded import Embedded
from dupimg.decide.keepers import Search, proven_keepers, rule_of_finder
from dupimg.decide.proof import Proof
from dupimg.decide.search_progress import watched_search
from dupimg.decide.verdicts import find_verdicts
from dupimg.groups.detail_counts import DetailCounts
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.options.analysis_options import RunOptions
from dupimg.plans.plan import Groups
from dupimg.plans.reasons import unlike_reason
from dupimg.search.blocks import Checkpoint
from dupimg.search.similarity import TOLERANCE, reachable_rows

_RULES = ("careful", "verified", "cosine")


class DuplicateSearch:
    """Finds duplicates among photos, in one order of keepers after the other.

    All pairs are compared for the first order only. For another one the photos that have moved are
    compared, and those connected with them by chains of similar photos.

    Parameters
    ----------
    embedded, options, checkpoint
        As in `find_groups`.
    apart : sequence of (str, str)
        See `dupimg.decide.embed.known_apart`.
    protected : collection of str
        Paths of protected photos, which always stay; they come first in every order.
    with_other_rules : bool, default=False
        Whether to compute the removals of the other rules, too.
    """

    def __init__(
        self,
        embedded: Embedded,
        options: RunOptions,
        *,
        apart: Sequence[tuple[str, str]] = (),
        protected: Collection[str] = (),
        checkpoint: Checkpoint | None = None,
        with_other_rules: bool = False,
    ) -> None:
        self._embedded, self._options = embedded, options
        self._checkpoint = checkpoint
        self._rules = _RULES if with_other_rules else (options.duplicate_rule,)
        self._apart = embedded.content_pairs(apart)
        self._stays = np.array([photo.path in protected for photo in embedded.photos], dtype=bool)
        self._must_stay = np.zeros(len(embedded.features), dtype=bool)
        self._must_stay[embedded.inverse[self._stays]] = True
        self._finder = make_finder(options)
        self._best_first = np.empty(0, np.int64)
        self._claimed: dict[str, NDArray[np.int64]] = {}

    def find(self, order: Sequence[int]) -> Groups:
        """Find the duplicates; each group of them counts as a scene of its own.

        Parameters
        ----------
        order : sequence of int
            The photos, best keeper first.

        Returns
        -------
        Groups
        """
        embedded, options, finder = self._embedded, self._options, self._finder
        if not embedded.photos:
            nothing = np.empty(0, np.int64)
            return Groups(nothing, nothing.astype(float), nothing.astype(float), nothing)
        features, inverse = embedded.features, embedded.inverse
        # The best photo of each content represents it and gives the content its rank.
        contents, position = np.unique(inverse[order], return_index=True)
        best = np.asarray(order)[position]
        best_first = contents[np.argsort(position)]
        claimed = self._claim(best_first)
        edited = options.edited_copies == "remove"
        proof = Proof(embedded, [embedded.photos[i] for i in best], edited=edited)
        search = Search(
            features, best_first, self._apart, self._must_stay, proof, self._alike.pairs
        )
        by_rule = {
            rule: claimed[rule]
            if rule == "cosine" or embedded.evidence is None
            else proven_keepers(claimed[rule], rule, finder, search)
            for rule in self._rules
        }
        finder.decide_otherwise(by_rule[options.duplicate_rule], features.thumbnail)
        look = find_verdicts(finder, best_first, inverse, best, proof, self._alike)
        photos = np.arange(len(inverse))
        keepers = np.where(self._stays, photos, best[finder.keepers_[inverse]])
        copies = np.bincount(inverse)[inverse]
        return Groups(
            keepers=keepers,
            cosine_to_keeper=finder.cosine_to_keeper_[inverse],
            nearest_cosine=np.where(copies > 1, 1.0, finder.nearest_cosine_[inverse]),
            scenes=keepers,
            spared={
                int(best[i]): proof.why_spared(i, other)
                for i, other in _unproven(claimed[options.duplicate_rule], finder, proof)
            },
            unlike={
                int(best[i]): unlike_reason(
                    finder.nearest_cosine_[i], embedded.photos[best[j]].path, is_copy=is_copy
                )
                for i, j, is_copy in _unlike_copies(finder, search)
            },
            second_look=look,
            removed_by={
                rule: (best[by_rule[rule][inverse]] != photos) & ~self._stays
                for rule in self._rules
            },
        )

    @cached_property
    def _alike(self) -> DetailCounts:
        """Pairs of contents that may be copies despite a low cosine; for the rule "verified"."""
        if self._options.duplicate_rule != "verified":
            return DetailCounts.none()
        return find_possible_copies(self._embedded)

    def _claim(self, best_first: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
        """Return the keepers of contents by rule, before any proof."""
        features = self._embedded.features
        if not self._claimed:
            everything = np.arange(len(features))
            self._claimed = _claimed_keepers(self._fit(self._finder, best_first, everything))
        elif (moved := moved_items(self._best_first, best_first)).size:
            around = reachable_rows(features.vector, moved, self._finder.search_threshold)
            finder = self._fit(make_finder(self._options), best_first, around)
            for rule, keepers in _claimed_keepers(finder).items():
                self._claimed[rule] = self._claimed[rule].copy()
                self._claimed[rule][around] = around[keepers]
        self._best_first = best_first
        return self._claimed

    def _fit(
        self, finder: DuplicateFinder, best_first: NDArray[np.int64], chosen: NDArray[np.int64]
    ) -> DuplicateFinder:
        """Fit an estimator to some contents."""
        features = self._embedded.features
        place = np.full(len(features), -1)
        place[chosen] = np.arange(len(chosen))
        order, apart = place[best_first], place[self._apart]
        is_whole = len(chosen) == len(features)
        with watched_search("comparing", len(chosen), quiet=self._options.quiet) as progress:
            return finder.fit(
                features.vector if is_whole else features.vector[chosen],
                keeper_order=order[order >= 0],
                thumbnails=features.thumbnail if is_whole else features.thumbnail[chosen],
                cannot_link=apart[(apart >= 0).all(axis=1)],
                must_stay=self._must_stay[chosen],
                progress=progress,
                checkpoint=self._checkpoint if is_whole else None,
            )


def moved_items(before: NDArray[np.int64], after: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fewest items that have to move to turn one order into another.

    Parameters
    ----------
    before, after : ndarray of shape (n,), int64
        Permutations of 0 to n - 1.

    Returns
    -------
    ndarray of shape (n_moved,), int64

    Notes
    -----
    The others are a longest increasing subsequence (Schensted 1961).

    Examples
    --------
    >>> moved_items(np.array([0, 1, 2, 3]), np.array([0, 2, 3, 1]))
    array([1])
    """
    places = np.argsort(before)[after].tolist()
    # For each length, the smallest end of such a subsequence so far, and where it stands.
    ends: list[int] = []
    at: list[int] = []
    earlier = []
    for number, place in enumerate(places):
        length = bisect_left(ends, place)
        earlier.append(at[length - 1] if length else -1)
        ends[length : length + 1] = [place]
        at[length : length + 1] = [number]
    moves = np.ones(len(after), dtype=bool)
    number = at[-1] if at else -1
    while number >= 0:
        moves[number] = False
        number = earlier[number]
    return np.sort(after[moves])


def find_possible_copies(embedded: Embedded, of: NDArray[np.int64] | None = None) -> DetailCounts:
    """Find pairs of contents that may be copies, crops or edits of each other.

    `of` are the contents to compare with their nearest neighbours; all by default.
    """
    if embedded.evidence is None:
        return DetailCounts.none()
    features = embedded.features
    kinds = (features.vector, features.scene_without_colours)
    return embedded.evidence.alike(kinds, embedded.digests, features.thumbnail, of)


def _claimed_keepers(finder: DuplicateFinder) -> dict[str, NDArray[np.int64]]:
    """Return the keepers of contents by rule, before any proof."""
    other = "cosine" if finder.rule == "verified" else "verified"
    by_rule = {finder.rule: finder.keepers_, other: finder.other_rule_keepers_}
    return by_rule | {"careful": by_rule["cosine"]}


def _unproven(
    claimed: NDArray[np.int64], finder: DuplicateFinder, proof: Proof
) -> Iterator[tuple[int, int]]:
    """Yield the contents that stay for lack of proof, with the content they are no copies of.

    That is the nearest one, as in the report, or else the unproven keeper; never one that goes in
    favour of the content itself.
    """
    keepers = finder.keepers_
    for i in np.flatnonzero((claimed != keepers) & (keepers == np.arange(len(keepers)))).tolist():
        nearest = int(finder.nearest_index_[i])
        other = nearest if proof.doubts_about((nearest, i)) else int(claimed[i])
        if keepers[other] != i:
            yield i, other


def _unlike_copies(finder: DuplicateFinder, search: Search) -> Iterator[tuple[int, int, bool]]:
    """Yield the contents that are copies, or have a copy, and stay for their low cosine alone.

    Each comes with the other content, and with whether it is the copy of the two.
    """
    rank, keepers, proof = np.argsort(search.best_first), finder.keepers_, search.proof
    apart = {frozenset(pair) for pair in search.apart.tolist()}
    stays = keepers == np.arange(len(keepers))
    below = stays & (finder.nearest_cosine_ < finder.threshold - TOLERANCE)
    nearest = ((int(finder.nearest_index_[i]), int(i)) for i in np.flatnonzero(below))
    looked_at = [
        (other, i)
        for other, i in nearest
        if stays[other]
        and not search.must_stay[i]
        and frozenset((other, i)) not in apart
        and (proof.verdict((other, i)) or proof.verdict((i, other)))
    ]
    is_copy = proof.of([pair for other, i in looked_at for pair in ((other, i), (i, other))])
    for other, i in looked_at:
        copies = is_copy[other, i], is_copy[i, other]
        if any(copies):
            yield i, other, bool(rank[other] < rank[i]) if all(copies) else copies[0]


def make_finder(options: RunOptions) -> DuplicateFinder:
    """Return the estimator of duplicates that the options describe."""
    return DuplicateFinder(
        threshold=options.duplicate_threshold,
        rule=rule_of_finder(options.duplicate_rule),
        candidate_threshold=options.candidate_threshold,
        copy_threshold=options.copy_threshold,
        rotations=options.rotations,
        mirrored=options.mirrored,
        memory=options.memory,
        n_jobs=options.jobs,
    )
