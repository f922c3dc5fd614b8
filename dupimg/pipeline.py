"""Wire the deciding steps together: folder → photos → vectors → groups → plan."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import joblib
import numpy as np

from dupimg.converters import counted
from dupimg.files.cache import Cache, cache_path
from dupimg.files.companions import pair_companions
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto
from dupimg.files.photos import File, Found, Listing, Photo
from dupimg.files.reading import read_files
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.groups.nearest_in_group import nearest_in_group
from dupimg.groups.scenes import SceneGrouper
from dupimg.groups.second_look import take_second_look
from dupimg.model.clusters import connected
from dupimg.model.embedding import PhotoEmbedder
from dupimg.model.features import Features
from dupimg.model.models import fetch_weights, get_model
from dupimg.options import PlanOptions, RunOptions
from dupimg.pages.previews import PreviewFolder
from dupimg.plans.keepers import DEFAULT_RULE, keeper_order
from dupimg.plans.plan import Groups, check_plan, make_plan
from dupimg.plans.rows import Row
from dupimg.progress import progress_bar
from dupimg.search.checkpoints import Checkpoints
from dupimg.search.watching import watched_search


@dataclass(frozen=True)
class Decision:
    """What is to happen to every file of a folder.

    Attributes
    ----------
    rows : tuple of Row
        A checked plan.
    notes : tuple of str
        What a person should know about it.
    """

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def decide(
    options: PlanOptions,
    found: Found,
    previews: PreviewFolder | None = None,
    checkpoint: Checkpoints | None = None,
) -> Decision:
    """Decide what is to happen to every file of a folder.

    Parameters
    ----------
    options : PlanOptions
    found : Found
        What the folder holds.
    previews : PreviewFolder, optional
        Gets a small picture of every photo.
    checkpoint : Checkpoints, optional
        Keeps what long searches have found.

    Returns
    -------
    Decision

    Raises
    ------
    UsageError
        There is no such model, or its weights are not to be had.
    """
    first_file = options.input_dir / next((path for path, _ in found.files), ".")
    with connected(options.scheduler, first_file):
        listing, features, inverse = read_and_embed(options, options.input_dir, found, previews)
        groups = find_groups(
            listing.photos,
            features,
            inverse,
            options,
            options.keep,
            known_apart(listing.photos, options.cache),
            checkpoint,
        )
    rows = make_plan(listing, groups, options.keep)
    if problems := check_plan(rows):
        raise RuntimeError(f"The plan is not safe to carry out: {problems}")
    return Decision(rows, _notes(groups, options.duplicate_rule))


def read_listing(options: RunOptions, input_dir: Path, found: Found, cache: Cache) -> Listing:
    """Read the files of a folder, and find out which of them belong to a photo."""
    with progress_bar(len(found.files), "reading", unit="files", quiet=options.quiet) as bar:
        listing = read_files(
            input_dir,
            found,
            max_pixels=options.max_megapixels * 1_000_000,
            jobs=options.jobs or joblib.cpu_count(),
            advance=bar.update,
            time_limit=options.time_limit,
            cache=cache,
        )
    return pair_companions(listing)


def read_and_embed(
    options: RunOptions, input_dir: Path, found: Found, previews: PreviewFolder | None = None
) -> tuple[Listing, Features | None, np.ndarray]:
    """Read the files of a folder and embed its photos, out of the cache where that knows them.

    Returns
    -------
    listing, features, inverse
        See `embed`.

    Raises
    ------
    UsageError
        There is no such model, or its weights are not to be had.
    """
    embedder = make_embedder(options, options.model)
    with Cache(cache_path(options.cache)) as cache:
        listing = read_listing(options, input_dir, found, cache)
        return embed(
            embedder,
            input_dir,
            listing,
            quiet=options.quiet,
            cache=cache,
            previews=previews,
        )


def _notes(groups: Groups, rule: str) -> tuple[str, ...]:
    """Say how many photos the other rule for duplicates would have removed or spared."""
    look = groups.second_look
    if look is None:
        return ()
    removed = groups.keepers != np.arange(len(groups.keepers))
    more = int(np.count_nonzero(look.other_rule_removes & ~removed))
    spared = np.count_nonzero(removed & ~look.other_rule_removes)
    other = "verified" if rule == "cosine" else "cosine"
    return (
        f"note     --duplicate_rule={other} would have removed {counted(more, 'more photo')} "
        f"and spared {spared:,}",
    )


def make_embedder(options: RunOptions, model: str) -> PhotoEmbedder:
    """Return the embedder that the options describe; its network is loaded at first use.

    Raises
    ------
    UsageError
        There is no such model or head, or the weights are not to be had.
    """
    fetch_weights(get_model(model))
    embedder = PhotoEmbedder(
        model,
        head_file=options.head or None,
        batch_size=options.batch_size,
        n_jobs=options.jobs,
        max_pixels=options.max_megapixels * 1_000_000,
        time_limit=options.time_limit,
        backend=options.backend,
        precision=options.precision,
    )
    return embedder.fit([])  # checks the head


def embed(
    embedder: PhotoEmbedder,
    folder: Path,
    listing: Listing,
    *,
    quiet: bool,
    cache: Cache | None = None,
    previews: PreviewFolder | None = None,
) -> tuple[Listing, Features | None, np.ndarray]:
    """Embed the photos of a listing, byte-identical ones once and those in the cache not at all.

    Returns
    -------
    listing : Listing
        Photos that turned out to be unreadable are now among the others.
    features : Features or None
        Of n_contents photos; None if there are none.
    inverse : ndarray of shape (n_photos,), int64
        Row of `features` for each photo of the returned listing.
    """
    first = {photo.digest: photo for photo in reversed(listing.photos)}
    contents = list(first)
    memory = _Memory(cache or Cache(None), embedder)
    known, unreadable = memory.recall(contents)
    new = [digest for digest in contents if digest not in known and digest not in unreadable]
    if previews is not None:
        for digest, preview in memory.previews(known):
            previews.write(digest, preview)
    with progress_bar(len(new), "embedding", unit="photos", quiet=quiet) as bar:
        # Without new photos neither the network nor torch is loaded.
        stream = embedder.stream([folder / first[digest].path for digest in new]) if new else ()
        for i, outcome in stream:
            memory.keep(new[i], outcome)
            if isinstance(outcome, UnreadablePhoto):
                unreadable[new[i]] = str(outcome)
            else:
                if previews is not None:
                    previews.write(new[i], outcome.preview)
                known[new[i]] = replace(outcome, preview=b"")
            bar.update()
    contents = [digest for digest in contents if digest in known]
    features = Features.stack([known[digest] for digest in contents]) if contents else None
    rows = {digest: row for row, digest in enumerate(contents)}
    photos = tuple(photo for photo in listing.photos if photo.digest in rows)
    demoted = [
        File(
            photo.path,
            photo.bytes,
            photo.digest,
            unreadable[photo.digest],
            modified_ns=photo.modified_ns,
        )
        for photo in listing.photos
        if photo.digest in unreadable
    ]
    others = tuple(sorted((*listing.others, *demoted), key=lambda other: other.path))
    inverse = np.array([rows[photo.digest] for photo in photos], dtype=np.int64)
    return replace(listing, photos=photos, others=others), features, inverse


class _Memory:
    """What a cache knows of the outcomes of one embedder."""

    def __init__(self, cache: Cache, embedder: PhotoEmbedder) -> None:
        self._cache = cache
        self._embedding_size = embedder.embedding_size
        self._fingerprint = embedder.fingerprint
        self._reader = f"{READER_VERSION} pixels up to {embedder.max_pixels}"

    def recall(self, digests: Sequence[str]) -> tuple[dict[str, Features], dict[str, str]]:
        """Return the features of contents, and why others are unreadable."""
        features = {}
        for digest, content in self._cache.embeddings(digests, self._fingerprint).items():
            with contextlib.suppress(ValueError):  # damaged: computed anew
                features[digest] = Features.from_bytes(content, self._embedding_size)
        return features, self._cache.headers(digests, self._reader)

    def previews(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the previews of contents."""
        return self._cache.previews(digests)

    def keep(self, digest: str, outcome: Features | UnreadablePhoto) -> None:
        """Remember an outcome that would be the same another time."""
        if isinstance(outcome, Features):
            self._cache.remember_preview(digest, outcome.preview)
            self._cache.remember_embedding(digest, self._fingerprint, outcome.to_bytes())
        elif not isinstance(outcome, UnreadableNow):
            self._cache.remember_header(digest, self._reader, str(outcome))


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
        features, inverse, options, order=order, cannot_link=cannot_link, checkpoint=checkpoint
    )
    kept, place = np.unique(groups.keepers, return_inverse=True)
    staying, chosen = [photos[i] for i in kept], features[inverse[kept]]
    scenes = find_scenes(staying, chosen, options, checkpoint)
    nearest = np.full(len(photos), np.nan)
    nearest[kept] = nearest_for_scenes(staying, chosen, options, checkpoint=checkpoint)
    return replace(groups, scenes=scenes[place], nearest_scene_cosine=nearest)


