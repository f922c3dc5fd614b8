"""Group photos that have been looked at: duplicates, then scenes among those that stay."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from dupimg.decide.search_progress import watched_search
from dupimg.files.cache import Cache, cache_path
from dupimg.files.checkpoints import Checkpoints
from dupimg.files.keep_rules import DEFAULT_RULE, keeper_order
from dupimg.files.photos import Photo
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.groups.nearest_in_group import nearest_in_group
from dupimg.groups.scenes import SceneGrouper
from dupimg.groups.second_look import take_second_look
from dupimg.model.features import Features
from dupimg.options.analysis_options import RunOptions
from dupimg.plans.plan import Groups

# A figure to look at is not worth the minutes, and later hours, of a search of its own.
_MOST_SHOWN = 50_000


def known_apart(photos: Sequence[Photo], cache: str | None) -> list[tuple[str, str]]:
    """Return the pairs of digests that a person called no duplicates in a review.

    Parameters
    ----------
    photos : sequence of Photo
    cache : str or None
        See `cache_path`.
    """
    with Cache(cache_path(cache)) as memory:
        return memory.distinct_pairs({photo.digest for photo in photos})


def content_pairs(
    pairs: Sequence[tuple[str, str]], photos: Sequence[Photo], inverse: np.ndarray
) -> np.ndarray:
    """Return pairs of digests as pairs of contents.

    Returns
    -------
    ndarray of shape (n_pairs, 2), int64
    """
    content = {photo.digest: int(i) for photo, i in zip(photos, inverse, strict=True)}
    return np.array([(content[a], content[b]) for a, b in pairs], dtype=np.int64).reshape(-1, 2)


def find_groups(
    photos: Sequence[Photo],
    features: Features | None,
    inverse: np.ndarray,
    options: RunOptions,
    keep_rule: Sequence[str] = DEFAULT_RULE,
    apart: Sequence[tuple[str, str]] = (),
    checkpoint: Checkpoints | None = None,
) -> Groups:
    """Find duplicates, and scenes among the photos that stay.

    Parameters
    ----------
    photos : sequence of Photo
    features : Features or None
        Of n_contents photos; None if there are none.
    inverse : ndarray of shape (n_photos,)
        Row of `features` for each photo.
    options : RunOptions
    keep_rule : sequence of str
        See `keeper_order`.
    apart : sequence of (str, str)
        See `known_apart`.
    checkpoint : Checkpoints, optional
        Keeps what long searches have found.

    Returns
    -------
    Groups
    """
    if features is None:
        nothing = np.empty(0, np.int64)
        return Groups(nothing, nothing.astype(float), nothing.astype(float), nothing)
    order = keeper_order(photos, keep_rule)
    cannot_link = content_pairs(apart, photos, inverse)
    groups = find_duplicates(
        photos,
        features,
        inverse,
        options,
        order=order,
        cannot_link=cannot_link,
        checkpoint=checkpoint,
    )
    kept, place = np.unique(groups.keepers, return_inverse=True)
    staying, chosen = [photos[i] for i in kept], features[inverse[kept]]
    scenes = find_scenes(staying, chosen, options, checkpoint)
    nearest = np.full(len(photos), np.nan)
    nearest[kept] = nearest_for_scenes(staying, chosen, options, checkpoint=checkpoint)
    return replace(groups, scenes=scenes[place], nearest_scene_cosine=nearest)


def find_duplicates(
    photos: Sequence[Photo],
    features: Features,
    inverse: np.ndarray,
    options: RunOptions,
    *,
    order: Sequence[int],
    cannot_link: np.ndarray,
    checkpoint: Checkpoints | None = None,
) -> Groups:
    """Find duplicates; each group of them counts as a scene of its own.

    Parameters
    ----------
    photos, features, inverse, options
        As in `find_groups`.
    order : sequence of int
        The photos, the one that should rather stay first.
    cannot_link : ndarray of shape (n_pairs, 2), int64
        Contents that are no duplicates of each other, see `content_pairs`.
    checkpoint : Checkpoints, optional
        As in `find_groups`.

    Returns
    -------
    Groups
    """
    # The best photo stands for all of the same content, and contents go in order of their best.
    contents, position = np.unique(inverse[order], return_index=True)
    best = np.asarray(order)[position]
    with watched_search("comparing", len(features), quiet=options.quiet) as progress:
        finder = make_finder(options).fit(
            features.vector,
            keeper_order=contents[np.argsort(position)],
            thumbnails=features.thumbnail,
            cannot_link=cannot_link,
            progress=progress,
            checkpoint=checkpoint,
        )
    keepers = best[finder.keepers_[inverse]]
    sizes = np.array([(photos[i].width, photos[i].height) for i in best])
    copies = np.bincount(inverse)[inverse]
    return Groups(
        keepers=keepers,
        cosine_to_keeper=finder.cosine_to_keeper_[inverse],
        nearest_cosine=np.where(copies > 1, 1.0, finder.nearest_cosine_[inverse]),
        scenes=keepers,
        second_look=take_second_look(
            finder, features.vector, features.thumbnail, inverse, best, sizes
        ),
    )


def make_finder(options: RunOptions) -> DuplicateFinder:
    """Return the estimator of duplicates that the options describe."""
    return DuplicateFinder(
        threshold=options.duplicate_threshold,
        rule=options.duplicate_rule,
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
    photos: Sequence[Photo],
    features: Features,
    options: RunOptions,
    checkpoint: Checkpoints | None = None,
) -> np.ndarray:
    """Find scenes among photos that stay.

    Returns
    -------
    ndarray of shape (n_photos,), int64
        A label for each photo.
    """
    # Only what the photo itself says is when it was taken.
    times = [
        (photo.local_time - datetime(1970, 1, 1)).total_seconds()
        if photo.taken_from == "exif"
        else math.nan
        for photo in photos
    ]
    folders = _folders(photos, options)
    vectors = features.scene_vector
    with watched_search("scenes", len(vectors), groups=folders, quiet=options.quiet) as progress:
        grouper = make_grouper(options).fit(
            vectors, times=times, groups=folders, progress=progress, checkpoint=checkpoint
        )
    return grouper.labels_


def nearest_for_scenes(
    photos: Sequence[Photo],
    features: Features,
    options: RunOptions,
    *,
    known: np.ndarray | None = None,
    checkpoint: Checkpoints | None = None,
) -> np.ndarray:
    """Return how alike each photo is to the nearest one that it may share a scene with.

    Parameters
    ----------
    photos : sequence of Photo
        All that stay.
    features : Features
        Of the same photos.
    options : RunOptions
    known : ndarray of shape (n_photos,), float64, optional
        See `nearest_in_group`.
    checkpoint : Checkpoints, optional
        As in `find_groups`.

    Returns
    -------
    ndarray of shape (n_photos,), float64
        NaN for the only photo, and for all where one embedding finds duplicates and scenes, since
        then the search for duplicates tells the same, or where there are more than 50,000.
    """
    vectors, folders = features.scene_vector, _folders(photos, options)
    if len(photos) > _MOST_SHOWN or np.array_equal(vectors, features.vector):
        return np.full(len(photos), np.nan)
    with watched_search("nearest", len(vectors), groups=folders, quiet=options.quiet) as progress:
        return nearest_in_group(
            vectors,
            folders,
            known=known,
            memory=options.memory,
            n_jobs=options.jobs,
            progress=progress,
            checkpoint=checkpoint,
        )


def _folders(photos: Sequence[Photo], options: RunOptions) -> list[str] | None:
    """Return the folders of photos, if only photos of one folder share a scene."""
    if not options.same_folder:
        return None
    return [photo.path.rpartition("/")[0] for photo in photos]
