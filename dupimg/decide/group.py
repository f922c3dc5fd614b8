"""Group embedded photos: duplicates first, then scenes among the photos that stay."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.embedded import Embedded
from dupimg.decide.keepers import Search, proven_keepers, rule_of_finder
from dupimg.decide.made_of_others import NOTHING_MADE, Made
from dupimg.decide.proof import Proof
from dupimg.decide.scene_links import SceneLinks, find_links, why_one_scene
from dupimg.decide.search_progress import watched_search
from dupimg.decide.verdicts import find_verdicts
from dupimg.files.keep_rules import DEFAULT_RULE, KeepRule, Ranking, best_dates, dated_like
from dupimg.files.photos import Photo
from dupimg.groups.best_shots import best_shots, shot_quality
from dupimg.groups.detail_counts import DetailCounts
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.groups.nearest_in_group import nearest_in_group
from dupimg.groups.scenes import SceneGrouper
from dupimg.groups.second_look import SAME_SCENE
from dupimg.options.analysis_options import RunOptions
from dupimg.options.run_options import PlanOptions
from dupimg.plans.plan import Groups
from dupimg.plans.reasons import unlike_reason
from dupimg.search.blocks import Checkpoint
from dupimg.search.similarity import TOLERANCE

_RULES = ("careful", "verified", "cosine")

# Shots of a scene that follow each other this closely belong to one moment.
_ONE_MOMENT = timedelta(seconds=2)

# For more photos, a figure that only informs is not worth a search of minutes or hours.
_MOST_SHOWN = 50_000


def rank_photos(
    embedded: Embedded,
    rule: KeepRule = DEFAULT_RULE,
    companions: Mapping[str, int] | None = None,
    *,
    made: Made = NOTHING_MADE,
    last: Collection[str] = (),
    protected: Collection[str] = (),
) -> Ranking:
    """Rank photos by a rule for which duplicate stays.

    Parameters
    ----------
    embedded : Embedded
    rule : KeepRule
    companions : mapping of str to int, optional
        Number of companions, by the path of the photo.
    made : Made
        Photos that are made from others.
    last : collection of str
        Paths of photos that sort after all others where the path decides.
    protected : collection of str
        Paths of protected photos, which always stay.
    """
    features = embedded.features
    sharpness = np.broadcast_to(features.sharpness, len(features))[embedded.inverse]
    return Ranking.of(
        embedded.photos,
        rule,
        companions=companions,
        sharpness=sharpness,
        derived=made.enlarged,
        last=last,
        protected=protected,
        converted=made.converted,
        originals=made.originals,
    )


def keep_rule(options: PlanOptions) -> KeepRule:
    """Return the rule that the options describe."""
    return KeepRule(options.keep, options.prefer, options.avoid)


def find_groups(
    embedded: Embedded,
    options: RunOptions,
    ranking: Ranking,
    duplicates: Groups | None = None,
    checkpoint: Checkpoint | None = None,
) -> Groups:
    """Find scenes among the photos that stay, and duplicates unless they are given.

    Parameters
    ----------
    embedded : Embedded
    options : RunOptions
    ranking : Ranking
        The order of the photos, best keeper first.
    duplicates : Groups, optional
        The result of `find_duplicates`.
    checkpoint : Checkpoint, optional
        Saves the partial results of long searches.

    Returns
    -------
    Groups
    """
    photos = embedded.photos
    groups = duplicates or find_duplicates(
        embedded, options, order=ranking.order, checkpoint=checkpoint, with_other_rules=True
    )
    if not photos:
        return groups
    dates = best_dates(photos, groups.keepers.tolist())
    embedded = replace(embedded, photos=tuple(dated_like(photos, dates)))
    kept, place = np.unique(groups.keepers, return_inverse=True)
    links = find_links(embedded, kept, options)
    scenes = find_scenes(embedded, kept, options, checkpoint, links)
    nearest = np.full(len(photos), np.nan)
    which = np.full(len(photos), -1)
    nearest[kept], found = nearest_for_scenes(embedded, kept, options, checkpoint=checkpoint)
    which[kept] = np.where(found < 0, -1, kept[found])
    shared = why_one_scene(links, scenes, [photos[i].path for i in kept])
    look = groups.second_look
    groups = replace(
        groups,
        second_look=look and look.with_details(links.compared, np.arange(len(photos))),
        scenes=scenes[place],
        nearest_scene_cosine=nearest,
        nearest_in_scene=which,
        shared={int(kept[i]): reason for i, reason in shared.items()},
    )
    return replace(groups, best_of=_best_shots(embedded, groups, ranking, options))


def _best_shots(
    embedded: Embedded, groups: Groups, ranking: Ranking, options: RunOptions
) -> NDArray[np.int64]:
    """Find the best of the near duplicates that stay, see `Groups.best_of`."""
    look, numbers = groups.second_look, np.arange(len(embedded.photos))
    assert look is not None  # only without photos
    stays = groups.keepers == numbers
    near = stays & (look.compared_with >= 0) & (look.verdicts != SAME_SCENE)
    pairs = np.column_stack([numbers[near], look.compared_with[near]])
    features, inverse = embedded.features, embedded.inverse
    in_a_row = _shots_in_a_row(embedded.photos, numbers[stays])
    first, second = features.vector[inverse[in_a_row]].swapaxes(0, 1)
    alike = np.einsum("ij,ij->i", first, second) >= options.candidate_threshold
    pairs = np.vstack([pairs, in_a_row[alike]])
    pairs = pairs[stays[pairs[:, 1]] & (groups.scenes[pairs[:, 0]] == groups.scenes[pairs[:, 1]])]
    quality = shot_quality(np.asarray(features.sharpness), features.thumbnail)[inverse]
    return best_shots(pairs, quality, np.asarray(ranking.order))


def _shots_in_a_row(photos: Sequence[Photo], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return pairs of consecutive photos that were taken within seconds of each other."""
    timed = [i for i in numbers.tolist() if photos[i].taken_from == "exif"]
    timed.sort(key=lambda i: photos[i].local_time)
    pairs = [
        (i, j)
        for i, j in pairwise(timed)
        if photos[j].local_time - photos[i].local_time <= _ONE_MOMENT
    ]
    return np.array(pairs, np.int64).reshape(-1, 2)


