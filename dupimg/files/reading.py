"""Read the files of a folder: their digests, and the headers of the pictures among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dupimg.files.cache import Cache
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto, read_header
from dupimg.files.photos import (
    File,
    Found,
    Listing,
    Photo,
    capture_time,
    content_digest,
    earliest_time,
)
from dupimg.files.sandbox import open_sandbox
from dupimg.messages import Message, message, why

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
    with closing(_read_new(folder, new, max_pixels, jobs, time_limit)) as outcomes:
        for (path, status), (digest, facts) in zip(new, outcomes, strict=True):
            records.append(_record(path, status, digest, facts))
            _remember(cache, reader, status, digest, facts)
            advance()
    photos = [record for record in records if isinstance(record, Photo)]
    others = [record for record in records if isinstance(record, File)]
    return Listing(
        tuple(sorted(photos, key=lambda photo: (photo.local_time, photo.path))),
        tuple(sorted([*others, *found.others], key=lambda other: other.path)),
        system_folders=found.system_folders,
        system_files=found.system_files,
    )


class _Facts(NamedTuple):
    """Size and capture time in the header of a photo."""

    width: int
    height: int
    taken_at: datetime | None


_FactsOrError = _Facts | UnreadablePhoto


def _read_new(
    folder: Path,
    files: Sequence[tuple[str, os.stat_result]],
    max_pixels: int,
    jobs: int,
    time_limit: float | None,
) -> Generator[tuple[str, _FactsOrError]]:
    """Yield the digest and the header of each file, as `_read_batch` returns them."""
    size = max(1, min(_AT_ONCE, len(files) // (4 * jobs)))  # so that the threads end together
    batches = [files[i : i + size] for i in range(0, len(files), size)]
    with ThreadPoolExecutor(jobs) as pool, open_sandbox(jobs, time_limit) as in_sandbox:
        read_facts = partial(in_sandbox, partial(_read_facts, max_pixels))
        for outcomes in pool.map(partial(_read_batch, folder, read_facts), batches):
            yield from outcomes


def _read_facts(max_pixels: int, path: Path) -> _Facts:
    header = read_header(path, max_pixels=max_pixels)
    return _Facts(header.width, header.height, capture_time(header.exif))


def _read_batch(
    folder: Path,
    read_facts: Callable[[Sequence[Path]], Iterable[_FactsOrError]],
    batch: Sequence[tuple[str, os.stat_result]],
) -> list[tuple[str, _FactsOrError]]:
    """Return the digest of each file, empty if it cannot be read, and its header."""
    paths = [folder / path for path, _ in batch]
    digests = [_digest_or_reason(path) for path in paths]
    whole = [path for path, digest in zip(paths, digests, strict=True) if isinstance(digest, str)]
    facts = iter(read_facts(whole))
    return [
        (digest, next(facts)) if isinstance(digest, str) else ("", digest) for digest in digests
    ]


def _digest_or_reason(path: Path) -> str | UnreadableNow:
    try:
        return content_digest(path)
    except OSError as error:
        return UnreadableNow(message("reason.not_read", why=why(error)))


def _record(path: str, status: os.stat_result, digest: str, facts: _FactsOrError) -> Photo | File:
    if not isinstance(facts, _Facts):
        return File(path, status.st_size, digest, facts.message, modified_ns=status.st_mtime_ns)
    return Photo(
        path,
        status.st_size,
        digest,
        facts.width,
        facts.height,
        facts.taken_at or earliest_time(status),
        "exif" if facts.taken_at else "file",
        status.st_mtime_ns,
    )


def _remember(
    cache: Cache, reader: str, status: os.stat_result, digest: str, facts: _FactsOrError
) -> None:
    if isinstance(facts, UnreadableNow):
        return
    cache.remember_digest(status, digest)
    if isinstance(facts, _Facts):
        taken_at = facts.taken_at and facts.taken_at.isoformat()
        cache.remember_header(digest, reader, [facts.width, facts.height, taken_at])
    else:
        cache.remember_unreadable(digest, reader, facts.message)


def _remembered(
    cache: Cache, reader: str, files: Sequence[tuple[str, os.stat_result]]
) -> list[Photo | File]:
    """Return the records of the files known to the cache."""
    digests = cache.digests([status for _, status in files])
    headers = cache.headers({digest for digest in digests if digest is not None}, reader)
    return [
        _record(path, status, digest, _from_header(headers[digest]))
        for (path, status), digest in zip(files, digests, strict=True)
        if digest is not None and digest in headers
    ]


def _from_header(header: Any) -> _FactsOrError:
    if isinstance(header, Message):
        return UnreadablePhoto(header)
    width, height, taken_at = header
    return _Facts(width, height, datetime.fromisoformat(taken_at) if taken_at else None)
