"""Read and embed the photos of a folder that are not in the cache."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import joblib

from dupimg.decide.embedded import Embedded
from dupimg.decide.evidence import Evidence
from dupimg.decide.whole_pictures import WholePictures
from dupimg.files.cache import Cache, cache_path
from dupimg.files.capture_time import Dating
from dupimg.files.companions import pair_companions
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto
from dupimg.files.inputs import Inputs, Root, by_zone
from dupimg.files.passed_over import pass_over
from dupimg.files.photos import File, Found, Listing, Photo
from dupimg.files.reading import read_files, with_traits
from dupimg.files.sidecars import date_by_sidecars
from dupimg.messages import Message
from dupimg.model.backends import choose_backend
from dupimg.model.features import Features
from dupimg.model.models import fetch_weights, get_model
from dupimg.model.remote import stream_photos
from dupimg.model.stream import PhotoStream
from dupimg.options.analysis_options import EmbeddingOptions
from dupimg.options.run_options import PlanOptions
from dupimg.progress import progress_bar

# Receives the digest and the preview of a content.
KeepPreview = Callable[[str, bytes], object]


def read_listing(
    options: EmbeddingOptions, inputs: Inputs, found: Found, cache: Cache, *, paired: bool = True
) -> Listing:
    """Read the files of folders, date the photos and pair them with their companions.

    Without `paired`, no companions are paired.
    """
    dating = Dating.of(options.time_zone)
    jobs = options.jobs or joblib.cpu_count()
    with progress_bar(len(found.files), "reading", unit="files", quiet=options.quiet) as bar:
        listing = read_files(
            inputs,
            found,
            max_pixels=options.max_megapixels * 1_000_000,
            jobs=jobs,
            advance=bar.update,
            time_limit=options.time_limit,
            cache=cache,
            dating=dating,
        )
    if not paired:
        return listing
    pair = (
        partial(pair_companions, endings=options.companion, videos=options.videos)
        if isinstance(options, PlanOptions)
        else pair_companions
    )
    listing = by_zone(inputs, listing, pair)
    if isinstance(options, PlanOptions):
        listing = pass_over(
            listing,
            found.excluded,
            min_pixels=options.min_pixels,
            min_bytes=options.min_bytes,
        )
    return date_by_sidecars(
        inputs,
        listing,
        dating,
        jobs=jobs,
        time_limit=options.time_limit,
        cache=cache,
    )


def known_apart(photos: Sequence[Photo], cache: str | None) -> list[tuple[str, str]]:
    """Return the pairs of digests that the user declared distinct in a review.

    Parameters
    ----------
    photos : sequence of Photo
    cache : str or None
        See `cache_path`.
    """
    with Cache(cache_path(cache)) as memory:
        return memory.distinct_pairs({photo.digest for photo in photos})


def read_known(
    options: EmbeddingOptions, inputs: Inputs, photos: Sequence[Photo], cache: Cache
) -> list[Photo]:
    """Read the metadata that the plan of an earlier run lacks."""
    return with_traits(
        inputs,
        photos,
        max_pixels=options.max_megapixels * 1_000_000,
        jobs=options.jobs or joblib.cpu_count(),
        time_limit=options.time_limit,
        cache=cache,
    )


def read_and_embed(
    options: EmbeddingOptions,
    inputs: Inputs,
    found: Found,
    evidence: Evidence,
    keep_preview: KeepPreview | None = None,
) -> tuple[Listing, Embedded]:
    """Read the files of a folder and embed its photos, with the help of the cache.

    Parameters
    ----------
    options : EmbeddingOptions
    inputs : Inputs
    found : Found
        The files of the folders.
    evidence : Evidence
        Must be entered. Its cache is used, and it receives the previews.
    keep_preview : callable, optional
        Receives the digest and the preview of each content.

    Returns
    -------
    listing, embedded
        See `embed_listing`.

    Raises
    ------
    UsageError
        There is no such model, or its weights are not available.
    """
    stream = make_stream(options, options.model)
    listing = read_listing(options, inputs, found, evidence.cache)
    return embed_listing(
        stream,
        inputs,
        listing,
        quiet=options.quiet,
        evidence=evidence,
        keep_preview=keep_preview,
    )


def make_stream(options: EmbeddingOptions, model: str) -> PhotoStream:
    """Return the stream that the options describe; its network is loaded at first use.

    Raises
    ------
    UsageError
        There is no such model or head, or the weights or a backend are not available.
    """
    network = get_model(model)
    backend = choose_backend(options.backend, network)
    fetch_weights(network)
    photos = PhotoStream(
        model=network,
        scene_head=Path(options.scene_head) if options.scene_head else None,
        backend=backend,
        precision=options.precision,
        batch_size=options.batch_size,
        n_jobs=options.jobs,
        max_pixels=options.max_megapixels * 1_000_000,
        time_limit=options.time_limit,
    )
    _ = photos.head  # raises HeadError
    return photos


def embed_listing(
    stream: PhotoStream,
    folder: Root,
    listing: Listing,
    *,
    quiet: bool,
    evidence: Evidence | None = None,
    keep_preview: KeepPreview | None = None,
) -> tuple[Listing, Embedded]:
    """Embed the photos of a listing: each content once, unless it is in the cache.

    Parameters
    ----------
    stream : PhotoStream
    folder : Path or Inputs
        The base of the paths of the photos.
    listing : Listing
    quiet : bool
        Whether to hide the progress bar.
    evidence : Evidence, optional
        Must be entered. Its cache is used, and it receives the previews. By default nothing is
        cached.
    keep_preview : callable, optional
        Receives the digest and the preview of each content.

    Returns
    -------
    listing : Listing
        The listing with unreadable photos moved to `others`.
    embedded : Embedded
        The photos of the returned listing.
    """
    cache = Cache(None) if evidence is None else evidence.cache
    memory = _Memory(cache, stream)
    if evidence is not None:
        keep_preview = evidence.pictures.keeping(keep_preview)
    first = {photo.digest: photo for photo in reversed(listing.photos)}
    features, unreadable = memory.recall(list(first))
    if keep_preview is not None:
        for digest, preview in memory.previews(features):
            keep_preview(digest, preview)
    paths = {
        digest: folder / photo.path
        for digest, photo in first.items()
        if digest not in features and digest not in unreadable
    }
    for digest, outcome in _embed_new(stream, paths, quiet=quiet):
        memory.keep(digest, outcome)
        if isinstance(outcome, UnreadablePhoto):
            unreadable[digest] = outcome.message
            continue
        if keep_preview is not None:
            keep_preview(digest, outcome.preview)
        features[digest] = replace(outcome, preview=b"")
    listing = _without_unreadable(listing, unreadable)
    if evidence is None:
        return listing, Embedded.of(listing.photos, features)
    wholes = WholePictures(
        {digest: folder / photo.path for digest, photo in first.items()},
        cache,
        max_pixels=stream.max_pixels,
        time_limit=stream.time_limit,
        jobs=stream.n_jobs,
        quiet=quiet,
    )
    evidence.at_end(wholes.close)
    return listing, Embedded.of(listing.photos, features, evidence, wholes)


def _embed_new(
    stream: PhotoStream, paths: Mapping[str, Path], *, quiet: bool
) -> Iterator[tuple[str, Features | UnreadablePhoto]]:
    """Embed contents; yield their digests and outcomes, and show a progress bar."""
    digests = list(paths)
    with progress_bar(len(digests), "embedding", unit="photos", quiet=quiet) as bar:
        bar.wait_for("preparing the network" if digests else "")
        # Without new photos neither the network nor torch is loaded.
        outcomes = stream_photos(stream, [*map(str, paths.values())]) if digests else ()
        for number, (i, outcome) in enumerate(outcomes):
            if not number:
                bar.begin()  # do not count the conversion of the network in the first run
            yield digests[i], outcome
            bar.update()


def _without_unreadable(listing: Listing, unreadable: Mapping[str, Message]) -> Listing:
    """Move the unreadable photos to the other files, with their reasons."""
    photos = tuple(photo for photo in listing.photos if photo.digest not in unreadable)
    demoted = (
        File(
            photo.path,
            photo.bytes,
            photo.digest,
            unreadable[photo.digest],
            modified_ns=photo.modified_ns,
            identity=photo.identity,
        )
        for photo in listing.photos
        if photo.digest in unreadable
    )
    others = tuple(sorted((*listing.others, *demoted), key=lambda other: other.path))
    return replace(listing, photos=photos, others=others)


class _Memory:
    """The cached outcomes of one stream."""

    def __init__(self, cache: Cache, stream: PhotoStream) -> None:
        self._cache = cache
        self._embedding_size = stream.model.embedding_size
        self._fingerprint = stream.fingerprint
        self._reader = f"{READER_VERSION} pixels up to {stream.max_pixels}"

    def recall(self, digests: Sequence[str]) -> tuple[dict[str, Features], dict[str, Message]]:
        """Return the cached features of contents, and the reasons why others are unreadable."""
        features = {}
        for digest, content in self._cache.embeddings(digests, self._fingerprint).items():
            with contextlib.suppress(ValueError):  # damaged: computed anew
                features[digest] = Features.from_bytes(content, self._embedding_size)
        unknown = [digest for digest in digests if digest not in features]
        return features, self._cache.headers(unknown, self._reader)

    def previews(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the digests and cached previews of contents."""
        return self._cache.previews(digests)

    def keep(self, digest: str, outcome: Features | UnreadablePhoto) -> None:
        """Cache an outcome unless it may be temporary."""
        if isinstance(outcome, Features):
            self._cache.remember_preview(digest, outcome.preview)
            self._cache.remember_embedding(digest, self._fingerprint, outcome.to_bytes())
        elif not isinstance(outcome, UnreadableNow):
            self._cache.remember_unreadable(digest, self._reader, outcome.message)
