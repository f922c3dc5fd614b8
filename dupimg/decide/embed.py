"""Look at the photos of a folder: read and embed them, out of the cache where that knows them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import joblib
import numpy as np

from dupimg.files.cache import Cache, cache_path
from dupimg.files.companions import pair_companions
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto
from dupimg.files.photos import File, Found, Listing
from dupimg.files.previews import PreviewFolder
from dupimg.files.reading import read_files
from dupimg.model.embedding import PhotoEmbedder
from dupimg.model.features import Features
from dupimg.model.models import fetch_weights, get_model
from dupimg.options.analysis_options import EmbeddingOptions
from dupimg.progress import progress_bar


def read_listing(options: EmbeddingOptions, input_dir: Path, found: Found, cache: Cache) -> Listing:
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
    options: EmbeddingOptions, input_dir: Path, found: Found, previews: PreviewFolder | None = None
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
        head_file=options.scene_head or None,
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
