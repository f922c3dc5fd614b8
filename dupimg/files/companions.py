"""Pair companions with their photo or film: sidecars, raws, videos, edited versions.

Files of one folder are paired by name, ignoring case and Unicode composition; no file is opened.
Metadata decides ambiguous cases: capture times of pictures; length, time and Apple's identifier of
videos. A raw in another folder belongs to the photo of the same name, camera and moment. A
companion belongs to exactly one photo or film. If several fit, sidecars of raw developers go to the
raw, files of phones to the HEIC before the JPEG, all others to the first by path. If two companions
would get the same new name, only one is paired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from operator import attrgetter
from typing import NamedTuple

from dupimg.files.companion_names import (
    LIVE_SUFFIXES,
    MOTION_SUFFIX,
    RAW_SUFFIXES,
    bodies,
    companion_ending,
    folded,
    split_name,
    versions,
)
from dupimg.files.photos import File, Listing, Photo, Video
from dupimg.messages import Message, message

_HEIC_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})

# Settings of raw developers: darktable and Lightroom, RawTherapee, DxO, ON1, ART, Capture One,
# Canon. They write a.xmp only for raws (a JPEG holds its own XMP), and cameras a.thm.
_RAW_SIDECAR_SUFFIXES = frozenset(
    [".xmp", ".pp3", ".dop", ".on1", ".arp", ".cos", ".vrd", ".dr4", ".thm"]
)
# Companions of films: thumbnail, low-resolution copy, track of a drone.
_FILM_SIDECAR_SUFFIXES = frozenset({".thm", ".lrv", ".srt"})
_SIDECAR_SUFFIXES = _RAW_SIDECAR_SUFFIXES | _FILM_SIDECAR_SUFFIXES | {".aae", ".json", ".wav"}

_SAME_SHOT = timedelta(seconds=2)

# Longest video of a Live Photo (3 seconds) or motion photo, and its most bytes if the length is
# unknown: 50 megabits a second, more than phones record.
_LONGEST_LIVE_SECONDS = 10
_LONGEST_LIVE_BYTES = 20_000_000
# A photo and its video start within seconds of each other, except for time zones, which differ by
# quarters of an hour.
_LIVE_SECONDS, _ZONE_STEP, _WIDEST_ZONE = 30, 900, 15 * 3600

_TAKEOUT_LENGTHS = range(46, 52)

# The kinds of files, owners before their companions.
_PHOTO, _RAW, _VIDEO, _SIDECAR = range(4)


def pair_companions(
    listing: Listing, endings: Collection[str] = (), videos: str = "keep"
) -> Listing:
    """Move the companions of photos and films out of `photos`, `videos` and `others`.

    Parameters
    ----------
    listing : Listing
    endings : collection of str
        More suffixes of sidecars, with their dots.
    videos : {"keep", "other"}
        "other" moves films that are no companions, and their own companions, to `others`.

    Returns
    -------
    Listing
        With `companions` in order of path, each with the path of its photo and the reason.

    Notes
    -----
    A raw or an edited version is no companion if it was taken more than two seconds before or
    after the photo. A video belongs to a Live Photo if Apple's identifiers agree; if one is
    missing, if it is a few seconds long (or of unknown length and at most 20 MB) and was taken at
    that time. A ``.thm`` is no photo, even without its film. Linear in the number of files.

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
    records: list[_Record] = [*listing.photos, *listing.videos, *listing.others]
    entries = [_entry(record, endings) for record in records]
    for entry in sorted(filter(None, entries), key=attrgetter("turn")):
        pairing.add(entry)
    apart = [_as_file(photo, message("reason.film_thumbnail")) for photo in pairing.orphans]
    companions = pairing.companions
    films = [video for video in listing.videos if video.path not in companions]
    if videos == "other":
        gone = {film.path for film in films}
        apart += [_as_file(film, message("reason.not_a_picture")) for film in films]
        apart += [
            replace(file, companion_of="")
            for file in companions.values()
            if file.companion_of in gone
        ]
        films = []
    elsewhere = companions.keys() | {file.path for file in apart}
    others = [*(file for file in listing.others if file.path not in elsewhere), *apart]
    here = companions.keys() - {file.path for file in apart}
    return replace(
        listing,
        photos=tuple(photo for photo in listing.photos if photo.path not in elsewhere),
        videos=tuple(films),
        others=tuple(sorted(others, key=attrgetter("path"))),
        companions=tuple(companions[path] for path in sorted(here)),
    )


_Record = Photo | Video | File


def _as_file(record: _Record, reason: Message, companion_of: str = "") -> File:
    """Return a file as a record without picture data, with a reason."""
    return File(
        path=record.path,
        bytes=record.bytes,
        digest=record.digest,
        reason=reason,
        companion_of=companion_of,
        modified_ns=record.modified_ns,
        identity=record.identity,
    )


