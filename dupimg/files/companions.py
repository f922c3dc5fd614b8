"""Pair photos with their companions: sidecars, raws of JPEGs, Live Photo videos, edited versions.

Files of one folder are paired by name, ignoring case and Unicode composition; no file is opened.
Where names are ambiguous, the capture times of pictures and the sizes of videos decide. A
companion belongs to exactly one photo. If several fit, sidecars of raw developers go to the raw,
files of phones to the HEIC before the JPEG, all others to the first by path. If two companions
would get the same new name, only one is paired.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from dupimg.files.companion_names import (
    VIDEO_SUFFIXES,
    bodies,
    companion_ending,
    folded,
    split_name,
    versions,
)
from dupimg.files.photos import File, Listing, Photo
from dupimg.messages import Message, message

# fmt: off
_RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw",
    ".x3f",
})
# fmt: on
_HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
_SIDECAR_SUFFIXES = frozenset({".xmp", ".aae", ".thm", ".json"})

# Raw developers write a.xmp for the raw alone (a JPEG holds its own), cameras a.thm likewise.
_RAW_SIDECAR_SUFFIXES = frozenset({".xmp", ".thm"})

_SAME_SHOT = timedelta(seconds=2)

# A Live Photo runs for 3 seconds: this is 50 megabits a second, more than phones record.
_LONGEST_LIVE_PHOTO_BYTES = 20_000_000

_TAKEOUT_LENGTHS = range(46, 52)

# The kinds of files; an owner comes before what it owns.
_PHOTO, _RAW, _VIDEO, _SIDECAR = range(4)


def pair_companions(listing: Listing) -> Listing:
    """Move the companions of photos out of `photos` and `others`.

    Parameters
    ----------
    listing : Listing

    Returns
    -------
    Listing
        With `companions` in order of path, each with the path of its photo and the reason.

    Notes
    -----
    A raw or an edited version is no companion if it was taken more than two seconds before or
    after the photo. A video of more than 20 MB is a film, not half a Live Photo. Linear in the
    number of files.

    Examples
    --------
    >>> from datetime import datetime
    >>> no_picture = message("reason.not_a_picture")
    >>> photo = Photo("a.jpg", 9, "d1", 4, 3, datetime(2025, 6, 13), "exif")
    >>> others = File("a.xmp", 9, "d2", no_picture), File("b.txt", 9, "d3", no_picture)
    >>> paired = pair_companions(Listing((photo,), others))
    >>> [(file.path, file.companion_of, str(file.reason)) for file in paired.companions]
    [('a.xmp', 'a.jpg', 'sidecar of a.jpg')]
    >>> [file.path for file in paired.others]
    ['b.txt']
    """
    pairing = _Pairing()
    records: list[Photo | File] = [*listing.photos, *listing.others]
    entries = [_entry(record) for record in records]
    for entry in sorted(filter(None, entries), key=attrgetter("turn")):
        pairing.add(entry)
    companions = pairing.companions
    return replace(
        listing,
        photos=tuple(photo for photo in listing.photos if photo.path not in companions),
        others=tuple(file for file in listing.others if file.path not in companions),
        companions=tuple(companions[path] for path in sorted(companions)),
    )


class _Entry(NamedTuple):
    """A file that may own others or be owned; names and suffix are casefolded."""

    record: Photo | File
    kind: int
    folder: str
    name: str
    stem: str
    suffix: str

    @property
    def path(self) -> str:
        return self.record.path

    @property
    def turn(self) -> tuple[int, int, int, str]:
        """Sort key: owners before what they own."""
        # A mark makes a stem longer: pictures go by length, a raw after the JPEG of its stem.
        return (max(self.kind, _RAW), len(self.stem), self.kind, self.path)

    @property
    def is_takeout_metadata(self) -> bool:
        return self.kind == _SIDECAR and self.suffix == ".json"

    def reason(self, photo: str) -> Message:
        """Return what the file is to a photo of that name."""
        if self.is_takeout_metadata:
            return message("reason.takeout_metadata", photo=photo)
        return message(
            (
                "reason.edited_version",
                "reason.raw",
                "reason.live_photo_video",
                "reason.sidecar",
            )[self.kind],
            photo=photo,
        )


def _entry(record: Photo | File) -> _Entry | None:
    folder, _, name = record.path.rpartition("/")
    name = folded(name)
    stem, suffix = split_name(name)
    kind = _kind(record, suffix)
    return None if kind is None else _Entry(record, kind, folder, name, stem, suffix)


def _kind(record: Photo | File, suffix: str) -> int | None:
    if isinstance(record, Photo):
        if suffix == ".thm":  # a small JPEG
            return _SIDECAR
        return _RAW if suffix in _RAW_SUFFIXES else _PHOTO
    if not record.readable:
        return None
    if suffix in _RAW_SUFFIXES:
        return _RAW
    if suffix in VIDEO_SUFFIXES:
        return _VIDEO if record.bytes <= _LONGEST_LIVE_PHOTO_BYTES else None
    return _SIDECAR if suffix in _SIDECAR_SUFFIXES else None


class _Pairing:
    """Pairs files one after the other; owners must come first."""

    def __init__(self) -> None:
        self.companions: dict[str, File] = {}
        # Possible owners, by folder and name, stem or the beginning of the name.
        self._named: dict[tuple[str, str], _Entry] = {}
        self._of_stem: defaultdict[tuple[str, str], list[_Entry]] = defaultdict(list)
        self._cut: dict[tuple[str, str], _Entry] = {}
        # Path of a file to the path of the photo that it is or belongs to.
        self._photo: dict[str, str] = {}
        self._taken: set[tuple[str, str]] = set()

    def add(self, entry: _Entry) -> None:
        """Find the owner of a file, if any, and register the file as a possible owner."""
        owner = self._owner(entry)
        photo = self._photo[owner.path] if owner else entry.path
        new_name = photo, folded(companion_ending(entry.path, photo)) if owner else entry.suffix
        if owner and new_name not in self._taken:
            self._taken.add(new_name)
            self.companions[entry.path] = File(
                path=entry.path,
                bytes=entry.record.bytes,
                digest=entry.record.digest,
                reason=entry.reason(photo.rpartition("/")[2]),
                companion_of=photo,
                modified_ns=entry.record.modified_ns,
                identity=entry.record.identity,
            )
        elif isinstance(entry.record, Photo):
            photo = entry.path
            self._taken.add((photo, entry.suffix))
        else:
            return
        if entry.kind != _SIDECAR:
            self._let_own(entry, photo)

    def _let_own(self, entry: _Entry, photo: str) -> None:
        self._photo[entry.path] = photo
        self._named.setdefault((entry.folder, entry.name), entry)
        if entry.kind != _VIDEO:
            self._of_stem[entry.folder, entry.stem].append(entry)
        for length in _TAKEOUT_LENGTHS:
            if length < len(entry.name):
                self._cut.setdefault((entry.folder, entry.name[:length]), entry)

    def _owner(self, entry: _Entry) -> _Entry | None:
        """Return the file that owns this one by its name, if any."""
        folder = entry.folder
        for body, _ in bodies(entry.stem, entry.suffix):
            if entry.kind == _SIDECAR and (folder, body) in self._named:
                return self._named[folder, body]
            for stem, _ in versions(body, entry.suffix):
                owners = [o for o in self._of_stem.get((folder, stem), ()) if _fits(entry, o)]
                if owners:
                    return min(owners, key=partial(_preference, entry))
        return self._cut.get((folder, entry.stem)) if entry.is_takeout_metadata else None


def _fits(entry: _Entry, owner: _Entry) -> bool:
    """Whether a file really belongs to the picture that its name suggests."""
    if entry.kind in (_VIDEO, _SIDECAR):
        return True
    if entry.stem == owner.stem and not (
        entry.kind == _RAW and owner.suffix in _JPEG_SUFFIXES | _HEIC_SUFFIXES
    ):
        return False
    times = [
        picture.taken_at
        for picture in (entry.record, owner.record)
        if isinstance(picture, Photo) and picture.taken_from == "exif"
    ]
    if len({time.tzinfo is None for time in times}) == 2:  # one camera has one clock
        times = [time.replace(tzinfo=None) for time in times]
    return len(times) < 2 or abs(times[0] - times[1]) <= _SAME_SHOT


def _preference(entry: _Entry, owner: _Entry) -> tuple[int, str]:
    """Sort key among the possible owners of a file."""
    if entry.suffix in _RAW_SIDECAR_SUFFIXES:
        return (owner.suffix not in _RAW_SUFFIXES, owner.path)
    rank = 0 if owner.suffix in _HEIC_SUFFIXES else 1 if owner.suffix in _JPEG_SUFFIXES else 2
    return (rank, owner.path)
