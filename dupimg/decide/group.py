"""Group embedded photos: duplicates first, then scenes among the photos that stay."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.duplicates import DuplicateSearch
from dupimg.decide.embedded import Embedded
from dupimg.decide.made_of_others import NOTHING_MADE, Made
from dupimg.decide.scene_links import SceneLinks, find_links, why_one_scene
from dupimg.decide.search_progress import watched_search
from dupimg.files.keep_rules import DEFAULT_RULE, KeepRule, Ranking, best_dates, dated_like
from dupimg.files.photos import Photo
from dupimg.groups.best_shots import best_shots, shot_quality
from dupimg.groups.nearest_in_group import nearest_in_group
from dupimg.groups.scenes import SceneGrouper
from dupimg.groups.second_look import SAME_SCENE
from dupimg.options.analysis_options import RunOptions
from dupimg.options.run_options import PlanOptions
from dupimg.plans.plan import Groups
from dupimg.search.blocks import Checkpoint

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
    return Ranking.of(
        embedded.photos,
        rule,
        companions=companions,
        soft=made.soft,
        derived=made.derived,
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
        The result of `DuplicateSearch`.
    checkpoint : Checkpoint, optional
        Saves the partial results of long searches.

    Returns
    -------
    Groups
    """
    photos = embedded.photos
    groups = duplicates or DuplicateSearch(
        embedded, options, checkpoint=checkpoint, with_other_rules=True
    ).find(ranking.order)
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
