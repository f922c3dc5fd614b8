"""Wire the deciding steps together: folder → photos → vectors → groups → plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

from dupimg.companions import pair_companions
from dupimg.duplicates import DuplicateFinder
from dupimg.embedding import PhotoEmbedder
from dupimg.images import UnreadablePhoto
from dupimg.keepers import DEFAULT_RULE, keeper_order
from dupimg.models import WeightsError, fetch_weights, get_model
from dupimg.options import PlanOptions, RunOptions, UsageError
from dupimg.photos import File, Found, Listing, Photo, read_files
from dupimg.plan import Groups, Row, check_plan, make_plan
from dupimg.progress import progress_bar
from dupimg.scenes import SceneGrouper


def decide(options: PlanOptions, found: Found) -> tuple[Row, ...]:
    """Decide what is to happen to every file of a folder.

    Parameters
    ----------
    options : PlanOptions
    found : Found
        What the folder holds.

    Returns
    -------
    tuple of Row
        A checked plan.

    Raises
    ------
    UsageError
        There is no such model, or its weights are not to be had.
    """
    embedder = make_embedder(options, options.model)
    with progress_bar(len(found.files), "reading", unit="files", quiet=options.quiet) as bar:
        listing = read_files(
            options.input_dir,
            found,
            max_pixels=options.max_megapixels * 1_000_000,
            jobs=options.jobs or joblib.cpu_count(),
            advance=bar.update,
        )
    listing = pair_companions(listing)
    listing, vectors, inverse = embed(embedder, options.input_dir, listing, quiet=options.quiet)
    groups = find_groups(listing.photos, vectors, inverse, options, options.keep)
    rows = make_plan(listing, groups, options.keep)
    if problems := check_plan(rows):
        raise RuntimeError(f"The plan is not safe to carry out: {problems}")
    return rows


def make_embedder(options: RunOptions, model: str) -> PhotoEmbedder:
    """Return the embedder that the options describe; its network is loaded at first use.

    Raises
    ------
    UsageError
        There is no such model, or its weights are not to be had.
    """
    try:
        fetch_weights(get_model(model))
    except (ValueError, WeightsError) as error:
        raise UsageError(str(error)) from error
    return PhotoEmbedder(
        model,
        batch_size=options.batch_size,
        n_jobs=options.jobs,
        max_pixels=options.max_megapixels * 1_000_000,
    )


def embed(
    embedder: PhotoEmbedder, folder: Path, listing: Listing, *, quiet: bool
) -> tuple[Listing, np.ndarray, np.ndarray]:
    """Embed the photos of a listing, byte-identical ones once.

    Returns
    -------
    listing : Listing
        Photos that turned out to be unreadable are now among the others.
    vectors : ndarray of shape (n_contents, d), float32
    inverse : ndarray of shape (n_photos,), int64
        Row of `vectors` for each photo of the returned listing.
    """
    first = {photo.digest: photo for photo in reversed(listing.photos)}
    contents = list(first)
    vectors = np.empty((len(contents), get_model(embedder.model).embedding_size), np.float32)
    unreadable: dict[str, str] = {}
    with progress_bar(len(contents), "embedding", unit="photos", quiet=quiet) as bar:
        for i, outcome in embedder.stream([folder / photo.path for photo in first.values()]):
            if isinstance(outcome, UnreadablePhoto):
                unreadable[contents[i]] = str(outcome)
            else:
                vectors[i] = outcome
            bar.update()
    if unreadable:
        vectors = vectors[[digest not in unreadable for digest in contents]]
        contents = [digest for digest in contents if digest not in unreadable]
    rows = {digest: row for row, digest in enumerate(contents)}
    photos = tuple(photo for photo in listing.photos if photo.digest in rows)
    demoted = [
        File(photo.path, photo.bytes, photo.digest, unreadable[photo.digest])
        for photo in listing.photos
        if photo.digest in unreadable
    ]
    others = tuple(sorted((*listing.others, *demoted), key=lambda other: other.path))
    inverse = np.array([rows[photo.digest] for photo in photos], dtype=np.int64)
    return replace(listing, photos=photos, others=others), vectors, inverse


def find_groups(
    photos: Sequence[Photo],
    vectors: np.ndarray,
    inverse: np.ndarray,
    options: RunOptions,
    keep_rule: Sequence[str] = DEFAULT_RULE,
) -> Groups:
    """Find duplicates, and scenes among the photos that stay.

    Parameters
    ----------
    photos : sequence of Photo
    vectors : ndarray of shape (n_contents, d)
    inverse : ndarray of shape (n_photos,)
        Row of `vectors` for each photo.
    options : RunOptions
    keep_rule : sequence of str
        See `keeper_order`.

    Returns
    -------
    Groups
    """
    if not photos:
        nothing = np.empty(0, np.int64)
        return Groups(nothing, nothing.astype(float), nothing.astype(float), nothing)
    order = np.array(keeper_order(photos, keep_rule))
    # The best photo stands for all of the same content, and contents go in order of their best.
    contents, position = np.unique(inverse[order], return_index=True)
    best = order[position]
    finder = DuplicateFinder(options.duplicate_threshold)
    finder.fit(vectors, keeper_order=contents[np.argsort(position)])
    kept = np.flatnonzero(finder.keepers_ == contents)
    grouper = SceneGrouper(
        options.scene_threshold,
        method=options.scene_method,
        linkage=options.linkage,
        min_size=options.min_scene_size,
    )
    scenes = np.zeros(len(contents), np.int64)
    scenes[kept] = grouper.fit_predict(vectors[kept])
    keepers = finder.keepers_[inverse]
    copies = np.bincount(inverse)[inverse]
    return Groups(
        keepers=best[keepers],
        cosine_to_keeper=finder.cosine_to_keeper_[inverse],
        nearest_cosine=np.where(copies > 1, 1.0, finder.nearest_cosine_[inverse]),
        scenes=scenes[keepers],
    )
