"""Name the files of a plan by scenes, by a template or by their own folders.

By scenes, a kept photo is named after its scene and time, a duplicate after its keeper and itself,
a companion after its photo. Every stem is unique in its folder, whatever the suffix and the file
system's treatment of case and Unicode, so that a companion belongs to one photo only. The same
holds for names by a template. In a tree every file keeps its own folder and name.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import PurePosixPath

from dupimg.files.companion_names import companion_ending, folded, split_name
from dupimg.files.photos import local_time
from dupimg.plans.free_names import Names, acceptable_end
from dupimg.plans.layout import BY_SCENES, Layout
from dupimg.plans.rows import FOLDERS, KEEP, LEAVE, OTHER, REMOVE, Row

_PROCESSED = FOLDERS[KEEP]


def name_rows(
    rows: Sequence[Row],
    *,
    fixed: Collection[str] = (),
    taken: Collection[str] = (),
    portable: bool = False,
    layout: Layout = BY_SCENES,
) -> tuple[Row, ...]:
    """Set the destination of every row, and sort the rows.

    Parameters
    ----------
    rows : sequence of Row
        The rows; only destinations of `fixed` ones are used.
    fixed : collection of str
        Paths of the rows that keep their destinations.
    taken : collection of str
        Destinations that no other row may get.
    portable : bool, default=False
        Whether names must be valid on every file system, see `acceptable_path`.
    layout : Layout, optional
        Layout of kept photos; by default by scenes.

    Returns
    -------
    tuple of Row
        In order of scene and time: each kept photo, its companions, its duplicates; other files
        last. A file that stays at its place has no destination.
    """
    names = Names(portable)
    places = {row.path: row.destination for row in rows if row.path in fixed}
    for place in filter(None, (*places.values(), *taken)):
        names.reserve(place)
    for row in rows:
        if row.is_companion and row.action == KEEP and row.path not in places and row.earlier:
            names.reserve_place(row.earlier)
        if row.sidecar and row.path in places:
            names.reserve_place(f"{row.destination}.xmp")
    photos = [row for row in rows if row.is_media]
    photos.sort(key=lambda row: (row.action != KEEP, _moment(row), row.path))
    order = stems = _scene_stems(photos, places)
    if layout.is_tree:
        places |= _tree_places(rows, places, names, layout)
    elif layout.is_scenes:
        order = stems = _claimed(photos, places, stems, names)
    else:
        stems = _claimed(photos, places, _template_stems(photos, places, layout), names)
    _name_waiting(rows, places, stems, names, layout)
    return tuple(row.having(destination=places[row.path]) for row in _in_order(rows, order))


def _name_waiting(
    rows: Sequence[Row],
    places: dict[str, str],
    stems: dict[str, str],
    names: Names,
    layout: Layout,
) -> None:
    """Add the missing destinations, companions after their photos."""
    waiting = sorted((row for row in rows if row.path not in places), key=lambda row: row.path)
    companions = [row for row in waiting if row.is_companion]
    stems = dict(stems)  # for other files the whole destination
    for row in waiting:
        if row.action == OTHER:
            wanted = names.allowed(f"{FOLDERS[OTHER]}/{layout.own_path(row.path)}")
            stems[row.path] = names.clear_of_files(wanted)
            names.reserve_folders(stems[row.path])
        elif row.action == REMOVE and not row.is_companion:
            names.reserve_folders(names.allowed(_removed_stem(row, stems)))
    for row in waiting:
        if not row.is_companion:
            places[row.path] = _own_place(row, stems, names)
    # A photo's own companions come before those that it takes over.
    for row in sorted(companions, key=lambda row: row.companion_of != row.goes_with):
        places[row.path] = _companion_place(row, places[row.goes_with], names)


def _in_order(rows: Sequence[Row], stems: dict[str, str]) -> list[Row]:
    """Sort rows as described in `name_rows`."""
    photos = {row.path: row for row in rows}

    def order(row: Row) -> tuple[str, bool, str, bool, str]:
        photo = photos[row.goes_with] if row.is_companion else row
        if photo.scene is None:
            return ("\U0010ffff", True, "", True, row.path)
        keeper = photos.get(photo.keeper, photo)
        first = stems[keeper.path] + _suffix(keeper.path)
        return (first, photo is not keeper, photo.path, row is not photo, row.path)

    return sorted(rows, key=order)


def scene_digits(highest: int) -> int:
    """Return the number of digits of scene numbers in names, given the highest number."""
    return max(4, len(str(highest)))


def _scene_stems(photos: Sequence[Row], places: dict[str, str]) -> dict[str, str]:
    """Return stems of photos by scene and time; kept photos with a place keep its stem."""
    digits = scene_digits(max((row.scene or 0 for row in photos), default=0))

    def stem(row: Row) -> str:
        if row.action == KEEP and (place := places.get(row.path)):
            return PurePosixPath(_without_suffix(place, row.path)).name
        time = re.sub(r"\D", "", _moment(row).isoformat(timespec="milliseconds"))
        return f"image-{row.scene:0{digits}d}-{time}"

    return {row.path: stem(row) for row in photos}


def _template_stems(
    photos: Sequence[Row], places: dict[str, str], layout: Layout
) -> dict[str, str]:
    """Return stems of photos by a template; kept photos with a place keep its stem."""

    def stem(row: Row) -> str:
        if row.action == KEEP and (place := places.get(row.path)):
            return _without_suffix(place, row.path).partition("/")[2]
        return layout.stem(row)

    return {row.path: stem(row) for row in photos}


def _claimed(
    photos: Sequence[Row], places: dict[str, str], stems: dict[str, str], names: Names
) -> dict[str, str]:
    """Make the stems of kept photos unique with numbers in order of time and path."""
    # Only kept photos occupy names.
    new = [row.path for row in photos if row.action == KEEP and row.path not in places]
    wanted = {
        path: names.clear_of_files(f"{_PROCESSED}/{names.allowed(stems[path])}") for path in new
    }
    for stem in wanted.values():
        names.reserve_folders(stem)
    ties = Counter(wanted.values())
    numbers: Counter[str] = Counter()
    claimed = {}
    for path, stem in wanted.items():
        numbers[stem] += 1
        # As many digits as the last number needs, so that -10 sorts after -02.
        tie = f"-{numbers[stem]:0{len(str(ties[stem]))}d}" if numbers[stem] > 1 else ""
        claimed[path] = names.claim(stem + tie, suffix=names.allowed_end(_suffix(path)))
    return stems | {path: stem.removeprefix(f"{_PROCESSED}/") for path, stem in claimed.items()}


def _tree_places(
    rows: Sequence[Row], places: dict[str, str], names: Names, layout: Layout
) -> dict[str, str]:
    """Return the destinations of files that keep their own folders and names.

    Without companions that go with another photo than their own, or whose photo had to change its
    name because it is taken.
    """

    def wanted(row: Row) -> str:
        own = names.allowed(f"{FOLDERS[row.action]}/{layout.own_path(row.path)}")
        return names.clear_of_files(own)

    waiting = [
        row
        for row in rows
        if row.path not in places and row.action in (KEEP, REMOVE) and row.digest
    ]
    own = {row.path: wanted(row) for row in waiting if row.goes_with in ("", row.companion_of)}
    for place in own.values():
        names.reserve_folders(place)
    found: dict[str, str] = {}
    photos = sorted((row for row in waiting if not row.is_companion), key=lambda row: row.path)
    companions = [row for row in waiting if row.is_companion and row.path in own]
    # Files that can keep their names come before those that get a number.
    for row in photos:
        if names.is_free(own[row.path]):
            found[row.path] = names.claim_file(own[row.path])
    for row in photos:
        if row.path not in found:
            found[row.path] = names.claim_file(own[row.path])
    photo_of = {row.path: row for row in rows}
    for row in sorted(companions, key=lambda row: row.path):
        photo = photo_of[row.companion_of]
        if (places | found).get(photo.path) == wanted(photo):
            found[row.path] = names.claim_file(own[row.path])
    return found


def _moment(row: Row) -> datetime:
    return local_time(datetime.fromisoformat(row.taken_at))


def _own_place(row: Row, stems: dict[str, str], names: Names) -> str:
    if row.action == LEAVE or not row.digest:
        return ""
    if row.action == OTHER:
        return names.claim_file(stems[row.path])
    suffix = names.allowed_end(_suffix(row.path))
    if row.action == KEEP:
        return f"{_PROCESSED}/{stems[row.path]}{suffix}"
    stem = names.claim(names.clear_of_files(names.allowed(_removed_stem(row, stems))))
    return stem + suffix


def _removed_stem(row: Row, stems: dict[str, str]) -> str:
    """Return the stem of a duplicate: that of its keeper and its own."""
    own = split_name(row.path)[0]
    return f"{FOLDERS[REMOVE]}/{stems[row.keeper or row.path]}--{own}"


def _companion_place(row: Row, photo_place: str, names: Names) -> str:
    if not photo_place or not row.digest:
        return ""
    stem = _without_suffix(photo_place, row.goes_with)
    own_suffix, suffix = _suffix(row.companion_of), photo_place.removeprefix(stem)
    ending = companion_ending(row.path, row.companion_of)
    if own_suffix and folded(ending).startswith(folded(own_suffix) + "."):
        ending = suffix + ending[len(own_suffix) :]  # the keeper may have another format
    return names.claim_beside(stem, names.allowed_end(ending), row.earlier)


def _without_suffix(place: str, path: str) -> str:
    """Return the place of a file without its suffix, even if that was made acceptable."""
    suffix = _suffix(path)
    return place.removesuffix(suffix if place.endswith(suffix) else acceptable_end(suffix))


def _suffix(path: str) -> str:
    return split_name(path)[1]
