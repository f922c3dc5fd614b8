"""Read and embed the photos of a folder, unless the cache knows them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import joblib

from dupimg.decide.embedded import Embedded
from dupimg.decide.evidence import Evidence
from dupimg.files.cache import Cache
from dupimg.files.capture_time import Dating
from dupimg.files.companions import pair_companions
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto
from dupimg.files.photos import File, Found, Listing
from dupimg.files.reading import read_files
from dupimg.files.sidecars import date_by_sidecars
from dupimg.messages import Message
from dupimg.model.embedder import PhotoEmbedder
from dupimg.model.features import Features
from dupimg.model.models import fetch_weights, get_model
from dupimg.options.analysis_options import EmbeddingOptions
from dupimg.progress import progress_bar

# Takes the digest of a content and a small JPEG of it.
KeepPreview = Callable[[str, bytes], object]


def read_listing(options: EmbeddingOptions, input_dir: Path, found: Found, cache: Cache) -> Listing:
    """Read the files of a folder, and find out which belong to a photo and when it was taken."""
    dating = Dating.of(options.time_zone)
    jobs = options.jobs or joblib.cpu_count()
    with progress_bar(len(found.files), "reading", unit="files", quiet=options.quiet) as bar:
        listing = read_files(
            input_dir,
            found,
            max_pixels=options.max_megapixels * 1_000_000,
            jobs=jobs,
            advance=bar.update,
            time_limit=options.time_limit,
            cache=cache,
            dating=dating,
        )
    return date_by_sidecars(
        input_dir,
        pair_companions(listing),
        dating,
        jobs=jobs,
        time_limit=options.time_limit,
        cache=cache,
    )


def read_and_embed(
    options: EmbeddingOptions,
    input_dir: Path,
    found: Found,
    evidence: Evidence,
    keep_preview: KeepPreview | None = None,
) -> tuple[Listing, Embedded]:
    """Read the files of a folder and embed its photos, unless the cache knows them.

    Parameters
    ----------
    options : EmbeddingOptions
    input_dir : Path
    found : Found
        What the folder holds.
    evidence : Evidence
        Entered. Its cache is used, and it gets the previews.
    keep_preview : callable, optional
        Takes the digest and the preview of each content.

    Returns
    -------
    listing, embedded
        See `embed_listing`.

    Raises
    ------
    UsageError
        There is no such model, or its weights are not to be had.
    """
    embedder = make_embedder(options, options.model)
    listing = read_listing(options, input_dir, found, evidence.cache)
    return embed_listing(
        embedder,
        input_dir,
        listing,
        quiet=options.quiet,
        evidence=evidence,
        keep_preview=keep_preview,
    )


def make_embedder(options: EmbeddingOptions, model: str) -> PhotoEmbedder:
    """Return the embedder that the options describe; its network is loaded at first use.

    Raises
    ------
    UsageError
        There is no such model or head, or the weights are not to be had.
    """
    fetch_weights(get_model(model))
    embedder = PhotoEmbedder(
        model,
        scene_head=options.scene_head or None,
        batch_size=options.batch_size,
        n_jobs=options.jobs,
        max_pixels=options.max_megapixels * 1_000_000,
        time_limit=options.time_limit,
        backend=options.backend,
        precision=options.precision,
    )
    return embedder.fit([])  # checks the head


def embed_listing(
    embedder: PhotoEmbedder,
    folder: Path,
    listing: Listing,
    *,
    quiet: bool,
    evidence: Evidence | None = None,
    keep_preview: KeepPreview | None = None,
) -> tuple[Listing, Embedded]:
    """Embed the photos of a listing: each content once, and none that the cache knows.

    Parameters
    ----------
    embedder : PhotoEmbedder
    folder : Path
        The folder that the paths of the photos start from.
    listing : Listing
    quiet : bool
        Show no bar.
    evidence : Evidence, optional
        Entered. Its cache is used, and it gets the previews. By default nothing is remembered.
    keep_preview : callable, optional
        Takes the digest and the preview of each content.

    Returns
    -------
    listing : Listing
        Photos that turned out to be unreadable are now among the others.
    embedded : Embedded
        The photos of the returned listing.
    """
    memory = _Memory(Cache(None) if evidence is None else evidence.cache, embedder)
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
    for digest, outcome in _embed_new(embedder, paths, quiet=quiet):
        memory.keep(digest, outcome)
        if isinstance(outcome, UnreadablePhoto):
            unreadable[digest] = outcome.message
            continue
        if keep_preview is not None:
            keep_preview(digest, outcome.preview)
        features[digest] = replace(outcome, preview=b"")
    listing = _without_unreadable(listing, unreadable)
    return listing, Embedded.of(listing.photos, features, evidence)


def _embed_new(
    embedder: PhotoEmbedder, paths: Mapping[str, Path], *, quiet: bool
) -> Iterator[tuple[str, Features | UnreadablePhoto]]:
    """Yield the digests of contents and the outcomes of embedding them, with a bar."""
    digests = list(paths)
    with progress_bar(len(digests), "embedding", unit="photos", quiet=quiet) as bar:
        bar.wait_for("preparing the network" if digests else "")
        # Without new photos neither the network nor torch is loaded.
        outcomes = embedder.stream(list(paths.values())) if digests else ()
        for number, (i, outcome) in enumerate(outcomes):
            if not number:
                bar.begin()  # the first run converts the network, which is no photo's time
            yield digests[i], outcome
            bar.update()


def _without_unreadable(listing: Listing, unreadable: Mapping[str, Message]) -> Listing:
    """Move the photos with these digests to the other files, with the reasons given."""
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
    """What a cache knows of the outcomes of one embedder."""

    def __init__(self, cache: Cache, embedder: PhotoEmbedder) -> None:
        self._cache = cache
        self._embedding_size = embedder.embedding_size
        self._fingerprint = embedder.fingerprint
        self._reader = f"{READER_VERSION} pixels up to {embedder.max_pixels}"

    def recall(self, digests: Sequence[str]) -> tuple[dict[str, Features], dict[str, Message]]:
        """Return the features of contents, and why others are unreadable."""
        features = {}
        for digest, content in self._cache.embeddings(digests, self._fingerprint).items():
            with contextlib.suppress(ValueError):  # damaged: computed anew
                features[digest] = Features.from_bytes(content, self._embedding_size)
        unknown = [digest for digest in digests if digest not in features]
        return features, self._cache.headers(unknown, self._reader)

    def previews(self, digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Yield the previews of contents."""
        return self._cache.previews(digests)

    def keep(self, digest: str, outcome: Features | UnreadablePhoto) -> None:
        """Remember an outcome that would be the same another time."""
        if isinstance(outcome, Features):
            self._cache.remember_preview(digest, outcome.preview)
            self._cache.remember_embedding(digest, self._fingerprint, outcome.to_bytes())
        elif not isinstance(outcome, UnreadableNow):
            self._cache.remember_unreadable(digest, self._reader, outcome.message)
