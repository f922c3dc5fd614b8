"""Read the files of a folder: their digests, and the headers of the pictures among them."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from dupimg.files.cache import Cache
from dupimg.files.capture_time import Dating
from dupimg.files.identity import identity_of
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto, read_header
from dupimg.files.metadata import Metadata
from dupimg.files.name_times import time_in_name
from dupimg.files.photos import File, Found, Listing, Photo, by_time, content_digest
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
    dating: Dating | None = None,
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
        Files known to it, by their size, times and inode, are not opened.
    dating : Dating, optional
        How photos are dated; by default in the time zone of this machine.

    Returns
    -------
    Listing
    """
    cache = cache or Cache(None)
    reader = f"{READER_VERSION} up to {max_pixels}"
    outcomes = _remembered(cache, reader, found.files)
    for _ in outcomes:
        advance()
    known = {path for (path, _), _, _ in outcomes}
    new = [file for file in found.files if file[0] not in known]
    with closing(_read_new(folder, new, max_pixels, jobs, time_limit)) as read:
        for file, (digest, facts) in zip(new, read, strict=True):
            outcomes.append((file, digest, facts))
            _remember(cache, reader, file[1], digest, facts)
            advance()
    return _listing(found, outcomes, dating or Dating.of())


_File = tuple[str, os.stat_result]


def _listing(
    found: Found, outcomes: Sequence[tuple[_File, str, _FactsOrError]], dating: Dating
) -> Listing:
    """Return the files with their digests and facts as a listing; its photos are dated."""
    records = [_record(*file, digest, facts, dating) for file, digest, facts in outcomes]
    photos = [record for record in records if isinstance(record, Photo)]
    others = [record for record in records if isinstance(record, File)]
    return Listing(
        tuple(sorted(photos, key=by_time)),
        tuple(sorted([*others, *found.others], key=lambda other: other.path)),
        system_folders=found.system_folders,
        system_files=found.system_files,
        metadata={
            digest: facts.metadata for _, digest, facts in outcomes if isinstance(facts, _Facts)
        },
    )


class _Facts(NamedTuple):
    """Size of a photo, and when and where it was taken as its content says."""

    width: int
    height: int
    metadata: Metadata


_FactsOrError = _Facts | UnreadablePhoto


def _read_new(
    folder: Path,
    files: Sequence[_File],
    max_pixels: int,
    jobs: int,
    time_limit: float | None,
) -> Generator[tuple[str, _FactsOrError], None, None]:
    """Yield the digest and the header of each file, as `_read_batch` returns them."""
    size = max(1, min(_AT_ONCE, len(files) // (4 * jobs)))  # so that the threads end together
    batches = [files[i : i + size] for i in range(0, len(files), size)]
    with ThreadPoolExecutor(jobs) as pool, open_sandbox(jobs, time_limit) as in_sandbox:
        read_facts = partial(in_sandbox, partial(_read_facts, max_pixels))
        for outcomes in pool.map(partial(_read_batch, folder, read_facts), batches):
            yield from outcomes


def _read_facts(max_pixels: int, path: Path) -> _Facts:
    header = read_header(path, max_pixels=max_pixels)
    return _Facts(header.width, header.height, header.metadata)


def _read_batch(
    folder: Path,
    read_facts: Callable[[Sequence[Path]], Iterable[_FactsOrError]],
    batch: Sequence[_File],
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


def _record(
    path: str, status: os.stat_result, digest: str, facts: _FactsOrError, dating: Dating
) -> Photo | File:
    if not isinstance(facts, _Facts):
        return File(
            path,
            status.st_size,
            digest,
            facts.message,
            modified_ns=status.st_mtime_ns,
            identity=identity_of(status),
        )
    named = time_in_name(path)
    stamps = facts.metadata.stamps + ((named,) if named else ())
    taken = dating.date(stamps, facts.metadata.place, dating.file_time(status))
    return Photo(
        path,
        status.st_size,
        digest,
        facts.width,
        facts.height,
        taken.at,
        taken.source,
        status.st_mtime_ns,
        passed_over=taken.passed_over,
        identity=identity_of(status),
    )


def _remember(
    cache: Cache, reader: str, status: os.stat_result, digest: str, facts: _FactsOrError
) -> None:
    if isinstance(facts, UnreadableNow):
        return
    cache.remember_digest(status, digest)
    if isinstance(facts, _Facts):
        header = [facts.width, facts.height, facts.metadata.to_json()]
        cache.remember_header(digest, reader, header)
    else:
        cache.remember_unreadable(digest, reader, facts.message)


def _remembered(
    cache: Cache, reader: str, files: Sequence[_File]
) -> list[tuple[_File, str, _FactsOrError]]:
    """Return the files known to the cache, their digests and their headers."""
    digests = cache.digests([status for _, status in files])
    headers = cache.headers({digest for digest in digests if digest is not None}, reader)
    return [
        (file, digest, _from_header(headers[digest]))
        for file, digest in zip(files, digests, strict=True)
        if digest is not None and digest in headers
    ]


def _from_header(header: Any) -> _FactsOrError:
    if isinstance(header, Message):
        return UnreadablePhoto(header)
    width, height, metadata = header
    return _Facts(width, height, Metadata.from_json(metadata))