class _Entry(NamedTuple):
    """A file that may own others or be owned; names and suffix are casefolded."""

    record: _Record
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
        # Marks lengthen stems, so shorter stems come first; a raw follows the JPEG of its stem.
        return (max(self.kind, _RAW), len(self.stem), self.kind, self.path)

    @property
    def is_takeout_metadata(self) -> bool:
        return self.kind == _SIDECAR and self.suffix == ".json"

    def reason(self, photo: str) -> Message:
        """Return how the file belongs to a photo or film, as the reason of its row."""
        if self.is_takeout_metadata:
            return message("reason.takeout_metadata", photo=photo)
        if self.kind == _PHOTO and ".original" in self.name:  # of a Pixel's portrait
            return message("reason.original_version", photo=photo)
        return message(
            (
                "reason.edited_version",
                "reason.raw",
                "reason.live_photo_video",
                "reason.sidecar",
            )[self.kind],
            photo=photo,
        )


def _entry(record: _Record, endings: Collection[str]) -> _Entry | None:
    folder, _, name = record.path.rpartition("/")
    name = folded(name)
    stem, suffix = split_name(name)
    kind = _kind(record, suffix, endings)
    return None if kind is None else _Entry(record, kind, folder, name, stem, suffix)


def _kind(record: _Record, suffix: str, endings: Collection[str]) -> int | None:
    if isinstance(record, Photo):
        if suffix == ".thm":  # a small JPEG
            return _SIDECAR
        return _RAW if suffix in RAW_SUFFIXES else _PHOTO
    if isinstance(record, Video):
        return _VIDEO
    if not record.readable:
        return None
    if suffix in RAW_SUFFIXES:
        return _RAW
    return _SIDECAR if suffix in _SIDECAR_SUFFIXES or suffix in endings else None


class _Pairing:
    """Pairs files one after the other; owners must come first."""

    def __init__(self) -> None:
        self.companions: dict[str, File] = {}
        self.orphans: list[Photo] = []
        # Possible owners by folder and name, stem or first part of the name.
        self._named: dict[tuple[str, str], _Entry] = {}
        self._of_stem: defaultdict[tuple[str, str], list[_Entry]] = defaultdict(list)
        self._films: dict[tuple[str, str], _Entry] = {}
        self._cut: dict[tuple[str, str], _Entry] = {}
        # Photos in any folder, by stem and second.
        self._shots: defaultdict[tuple[str, int], list[_Entry]] = defaultdict(list)
        # Path of a file → path of the photo that it is or belongs to.
        self._photo: dict[str, str] = {}
        self._taken: set[tuple[str, str]] = set()

    def add(self, entry: _Entry) -> None:
        """Find the owner of a file, if any, and register the file as a possible owner."""
        owner = self._owner(entry)
        photo = self._photo[owner.path] if owner else entry.path
        new_name = photo, folded(companion_ending(entry.path, photo)) if owner else entry.suffix
        if owner and new_name not in self._taken:
            self._taken.add(new_name)
            reason = entry.reason(photo.rpartition("/")[2])
            self.companions[entry.path] = _as_file(entry.record, reason, photo)
        elif isinstance(entry.record, Photo) and entry.kind == _SIDECAR:
            self.orphans.append(entry.record)
        elif isinstance(entry.record, Photo | Video):
            photo = entry.path
            self._taken.add((photo, entry.suffix))
        else:
            return
        if entry.kind != _SIDECAR:
            self._register_owner(entry, photo)

    def _register_owner(self, entry: _Entry, photo: str) -> None:
        self._photo[entry.path] = photo
        self._named.setdefault((entry.folder, entry.name), entry)
        if entry.kind == _VIDEO:
            self._films.setdefault((entry.folder, entry.stem), entry)
        else:
            self._of_stem[entry.folder, entry.stem].append(entry)
        if entry.suffix in _JPEG_SUFFIXES | _HEIC_SUFFIXES and photo == entry.path:
            for second in _seconds(entry):
                self._shots[entry.stem, second].append(entry)
        for length in _TAKEOUT_LENGTHS:
            if length < len(entry.name):
                self._cut.setdefault((entry.folder, entry.name[:length]), entry)

    def _owner(self, entry: _Entry) -> _Entry | None:
        """Return the file that owns this one, if any."""
        if entry.suffix in _FILM_SIDECAR_SUFFIXES and (film := self._film(entry)):
            return film
        for body, _ in bodies(entry.stem, entry.suffix):
            if entry.kind == _SIDECAR and (named := self._named_owner(entry, body)):
                return named
            for stem, _ in versions(body, entry.suffix):
                owners = [o for o in self._of_stem.get((entry.folder, stem), ()) if _fits(entry, o)]
                if owners:
                    return min(owners, key=partial(_preference, entry))
        if entry.kind == _RAW:
            return self._shot_elsewhere(entry)
        if entry.kind != _SIDECAR:
            return None
        cut = self._cut.get((entry.folder, entry.stem)) if entry.is_takeout_metadata else None
        return cut or self._film(entry)

    def _named_owner(self, entry: _Entry, body: str) -> _Entry | None:
        """Return the owner of a sidecar whose name contains the whole name of its owner."""
        stem, suffix = split_name(body)
        names = [body, *(version + suffix for version, _ in versions(stem, entry.suffix))]
        found = (self._named.get((entry.folder, name)) for name in names if suffix or name == body)
        return next(filter(None, found), None)

    def _film(self, entry: _Entry) -> _Entry | None:
        stems = (stem for stem, _ in versions(entry.stem, entry.suffix))
        found = (self._films.get((entry.folder, stem)) for stem in stems)
        return next(filter(None, found), None)

    def _shot_elsewhere(self, raw: _Entry) -> _Entry | None:
        """Return the photo of a raw in another folder, as cameras with two cards write them."""
        seconds = _seconds(raw)
        near = range(seconds[0] - 2, seconds[0] + 3) if seconds else ()
        owners = [
            owner
            for second in near
            for owner in self._shots.get((raw.stem, second), ())
            if _fits(raw, owner) and _same_camera(raw.record, owner.record)
        ]
        return min(owners, key=partial(_distance, raw), default=None)