def find_duplicates(
    embedded: Embedded,
    options: RunOptions,
    *,
    order: Sequence[int],
    apart: Sequence[tuple[str, str]] = (),
    protected: Collection[str] = (),
    checkpoint: Checkpoint | None = None,
    with_other_rules: bool = False,
) -> Groups:
    """Find duplicates; each group of them counts as a scene of its own.

    Parameters
    ----------
    embedded, options, checkpoint
        As in `find_groups`.
    order : sequence of int
        The photos, best keeper first.
    apart : sequence of (str, str)
        See `dupimg.decide.embed.known_apart`.
    protected : collection of str
        Paths of protected photos, which always stay; they come first in `order`.
    with_other_rules : bool, default=False
        Whether to compute the removals of the other rules, too.

    Returns
    -------
    Groups
    """
    if not embedded.photos:
        nothing = np.empty(0, np.int64)
        return Groups(nothing, nothing.astype(float), nothing.astype(float), nothing)
    features, inverse = embedded.features, embedded.inverse
    # The best photo of each content represents it and gives the content its rank.
    contents, position = np.unique(inverse[order], return_index=True)
    best = np.asarray(order)[position]
    best_first = contents[np.argsort(position)]
    cannot_link = embedded.content_pairs(apart)
    stays = np.array([photo.path in protected for photo in embedded.photos], dtype=bool)
    must_stay = np.zeros(len(features), dtype=bool)
    must_stay[inverse[stays]] = True
    with watched_search("comparing", len(features), quiet=options.quiet) as progress:
        finder = make_finder(options).fit(
            features.vector,
            keeper_order=best_first,
            thumbnails=features.thumbnail,
            cannot_link=cannot_link,
            must_stay=must_stay,
            progress=progress,
            checkpoint=checkpoint,
        )
    edited = options.edited_copies == "remove"
    proof = Proof(embedded, [embedded.photos[i] for i in best], edited=edited)
    rules = _RULES if with_other_rules else (options.duplicate_rule,)
    claimed = _claimed_keepers(finder)
    alike = (
        find_possible_copies(embedded)
        if options.duplicate_rule == "verified"
        else DetailCounts.none()
    )
    search = Search(features, best_first, cannot_link, must_stay, proof, alike.pairs)
    by_rule = {
        rule: claimed[rule]
        if rule == "cosine" or embedded.evidence is None
        else proven_keepers(claimed[rule], rule, finder, search)
        for rule in rules
    }
    finder.decide_otherwise(by_rule[options.duplicate_rule], features.thumbnail)
    look = find_verdicts(finder, best_first, inverse, best, proof, alike)
    spared = [*_unproven(claimed[options.duplicate_rule], finder, proof)]
    photos = np.arange(len(inverse))
    keepers = np.where(stays, photos, best[finder.keepers_[inverse]])
    copies = np.bincount(inverse)[inverse]
    return Groups(
        keepers=keepers,
        cosine_to_keeper=finder.cosine_to_keeper_[inverse],
        nearest_cosine=np.where(copies > 1, 1.0, finder.nearest_cosine_[inverse]),
        scenes=keepers,
        spared={int(best[i]): proof.why_spared(i, other) for i, other in spared},
        unlike={
            int(best[i]): unlike_reason(
                finder.nearest_cosine_[i], embedded.photos[best[j]].path, is_copy=is_copy
            )
            for i, j, is_copy in _unlike_copies(finder, search)
        },
        second_look=look,
        removed_by={rule: (best[by_rule[rule][inverse]] != photos) & ~stays for rule in rules},
    )


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