def find_duplicates(
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
    features, inverse, options
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
    with watched_search("comparing", features.vector, options) as progress:
        finder = make_finder(options).fit(
            features.vector,
            keeper_order=contents[np.argsort(position)],
            thumbnails=features.thumbnail,
            cannot_link=cannot_link,
            progress=progress,
            checkpoint=checkpoint,
        )
    keepers = best[finder.keepers_[inverse]]
    copies = np.bincount(inverse)[inverse]
    return Groups(
        keepers=keepers,
        cosine_to_keeper=finder.cosine_to_keeper_[inverse],
        nearest_cosine=np.where(copies > 1, 1.0, finder.nearest_cosine_[inverse]),
        scenes=keepers,
        second_look=take_second_look(finder, features, inverse, best),
    )


def make_finder(options: RunOptions) -> DuplicateFinder:
    """Return the estimator of duplicates that the options describe."""
    return DuplicateFinder(
        options.duplicate_threshold,
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
        options.scene_threshold,
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
    with watched_search("scenes", vectors, options, folders) as progress:
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
        NaN for the only photo, and for all where one embedding finds duplicates and scenes: then
        the search for duplicates tells the same.
    """
    vectors, folders = features.scene_vector, _folders(photos, options)
    if not photos or np.array_equal(vectors, features.vector):
        return np.full(len(photos), np.nan)
    with watched_search("nearest", vectors, options, folders) as progress:
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
