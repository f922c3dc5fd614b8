"""Date photos by their sidecars: XMP files, and the JSON of Google Takeout.

Sidecars are cached by their own content, not by that of their photo.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeVar

from dupimg.files.cache import Cache
from dupimg.files.capture_time import Dating, Stamp
from dupimg.files.inputs import Root
from dupimg.files.metadata import XMP_NAMES, Metadata, to_place, xmp_place, xmp_stamps
from dupimg.files.name_times import time_in_name
from dupimg.files.photos import File, Listing, Photo, Video, by_time
from dupimg.files.sandbox import open_sandbox
from dupimg.files.xmp import LONGEST_PACKET, read_xmp
from dupimg.threads import Threads

# Part of the cache's key: count it up whenever sidecars are read differently.
SIDECAR_VERSION = 1

_LONGEST_JSON = 1_000_000
_SUFFIXES = (".xmp", ".json")
_XMP_TIMES = {
    "exif:DateTimeOriginal": "sidecar_original",
    "photoshop:DateCreated": "sidecar_created",
    "xmp:CreateDate": "sidecar_digitized",
}
# Google writes the place from the camera, and the one chosen by the user.
_TAKEOUT_PLACES = ("geoDataExif", "geoData")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_AT_ONCE = 64

T = TypeVar("T", bound=Photo | Video)


def date_by_sidecars(
    folder: Root,
    listing: Listing,
    dating: Dating,
    *,
    jobs: int,
    time_limit: float | None = None,
    cache: Cache | None = None,
) -> Listing:
    """Update the dates of photos and videos with a sidecar.

    Parameters
    ----------
    folder : Path or Inputs
        The base of the paths.
    listing : Listing
        A listing with companions, see `dupimg.files.companions`.
    dating : Dating
    jobs, time_limit, cache
        See `dupimg.files.reading.read_files`.

    Returns
    -------
    Listing
    """
    files = [file for file in listing.companions if file.path.lower().endswith(_SUFFIXES)]
    if not files:
        return listing
    known = _read_sidecars(folder, files, jobs, time_limit, cache or Cache(None))
    beside: defaultdict[str, list[Metadata]] = defaultdict(list)
    for file in files:
        metadata = known.get(file.digest, Metadata())
        if metadata != Metadata():
            beside[file.companion_of].append(metadata)

    def dated(photo: T) -> T:
        if photo.path not in beside:
            return photo
        own = listing.metadata.get(photo.digest, Metadata())
        return _dated(photo, [own, *beside[photo.path]], dating)

    return replace(
        listing,
        photos=tuple(sorted(map(dated, listing.photos), key=by_time)),
        videos=tuple(sorted(map(dated, listing.videos), key=by_time)),
    )


def _dated(photo: T, found: Sequence[Metadata], dating: Dating) -> T:
    stamps = [stamp for metadata in found for stamp in metadata.stamps]
    place = next((metadata.place for metadata in found if metadata.place), None)
    named = time_in_name(photo.path)
    taken = dating.date([*stamps, *([named] if named else [])], place, photo.taken_at)
    return replace(photo, taken_at=taken.at, taken_from=taken.source, passed_over=taken.passed_over)


def _read_sidecars(
    folder: Root, files: Sequence[File], jobs: int, time_limit: float | None, cache: Cache
) -> dict[str, Metadata]:
    """Return the metadata of sidecars by digest."""
    reader = f"sidecar {SIDECAR_VERSION}"
    paths = {file.digest: folder / file.path for file in files}
    known = {
        digest: Metadata.from_json(values)
        for digest, values in cache.headers(paths, reader).items()
    }
    new = [digest for digest in paths if digest not in known]
    if not new:
        return known
    batches = [new[i : i + _AT_ONCE] for i in range(0, len(new), _AT_ONCE)]
    with Threads(jobs) as threads, open_sandbox(jobs, time_limit) as look:

        def read(batch: list[str]) -> list[Any]:
            return list(look(read_sidecar, [paths[digest] for digest in batch]))

        for batch, outcomes in zip(batches, threads.each(read, batches), strict=True):
            for digest, outcome in zip(batch, outcomes, strict=True):
                if isinstance(outcome, Metadata):  # otherwise its reader has crashed
                    known[digest] = outcome
                    cache.remember_header(digest, reader, outcome.to_json())
    return known


def read_sidecar(path: Path) -> Metadata:
    """Return the metadata of a sidecar; empty if it is broken or too large."""
    is_json = path.suffix.lower() == ".json"
    longest = _LONGEST_JSON if is_json else LONGEST_PACKET
    with contextlib.suppress(OSError), path.open("rb") as file:
        content = file.read(longest + 1)
        if len(content) <= longest:
            return read_takeout(content) if is_json else read_xmp_sidecar(content)
    return Metadata()


def read_xmp_sidecar(content: bytes) -> Metadata:
    """Return the metadata of an XMP sidecar."""
    properties = read_xmp(content, XMP_NAMES)
    return Metadata(tuple(xmp_stamps(properties, _XMP_TIMES)), xmp_place(properties))


def read_takeout(content: bytes) -> Metadata:
    """Return the metadata of a JSON sidecar of Google Takeout.

    Examples
    --------
    >>> read_takeout(b'{"photoTakenTime": {"timestamp": "1436011200"}}').stamps[0].moment.year
    2015
    """
    try:
        values = json.loads(content)
        time = values["photoTakenTime"]["timestamp"]
        moment = _EPOCH + timedelta(seconds=int(time))
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return Metadata()
    return Metadata((Stamp("takeout", moment, is_utc=True),), _takeout_place(values))


def _takeout_place(values: Mapping[str, Any]) -> tuple[float, float] | None:
    for name in _TAKEOUT_PLACES:
        with contextlib.suppress(TypeError, ValueError, LookupError, OverflowError):
            place = to_place(float(values[name]["latitude"]), float(values[name]["longitude"]))
            if place is not None:
                return place
    return None
