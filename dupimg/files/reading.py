"""Read the files of a folder: their digests, and the headers of the pictures among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dupimg.files.cache import Cache
from dupimg.files.companion_names import MOTION_SUFFIX, VIDEO_SUFFIXES, split_name
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto, read_header
from dupimg.files.photos import (
    File,
    Found,
    Listing,
    Photo,
    Video,
    capture_time,
    content_digest,
    earliest_time,
)
from dupimg.files.quicktime import Movie, read_movie
from dupimg.files.sandbox import open_sandbox
from dupimg.files.traits import Traits
from dupimg.messages import Message, message, why

_NO_PICTURE = message("reason.not_a_picture")

# Most files that a thread reads before it hands their headers to a worker process, which costs less
# for many at a time.
_AT_ONCE = 16


def read_files(
    folder: Path,
    found: Found,
    *,
    max_pixels: int,
    jobs: int,
    advance: Callable[[], None],
    time_limit: float | None = None,
    cache: Cache | None = None,
) -> Listing:
    """Read the content digest, the size and the time of every file.

    Parameters
    ----------
    folder : Path
    found : Found
        The result of `find_files`.
    max_pixels : int
        A picture with more pixels counts as unreadable.
    jobs : int
        Number of threads.
    advance : callable
        Called after each file.
    time_limit : float, optional
        Seconds that the header of a picture may take. Headers are then read in worker processes;
        see `dupimg.files.sandbox`.
    cache : Cache, optional
        Files known to it, by their size, time and inode, are not opened.

    Returns
    -------
    Listing
    """
    cache = cache or Cache(None)
    reader = f"{READER_VERSION} up to {max_pixels}"
    records = _remembered(cache, reader, found.files)
    for _ in records:
        advance()
    known = {record.path for record in records}
    new = [file for file in found.files if file[0] not in known]
    size = max(1, min(_AT_ONCE, len(new) // (4 * jobs)))  # a few for each thread to end together
    batches = [new[i : i + size] for i in range(0, len(new), size)]
    with ThreadPoolExecutor(jobs) as pool, open_sandbox(jobs, time_limit) as look:
        read = partial(_read_batch, folder, look=partial(look, partial(_look_at, max_pixels)))
        for batch, outcomes in zip(batches, pool.map(read, batches), strict=True):
            for (path, status), (digest, looked) in zip(batch, outcomes, strict=True):
                records.append(_record(path, status, digest, looked))
                _remember(cache, reader, status, digest, looked)
                advance()
    photos = [record for record in records if isinstance(record, Photo)]
    videos = [record for record in records if isinstance(record, Video)]
    others = [record for record in records if isinstance(record, File)]
    return Listing(
        tuple(sorted(photos, key=lambda photo: (photo.local_time, photo.path))),
        tuple(sorted([*others, *found.others], key=lambda other: other.path)),
        system_folders=found.system_folders,
        system_files=found.system_files,
        videos=tuple(sorted(videos, key=lambda video: (video.local_time, video.path))),
    )


class _Look(NamedTuple):
    """Size, capture time and traits in the header of a photo."""

    width: int
    height: int
    taken_at: datetime | None
    traits: Traits


_Looked = _Look | Movie | UnreadablePhoto


def _look_at(max_pixels: int, path: Path) -> _Look | Movie:
    try:
        header = read_header(path, max_pixels=max_pixels)
    except UnreadablePhoto as error:
        if error.message == _NO_PICTURE and _is_film(path.name):
            return read_movie(path)
        raise
    return _Look(header.width, header.height, capture_time(header.exif), header.traits)


def _read_batch(
    folder: Path,
    batch: Sequence[tuple[str, os.stat_result]],
    look: Callable[[Sequence[Path]], Iterable[_Looked]],
) -> list[tuple[str, _Looked]]:
    """Return the digest of each file, empty if it cannot be read, and its header."""
    paths = [folder / path for path, _ in batch]
    digests = [_digest_or_reason(path) for path in paths]
    whole = [path for path, digest in zip(paths, digests, strict=True) if isinstance(digest, str)]
    looks = iter(look(whole))
    return [
        (digest, next(looks)) if isinstance(digest, str) else ("", digest) for digest in digests
    ]


def _digest_or_reason(path: Path) -> str | UnreadableNow:
    try:
        return content_digest(path)
    except OSError as error:
        return UnreadableNow(message("reason.not_read", why=why(error)))


def _is_film(path: str) -> bool:
    """Return whether a file is a film by its name: films say less of their kind than pictures."""
    suffix = split_name(path)[1].lower()
    return suffix in VIDEO_SUFFIXES or MOTION_SUFFIX.fullmatch(suffix) is not None


def _record(
    path: str, status: os.stat_result, digest: str, looked: _Looked
) -> Photo | Video | File:
    if isinstance(looked, Movie):
        if not _is_film(path):  # of the same content as one
            return File(path, status.st_size, digest, _NO_PICTURE, modified_ns=status.st_mtime_ns)
        created = looked.created
        return Video(
            path,
            status.st_size,
            digest,
            created or earliest_time(status),
            "quicktime" if created else "file",
            status.st_mtime_ns,
            looked,
        )
    if not isinstance(looked, _Look):
        return File(path, status.st_size, digest, looked.message, modified_ns=status.st_mtime_ns)
    return Photo(
        path,
        status.st_size,
        digest,
        looked.width,
        looked.height,
        looked.taken_at or earliest_time(status),
        "exif" if looked.taken_at else "file",
        status.st_mtime_ns,
        looked.traits,
    )


def _remember(
    cache: Cache, reader: str, status: os.stat_result, digest: str, looked: _Looked
) -> None:
    if isinstance(looked, UnreadableNow):
        return
    cache.remember_digest(status, digest)
    if isinstance(looked, _Look):
        taken_at = looked.taken_at and looked.taken_at.isoformat()
        traits = looked.traits.to_json()
        cache.remember_header(digest, reader, [looked.width, looked.height, taken_at, traits])
    elif isinstance(looked, Movie):
        cache.remember_header(digest, reader, {"movie": looked.to_json()})
    else:
        cache.remember_unreadable(digest, reader, looked.message)


def _remembered(
    cache: Cache, reader: str, files: Sequence[tuple[str, os.stat_result]]
) -> list[Photo | Video | File]:
    """Return the records of the files known to the cache."""
    digests = cache.digests([status for _, status in files])
    headers = cache.headers({digest for digest in digests if digest is not None}, reader)
    return [
        _record(path, status, digest, _from_header(headers[digest]))
        for (path, status), digest in zip(files, digests, strict=True)
        if digest is not None
        and digest in headers
        # It may have been read under the name of no film.
        and not (headers[digest] == _NO_PICTURE and _is_film(path))
    ]


def _from_header(header: Any) -> _Looked:
    if isinstance(header, Message):
        return UnreadablePhoto(header)
    if isinstance(header, dict):
        return Movie.from_json(header["movie"])
    width, height, taken_at, traits = header
    moment = datetime.fromisoformat(taken_at) if taken_at else None
    return _Look(width, height, moment, Traits.from_json(traits))