def _seconds(entry: _Entry) -> Sequence[int]:
    """Return the local second of the capture time of a picture, if known."""
    record = entry.record
    if not isinstance(record, Photo) or record.taken_from != "exif":
        return ()
    time = record.local_time
    return (time.toordinal() * 86_400 + time.hour * 3600 + time.minute * 60 + time.second,)


def _same_camera(one: _Record, other: _Record) -> bool:
    """Return whether two pictures may come from one camera; unknown cameras may."""
    cameras = {r.traits.camera.casefold() for r in (one, other) if isinstance(r, Photo)} - {""}
    return len(cameras) < 2


def _distance(raw: _Entry, owner: _Entry) -> tuple[int, str]:
    """Sort key: prefer the photo whose folder shares the longest path with that of the raw."""
    shared = 0
    for one, other in zip(raw.folder.split("/"), owner.folder.split("/"), strict=False):
        if one != other:
            break
        shared += 1
    return (-shared, owner.path)


def _fits(entry: _Entry, owner: _Entry) -> bool:
    """Return whether a file really belongs to the picture that its name suggests."""
    if entry.kind == _SIDECAR:
        return True
    if entry.kind == _VIDEO:
        return _is_live(entry, owner.record)
    if entry.stem == owner.stem and not (
        entry.kind == _RAW and owner.suffix in _JPEG_SUFFIXES | _HEIC_SUFFIXES
    ):
        return False
    times = [
        picture.taken_at
        for picture in (entry.record, owner.record)
        if isinstance(picture, Photo) and picture.taken_from == "exif"
    ]
    if len({time.tzinfo is None for time in times}) == 2:  # a camera writes all offsets or none
        times = [time.replace(tzinfo=None) for time in times]
    return len(times) < 2 or abs(times[0] - times[1]) <= _SAME_SHOT


def _is_live(entry: _Entry, photo: _Record) -> bool:
    """Return whether a video belongs to the Live Photo or motion photo that its name suggests."""
    video = entry.record
    if not isinstance(video, Video) or not (
        entry.suffix in LIVE_SUFFIXES or MOTION_SUFFIX.fullmatch(entry.suffix)
    ):
        return False
    if isinstance(photo, Photo) and photo.traits.content_id and video.content_id:
        return photo.traits.content_id == video.content_id
    if video.seconds is None and video.bytes > _LONGEST_LIVE_BYTES:
        return False
    if video.seconds is not None and video.seconds > _LONGEST_LIVE_SECONDS:
        return False
    times = (video.taken_from, photo.taken_from if isinstance(photo, Photo) else "")
    if times != ("quicktime", "exif"):
        return True
    assert isinstance(photo, Photo)
    apart = abs((video.local_time - photo.local_time).total_seconds())
    from_step = apart % _ZONE_STEP
    return apart <= _WIDEST_ZONE and min(from_step, _ZONE_STEP - from_step) <= _LIVE_SECONDS


def _preference(entry: _Entry, owner: _Entry) -> tuple[int, str]:
    """Sort key among the possible owners of a file."""
    if entry.suffix in _RAW_SIDECAR_SUFFIXES:
        return (owner.suffix not in RAW_SUFFIXES, owner.path)
    rank = 0 if owner.suffix in _HEIC_SUFFIXES else 1 if owner.suffix in _JPEG_SUFFIXES else 2
    return (rank, owner.path)
