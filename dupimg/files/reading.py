"""Read the digests of all files of a folder, and the headers of its pictures and videos."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from dupimg.files.cache import Cache
from dupimg.files.capture_time import Dating
from dupimg.files.companion_names import is_film
from dupimg.files.film_times import Film, read_film
from dupimg.files.identity import identity_of
from dupimg.files.images import READER_VERSION, UnreadableNow, UnreadablePhoto, read_header
from dupimg.files.inputs import Root
from dupimg.files.metadata import Metadata
from dupimg.files.name_times import time_in_name
from dupimg.files.photos import File, Found, Listing, Photo, Video, by_time, content_digest
from dupimg.files.sandbox import open_sandbox
from dupimg.files.traits import Traits
from dupimg.messages import Message, message, why
from dupimg.threads import Threads

_NO_PICTURE = message("reason.not_a_picture")

# Most files in a batch, whose headers a worker process reads together to save overhead.
_AT_ONCE = 16


def read_files(
    folder: Root,
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
    folder : Path or Inputs
    found : Found
        The result of `find_files`.
    max_pixels : int
        A picture with more pixels counts as unreadable.
    jobs : int
        Number of threads.
    advance : callable
        Called after each file.
    time_limit : float, optional
        Most seconds for the header of a picture. With a limit, headers are read in worker
        processes; see `dupimg.files.sandbox`.
    cache : Cache, optional
        Files that it knows by size, times and inode are not opened.
    dating : Dating, optional
        Rules for dates; by default in the time zone of this machine.

    Returns
    -------
    Listing
    """
    cache = cache or Cache(None)
    reader = _reader(max_pixels)
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


def with_traits(
    folder: Root,
    photos: Sequence[Photo],
    *,
    max_pixels: int,
    jobs: int,
    time_limit: float | None = None,
    cache: Cache | None = None,
) -> list[Photo]:
    """Read the traits of photos that an earlier run has listed.

    Parameters
    ----------
    folder : Path or Inputs
        The base of the paths of the photos.
    photos : sequence of Photo
    max_pixels, jobs, time_limit, cache
        As in `read_files`.

    Returns
    -------
    list of Photo
        Photos with unreadable headers stay unchanged.
    """
    cache = cache or Cache(None)
    reader = _reader(max_pixels)
    headers = cache.headers({photo.digest for photo in photos}, reader)
    facts = {digest: _from_header(header) for digest, header in headers.items()}
    paths = {p.digest: folder / p.path for p in photos if p.digest not in facts}
    with Threads(jobs) as threads, open_sandbox(jobs, time_limit) as in_sandbox:
        read = partial(in_sandbox, partial(_read_facts, max_pixels))
        batches = [[*paths.values()][i : i + _AT_ONCE] for i in range(0, len(paths), _AT_ONCE)]
        facts |= zip(paths, chain.from_iterable(threads.each(read, batches)), strict=True)
    known = {digest: f.traits for digest, f in facts.items() if isinstance(f, _Facts)}
    return [replace(p, traits=known.get(p.digest, p.traits)) for p in photos]


def _reader(max_pixels: int) -> str:
    return f"{READER_VERSION} up to {max_pixels}"


_File = tuple[str, os.stat_result]


def _listing(
    found: Found, outcomes: Sequence[tuple[_File, str, _FactsOrError]], dating: Dating
) -> Listing:
    """Return a listing from the digests and facts of files; date photos and videos."""
    records = [_record(*file, digest, facts, dating) for file, digest, facts in outcomes]
    photos = [record for record in records if isinstance(record, Photo)]
    videos = [record for record in records if isinstance(record, Video)]
    others = [record for record in records if isinstance(record, File)]
    return Listing(
        tuple(sorted(photos, key=by_time)),
        tuple(sorted([*others, *found.others], key=lambda other: other.path)),
        system_folders=found.system_folders,
        system_files=found.system_files,
        metadata={
            digest: facts.metadata
            for _, digest, facts in outcomes
            if isinstance(facts, _Facts | Film)
        },
        videos=tuple(sorted(videos, key=by_time)),
    )


class _Facts(NamedTuple):
    """Size, traits, date and place of a photo, as far as its content states them."""

    width: int
    height: int
    metadata: Metadata
    traits: Traits


_FactsOrError = _Facts | Film | UnreadablePhoto


def _read_new(
    folder: Root,
    files: Sequence[_File],
    max_pixels: int,
    jobs: int,
    time_limit: float | None,
) -> Generator[tuple[str, _FactsOrError], None, None]:
    """Yield the digest and the header of each file, as `_read_batch` returns them."""
    size = max(1, min(_AT_ONCE, len(files) // (4 * jobs)))  # small: threads end at the same time
    batches = [files[i : i + size] for i in range(0, len(files), size)]
    with Threads(jobs) as threads, open_sandbox(jobs, time_limit) as in_sandbox:
        read_facts = partial(in_sandbox, partial(_read_facts, max_pixels))
        for outcomes in threads.each(partial(_read_batch, folder, read_facts), batches):
            yield from outcomes


def _read_facts(max_pixels: int, path: Path) -> _Facts | Film:
    try:
        header = read_header(path, max_pixels=max_pixels)
    except UnreadablePhoto as error:
        if error.message == _NO_PICTURE and is_film(path.name):
            with path.open("rb") as file:
                return read_film(file)
        raise
    return _Facts(header.width, header.height, header.metadata, header.traits)


def _read_batch(
    folder: Root,
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
) -> Photo | Video | File:
    identity = identity_of(status)
    no_film = isinstance(facts, Film) and not is_film(path)  # its twin has a film's name
    if isinstance(facts, UnreadablePhoto) or no_film:
        reason = facts.message if isinstance(facts, UnreadablePhoto) else _NO_PICTURE
        return File(
            path,
            status.st_size,
            digest,
            reason,
            modified_ns=status.st_mtime_ns,
            identity=identity,
        )
    named = time_in_name(path)
    stamps = facts.metadata.stamps + ((named,) if named else ())
    taken = dating.date(stamps, facts.metadata.place, dating.file_time(status))
    if isinstance(facts, Film):
        return Video(
            path,
            status.st_size,
            digest,
            taken.at,
            taken.source,
            status.st_mtime_ns,
            taken.passed_over,
            facts.seconds,
            facts.content_id,
            identity,
        )
    return Photo(
        path,
        status.st_size,
        digest,
        facts.width,
        facts.height,
        taken.at,
        taken.source,
        status.st_mtime_ns,
        taken.passed_over,
        facts.traits,
        identity,
    )


def _remember(
    cache: Cache, reader: str, status: os.stat_result, digest: str, facts: _FactsOrError
) -> None:
    if isinstance(facts, UnreadableNow):
        return
    cache.remember_digest(status, digest)
    if isinstance(facts, _Facts):
        parts = (facts.metadata, facts.traits)
        header = [facts.width, facts.height, *(part.to_json() for part in parts)]
        cache.remember_header(digest, reader, header)
    elif isinstance(facts, Film):
        cache.remember_header(digest, reader, {"film": facts.to_json()})
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
        if digest is not None
        and digest in headers
        # The same content may have been read under a name that is no film's.
        and not (headers[digest] == _NO_PICTURE and is_film(file[0]))
    ]


def _from_header(header: Any) -> _FactsOrError:
    if isinstance(header, Message):
        return UnreadablePhoto(header)
    if isinstance(header, dict):
        return Film.from_json(header["film"])
    width, height, metadata, traits = header
    return _Facts(width, height, Metadata.from_json(metadata), Traits.from_json(traits))
