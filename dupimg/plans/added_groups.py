"""Number the duplicate groups of a result with added photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import count

from dupimg.plans.placing import all_kept, keepers_of
from dupimg.plans.rows import REMOVE, Row

# The fields of a row about other photos, independent of its action.
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
    """Return the earlier row with the new values of the fields about other photos."""
    if earlier is None:
        return row
    return earlier.having(**{name: getattr(row, name) for name in _OF_OTHERS})


def all_stay(rows: Sequence[Row], earlier: Mapping[str, Row]) -> list[Row]:
    """Keep photos that would go, in the duplicate group of their keeper; old names stay.

    Parameters
    ----------
    rows : sequence of Row
        The decided rows of old and new files.
    earlier : mapping of str to Row
        Rows of the earlier run by path.

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
    """Assign numbers to duplicate groups: that of a member, or else the next free one.

    Parameters
    ----------
    rows : sequence of Row
        Rows of all files, the old ones with their numbers.

    Returns
    -------
    list of Row
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.leader, []).append(row)
    free = 1 + max((row.duplicate_group or 0 for row in rows), default=0)
    numbers = _numbers_of_removals(groups, free)
    others = [row for row in rows if row.leader not in numbers]
    apart = _groups_kept_by_user(others) - set(numbers.values())
    numbered = []
    for row in rows:
        old = row.duplicate_group if row.duplicate_group in apart else None
        numbered.append(row.having(duplicate_group=numbers.get(row.leader, old)))
    return numbered


def _numbers_of_removals(groups: Mapping[str, Sequence[Row]], free: int) -> dict[str, int]:
    """Assign numbers to groups with removals: that of a member, or else from `free` on."""
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


def _groups_kept_by_user(rows: Sequence[Row]) -> set[int]:
    """Return the numbers of groups in which the user kept at least two photos."""
    photos = Counter(row.duplicate_group for row in rows if not row.is_companion)
    return {number for number, size in photos.items() if number is not None and size > 1}
