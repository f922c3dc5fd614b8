"""The duplicate groups of a result to which photos were added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

from dupimg.plans.placing import all_kept, keepers_of
from dupimg.plans.rows import REMOVE, Row

# What a row says of others, wherever its file goes.
_OF_OTHERS = (
    "reason",
    "nearest_cosine",
    "nearest_scene_cosine",
    "nearest_in_scene",
    "compared_with",
    "thumb_correlation",
    "verdict",
    "overlap",
    "difference",
    "shared_details",
)


def _as_before(row: Row, earlier: Row | None) -> Row:
    """Return the row as it was; what it says of others is what is known now."""
    if earlier is None:
        return row
    return earlier.having(**{name: getattr(row, name) for name in _OF_OTHERS})


def all_stay(rows: Sequence[Row], earlier: Mapping[str, Row]) -> list[Row]:
    """Keep what would go now, in the duplicate group of its keeper; names that are there stay.

    Parameters
    ----------
    rows : sequence of Row
        As they are decided, old and new.
    earlier : mapping of str to Row
        Of the earlier run, by path.

    Returns
    -------
    list of Row
    """
    kept = {row.path: _as_before(row, earlier.get(row.path)) for row in all_kept(rows)}
    removed = (path for path, row in earlier.items() if row.action == REMOVE)
    keepers = keepers_of(row for row in rows if row.path not in {*removed})
    kept |= {row.path: row for row in rows if row.path in earlier and row.path not in keepers}
    new = count(1 + max((row.duplicate_group or 0 for row in rows), default=0))
    for path, keeper in keepers.items():
        had = [kept[p].duplicate_group for p in (keeper, path)]
        number = next((n for n in had if n is not None), None) or next(new)
        for p in (keeper, path):
            kept[p] = kept[p].having(duplicate_group=kept[p].duplicate_group or number)
    return [
        row.having(duplicate_group=kept[row.companion_of].duplicate_group)
        if row.is_companion
        else row
        for row in kept.values()
    ]


def number_added_groups(rows: Sequence[Row]) -> list[Row]:
    """Give the duplicate groups numbers: one that their members have, or the next.

    Parameters
    ----------
    rows : sequence of Row
        Of all files, those that were there with the numbers that they have.

    Returns
    -------
    list of Row
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(_keeper_of(row), []).append(row)
    free = 1 + max((row.duplicate_group or 0 for row in rows), default=0)
    numbers = _numbers_of_removals(groups, free)
    others = [row for row in rows if _keeper_of(row) not in numbers]
    apart = _kept_side_by_side(others) - set(numbers.values())
    numbered = []
    for row in rows:
        old = row.duplicate_group if row.duplicate_group in apart else None
        numbered.append(row.having(duplicate_group=numbers.get(_keeper_of(row), old)))
    return numbered


def _keeper_of(row: Row) -> str:
    """Return the path of the photo that stays for a file: its duplicate group goes by that."""
    return row.keeper or row.companion_of or row.path


def _numbers_of_removals(groups: Mapping[str, Sequence[Row]], free: int) -> dict[str, int]:
    """Give each group with a keeper a number: one that a member had, or else from `free` on."""
    new = count(free)
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for keeper, group in groups.items():
        if any(row.keeper for row in group):
            had = [row.duplicate_group for row in group if row.duplicate_group is not None]
            left = [number for number in had if number not in taken]
            numbers[keeper] = left[0] if left else next(new)
            taken.add(numbers[keeper])
    return numbers


def _kept_side_by_side(rows: Sequence[Row]) -> set[int]:
    """Return the numbers of groups whose photos a person kept; a photo on its own is no group."""
    photos = Counter(row.duplicate_group for row in rows if not row.is_companion)
    return {number for number, size in photos.items() if number is not None and size > 1}
