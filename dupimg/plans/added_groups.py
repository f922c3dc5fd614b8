"""Number the duplicate groups of a result to which photos were added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

from dupimg.plans.rows import Row


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
