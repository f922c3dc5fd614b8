"""Place the files of a plan: all of them by `name_rows`, or only the duplicates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from dupimg.files.companion_names import folded, split_name
from dupimg.messages import message
from dupimg.plans.free_names import acceptable_path
from dupimg.plans.layout import BY_SCENES, Layout
from dupimg.plans.naming import name_rows
from dupimg.plans.reasons import both
from dupimg.plans.rows import FOLDERS, KEEP, REMOVE, Row

DUPLICATES, SCENES = "duplicates", "scenes"


def place_rows(
    rows: Sequence[Row],
    *,
    only: str | None = None,
    fixed: Collection[str] = (),
    taken: Collection[str] = (),
    portable: bool = False,
    layout: Layout = BY_SCENES,
) -> tuple[Row, ...]:
    """Set the destination of every row, and sort the rows.

    Parameters
    ----------
    rows : sequence of Row
    only : {"duplicates", "scenes"} or None
        With "duplicates" only these get destinations, with their own folders and names.
    fixed, taken, portable, layout
        See `name_rows`.

    Returns
    -------
    tuple of Row
        In the order of `name_rows`.
    """
    named = name_rows(rows, fixed=fixed, taken=taken, portable=portable, layout=layout)
    if only != DUPLICATES:
        return named
    before = {row.path: row.destination for row in rows if row.path in fixed}
    places = _Places([*before.values(), *taken], portable=portable, layout=layout)
    going = sorted(row.path for row in rows if row.action == REMOVE and row.path not in fixed)
    wanted = {path: places.wanted(path) for path in going}
    places.reserve_folders([*wanted.values(), *before.values()])
    found = before | {path: places.free(place) for path, place in wanted.items()}
    return tuple(row.having(destination=found.get(row.path, "")) for row in named)


class _Places:
    """Hands out places below ``remove`` that are distinct on any file system."""

    def __init__(self, taken: Iterable[str], *, portable: bool, layout: Layout) -> None:
        self._taken = set(map(folded, taken))
        self._portable, self._layout = portable, layout

    def wanted(self, path: str) -> str:
        """Return the place of a file with its own folders and name, as in a tree."""
        place = f"{FOLDERS[REMOVE]}/{self._layout.own_path(path)}"
        return acceptable_path(place) if self._portable else place

    def reserve_folders(self, places: Iterable[str]) -> None:
        """Reserve the names of all folders in these places."""
        self._taken |= {folded(str(f)) for place in places for f in PurePosixPath(place).parents}

    def free(self, place: str) -> str:
        """Return a place, with a number in its name if it is taken."""
        suffix = split_name(place)[1]
        stem, name, number = place.removesuffix(suffix), place, 1
        while folded(name) in self._taken:
            number += 1
            name = f"{stem}-{number}{suffix}"
        self._taken.add(folded(name))
        return name


def keepers_of(rows: Iterable[Row]) -> dict[str, str]:
    """Map the path of every removed photo and video to that of its keeper."""
    return {row.path: row.keeper for row in rows if row.keeper and not row.is_companion}


def all_kept(rows: Iterable[Row]) -> list[Row]:
    """Keep all duplicates, with a reason; `keepers_of` gives the groups."""
    return [_kept(row) if row.action == REMOVE else row for row in rows]


def _kept(row: Row) -> Row:
    told = message("reason.duplicate_kept", photo=row.keeper)
    return row.having(action=KEEP, keeper="", cosine_to_keeper=None, reason=both(told, row.reason))


def number_groups(rows: Sequence[Row], keepers: Mapping[str, str]) -> tuple[Row, ...]:
    """Assign consecutive numbers to keepers with duplicates, and to their duplicates.

    Parameters
    ----------
    rows : sequence of Row
    keepers : mapping of str to str
        See `keepers_of`.
    """
    with_duplicates = set(keepers.values())
    numbers: dict[str, int] = {}

    def numbered() -> Iterator[Row]:
        for row in rows:
            photo = row.companion_of or row.path
            keeper = keepers.get(photo, photo)
            is_one = keeper in with_duplicates
            group = numbers.setdefault(keeper, len(numbers) + 1) if is_one else None
            yield row.having(duplicate_group=group)

    return tuple(numbered())