def make_grouper(options: RunOptions) -> SceneGrouper:
    """Return the estimator of scenes that the options describe."""
    return SceneGrouper(
        threshold=options.scene_threshold,
        method=options.scene_method,
        linkage=options.linkage,
        min_size=options.min_scene_size,
        link_threshold=options.link_threshold,
        max_seconds=options.scene_gap,
        memory=options.memory,
        n_jobs=options.jobs,
    )


def find_scenes(
    embedded: Embedded,
    stays: NDArray[np.int64],
    options: RunOptions,
    checkpoint: Checkpoint | None = None,
    links: SceneLinks | None = None,
) -> NDArray[np.int64]:
    """Find scenes among the photos that stay.

    Parameters
    ----------
    embedded, options, checkpoint
        As in `find_groups`.
    stays : ndarray of shape (n_staying,), int64
        The photos that stay.
    links : SceneLinks, optional
        Links between these photos, if known already.

    Returns
    -------
    ndarray of shape (n_staying,), int64
        A label for each of them.
    """
    photos = [embedded.photos[i] for i in stays]
    # The time of a file is no capture time.
    times = [
        (photo.local_time - datetime(1970, 1, 1)).total_seconds()
        if photo.has_capture_time
        else math.nan
        for photo in photos
    ]
    folders = _folders(photos, options)
    contents = embedded.inverse[stays]
    vectors = embedded.features.scene_vector[contents]
    links = links or find_links(embedded, stays, options)
    with watched_search("scenes", len(vectors), groups=folders, quiet=options.quiet) as progress:
        grouper = make_grouper(options).fit(
            vectors,
            times=times,
            groups=folders,
            must_link=links.pairs,
            progress=progress,
            checkpoint=checkpoint,
        )
    return grouper.labels_


def nearest_for_scenes(
    embedded: Embedded,
    stays: NDArray[np.int64],
    options: RunOptions,
    *,
    known: NDArray[np.float64] | None = None,
    checkpoint: Checkpoint | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Find the nearest photo that may share a scene, for each photo that stays.

    Parameters
    ----------
    embedded, stays, options, checkpoint
        As in `find_scenes`.
    known : ndarray of shape (n_staying,), float64, optional
        See `nearest_in_group`.

    Returns
    -------
    cosines : ndarray of shape (n_staying,), float64
        NaN for the only photo; NaN for all if duplicates and scenes use the same embedding (the
        search for duplicates has found these cosines already) or there are more than 50,000.
    places : ndarray of shape (n_staying,), int64
        Positions of the nearest photos in `stays`; -1 if there is none or `known` still holds.
    """
    features = embedded.features
    is_same = np.array_equal(features.scene_vector, features.vector)
    if len(stays) > _MOST_SHOWN or is_same:
        return np.full(len(stays), np.nan), np.full(len(stays), -1)
    folders = _folders([embedded.photos[i] for i in stays], options)
    with watched_search("nearest", len(stays), groups=folders, quiet=options.quiet) as progress:
        return nearest_in_group(
            features.scene_vector[embedded.inverse[stays]],
            folders,
            known=known,
            memory=options.memory,
            n_jobs=options.jobs,
            progress=progress,
            checkpoint=checkpoint,
        )


def _folders(photos: Sequence[Photo], options: RunOptions) -> list[str] | None:
    """Return the folders of photos if scenes must not span folders, else None."""
    if not options.same_folder:
        return None
    return [photo.path.rpartition("/")[0] for photo in photos]
