"""Where each file of a plan goes: names by which photos of a scene stand side by side.

A kept photo is called after its scene and its time, a duplicate after its keeper and itself, a
companion after its photo. Every stem is used once, whatever the extension and however a
filesystem treats case and Unicode, so that a companion can belong to one photo only. Where the
disk refuses names that others allow, as USB disks and network shares do, `acceptable_path` says
what a name becomes.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from dupimg.files.companion_names import companion_ending, folded, split_name
from dupimg.files.photos import local_time
from dupimg.plans.rows import FOLDERS, KEEP, LEAVE, OTHER, REMOVE, Row

# Nearly every filesystem allows names of 255 bytes; what is left is for the endings.
_LONGEST_STEM, LONGEST_NAME = 200, 255


# What exFAT, NTFS and SMB refuse in a name, and bytes that are no UTF-8.
_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f\ud800-\udfff]')

# Names of devices on Windows, whatever the extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)


def acceptable_path(path: str) -> str:
    r"""Return a relative path of which every disk accepts each part.

    Parameters
    ----------
    path : str
        With forward slashes.

    Returns
    -------
    str
        ``< > : " | ? * \``, control characters and bytes that are no UTF-8 become ``_``; dots
        and spaces at the end of a part are dropped; names of devices get a ``_``.

    Examples
    --------
    >>> acceptable_path("Trip: Rome/Album 1. /who is this?.jpg")
    'Trip_ Rome/Album 1/who is this_.jpg'
    >>> acceptable_path("con.txt")
    'con_.txt'
    """
    return "/".join(map(_acceptable_name, path.split("/")))


def _acceptable_name(name: str) -> str:
    allowed = _REFUSED.sub("_", name).rstrip(". ") or "_" * bool(name)
    return _RESERVED.sub(r"\1_", allowed, count=1) if _RESERVED.match(allowed) else allowed


def _acceptable_end(end: str) -> str:
    return _acceptable_name(f"x{end}")[1:]


def name_rows(
    rows: Sequence[Row],
    *,
    fixed: Collection[str] = (),
    taken: Collection[str] = (),
    portable: bool = False,
) -> tuple[Row, ...]:
    """Give every row its destination, and put the rows in order.

    Parameters
    ----------
    rows : sequence of Row
        Their destinations are ignored but for the fixed ones.
    fixed : collection of str
        Paths of the rows that keep their destinations.
    taken : collection of str
        Destinations that no other row may get.
    portable : bool, default=False
        Whether names must be those that every disk accepts, see `acceptable_path`.

    Returns
    -------
    tuple of Row
        In order of the names in ``processed``: each kept photo, its companions, its duplicates;
        what is no photo last. A file that stays where it is has no destination.
    """
    names = _Names(portable)
    places = {row.path: row.destination for row in rows if row.path in fixed}
    for place in filter(None, (*places.values(), *taken)):
        names.reserve(place)
    for row in rows:
        if row.is_companion and row.action == KEEP and row.path not in places and row.earlier:
            names.reserve_place(row.earlier)
        if row.sidecar and row.path in places:
            names.reserve_place(f"{row.destination}.xmp")
    stems = _scene_stems(rows, places, names)
    _name_waiting(rows, places, stems, names)
    return tuple(row.having(destination=places[row.path]) for row in _in_order(rows, stems))


def _name_waiting(
    rows: Sequence[Row], places: dict[str, str], stems: dict[str, str], names: _Names
) -> None:
    """Add the destinations of those rows that have none yet: companions after their photos."""
    waiting = sorted((row for row in rows if row.path not in places), key=lambda row: row.path)
    companions = [row for row in waiting if row.is_companion]
    for row in waiting:
        if row.action == OTHER:
            names.reserve_folders(names.allowed(_other_place(row)))
    for row in waiting:
        if not row.is_companion:
            places[row.path] = _own_place(row, stems, names)
    # A photo's own companions before those that it takes over.
    for row in sorted(companions, key=lambda row: row.companion_of != row.goes_with):
        places[row.path] = _companion_place(row, places[row.goes_with], names)


def _in_order(rows: Sequence[Row], stems: dict[str, str]) -> list[Row]:
    """Return rows in the order that `name_rows` promises."""
    photos = {row.path: row for row in rows}

    def order(row: Row) -> tuple[str, bool, str, bool, str]:
        photo = photos[row.goes_with] if row.is_companion else row
        if photo.scene is None:
            return ("\U0010ffff", True, "", True, row.path)
        keeper = photos.get(photo.keeper, photo)
        first = stems[keeper.path] + _suffix(keeper.path)
        return (first, photo is not keeper, photo.path, row is not photo, row.path)

    return sorted(rows, key=order)


def _scene_stems(rows: Sequence[Row], places: dict[str, str], names: _Names) -> dict[str, str]:
    """Name every photo by scene and time; equal ones get -2, -3 … in order of time and path.

    A kept photo that has its place already is called what it is called there.
    """
    photos = [row for row in rows if row.is_media]
    photos.sort(key=lambda row: (row.action != KEEP, _moment(row), row.path))
    digits = max(4, len(str(max((row.scene or 0 for row in photos), default=0))))
    stems = {row.path: _scene_stem(row, places.get(row.path, ""), digits) for row in photos}
    # Only a kept photo takes its name away from others.
    new = [row.path for row in photos if row.action == KEEP and row.path not in places]
    ties = Counter(stems[path] for path in new)
    numbers: Counter[str] = Counter()
    for path in new:
        stem = stems[path]
        numbers[stem] += 1
        # As many digits as the last of them needs, so that -10 comes after -02.
        tie = f"-{numbers[stem]:0{len(str(ties[stem]))}d}" if numbers[stem] > 1 else ""
        stems[path] = names.claim(stem + tie)
    return stems


def _scene_stem(row: Row, place: str, digits: int) -> str:
    """Return the name of a photo by its scene and time, or that of the place that it has."""
    if row.action == KEEP and place:
        return PurePosixPath(_without_suffix(place, row.path)).name
    time = re.sub(r"\D", "", _moment(row).isoformat(timespec="milliseconds"))
    return f"image-{row.scene:0{digits}d}-{time}"


def _moment(row: Row) -> datetime:
    return local_time(datetime.fromisoformat(row.taken_at))


def _own_place(row: Row, stems: dict[str, str], names: _Names) -> str:
    if row.action == LEAVE or not row.digest:
        return ""
    suffix = _suffix(row.path)
    if row.action == OTHER:
        place = names.allowed(_other_place(row))
        suffix = _suffix(place)
        return names.claim(place.removesuffix(suffix), suffix, longest=LONGEST_NAME)
    suffix = names.allowed_end(suffix)
    if row.action == KEEP:
        return f"{FOLDERS[KEEP]}/{stems[row.path]}{suffix}"
    own = split_name(row.path)[0]
    stem = names.allowed(f"{FOLDERS[REMOVE]}/{stems[row.keeper or row.path]}--{own}")
    stem = names.claim(stem)
    return stem + suffix


def _other_place(row: Row) -> str:
    """Return the path of a file below ``other``; one of another folder keeps its whole path."""
    drive, _, path = row.path.rpartition(":") if row.path[1:3] == ":/" else ("", "", row.path)
    return "/".join(part for part in (FOLDERS[OTHER], drive, path.lstrip("/")) if part)


def _companion_place(row: Row, photo_place: str, names: _Names) -> str:
    if not photo_place or not row.digest:
        return ""
    stem = _without_suffix(photo_place, row.goes_with)
    own_suffix, suffix = _suffix(row.companion_of), photo_place.removeprefix(stem)
    ending = companion_ending(row.path, row.companion_of)
    if own_suffix and folded(ending).startswith(folded(own_suffix) + "."):
        ending = suffix + ending[len(own_suffix) :]  # the photo that stays may be of another kind
    return names.claim_beside(stem, names.allowed_end(ending), row.earlier)


def _without_suffix(place: str, path: str) -> str:
    """Return the place of a file without its suffix, which may be an acceptable one by now."""
    suffix = _suffix(path)
    return place.removesuffix(suffix if place.endswith(suffix) else _acceptable_end(suffix))


def _suffix(path: str) -> str:
    return split_name(path)[1]


class _Names:
    """Hands out names of which no two are the same on any filesystem."""

    def __init__(self, portable: bool) -> None:
        self._uses: dict[str, int] = {}
        # Stems with a number that companions have.
        self._beside: set[str] = set()
        self._portable = portable

    def allowed(self, name: str) -> str:
        """Return a path as the disk accepts it."""
        return acceptable_path(name) if self._portable else name

    def allowed_end(self, end: str) -> str:
        """Return the end of a name as the disk accepts it."""
        return _acceptable_end(end) if self._portable else end

    def reserve(self, place: str) -> None:
        """Let no other file have a destination, or its stem with another extension."""
        stem = place.removesuffix(_suffix(place))
        for name in (place, stem, PurePosixPath(stem).name):
            self._uses.setdefault(folded(name), 1)

    def reserve_place(self, place: str) -> None:
        """Let no other file have a destination."""
        self._uses.setdefault(folded(place), 1)

    def reserve_folders(self, path: str) -> None:
        """Let no file have the name of a folder that a path leads through."""
        for folder in PurePosixPath(path).parents:
            self._uses.setdefault(folded(str(folder)), 1)

    def claim(self, stem: str, ending: str = "", *, longest: int = _LONGEST_STEM) -> str:
        """Return the first free name of stem + ending, stem-2 + ending and so on."""
        wanted = name = _shorten(stem, ending, longest)
        while self._uses.get(folded(name), 0):
            # Counting on from the last use: thousands of photos may share one file time.
            number = self._uses[folded(wanted)] = self._uses[folded(wanted)] + 1
            name = _shorten(stem, f"-{number}{ending}", longest)
        self._uses[folded(name)] = 1
        return name

    def claim_beside(self, stem: str, ending: str, own: str = "") -> str:
        """Return the first free name of stem + ending, stem-2 + ending and so on, for a companion.

        A stem with a number is that of no photo, now or later. `own` is where the file is by now:
        it may stay there.
        """
        name = _shorten(stem, ending, LONGEST_NAME)
        number, beside = 1, ""
        while name != own and (
            self._uses.get(folded(name), 0) or (beside in self._uses and beside not in self._beside)
        ):
            number += 1
            name = _shorten(stem, f"-{number}{ending}", LONGEST_NAME)
            beside = folded(PurePosixPath(f"{stem}-{number}").name)
        if beside:
            self._beside.add(beside)
            self._uses.setdefault(beside, 1)
        self._uses[folded(name)] = 1
        return name


def _shorten(stem: str, ending: str, longest: int) -> str:
    """Shorten the last part of a path until it fits a filesystem."""
    folder, slash, name = stem.rpartition("/")
    while len(os.fsencode(name + ending)) > longest:
        name = name[:-1]
    return folder + slash + name + ending
