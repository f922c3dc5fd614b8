"""Decide where companions go: with their photo, or with the keeper of a removed photo.

A companion is never separated silently. The companions of a removed photo go with its keeper,
unless the keeper has a byte-identical one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable

from dupimg.files.companion_names import split_name
from dupimg.messages import Message, message
from dupimg.plans.reasons import joined, own_reason, parts_of
from dupimg.plans.rows import KEEP, LEAVE, REMOVE, Row


def settle_companions(rows: Iterable[Row], fixed: Collection[str] = ()) -> list[Row]:
    """Set the action, the scene and the keeper of companions from their photos.

    Parameters
    ----------
    rows : iterable of Row
        Decided photos with all of their companions.
    fixed : collection of str
        Paths of companions that stay as they are.

    Returns
    -------
    list of Row
        In the same order.

    Examples
    --------
    >>> rows = [Row("a.jpg", "keep", scene=1), Row("b.jpg", "remove", scene=1, keeper="a.jpg")]
    >>> sidecars = Row("a.xmp", "", companion_of="a.jpg"), Row("b.xmp", "", companion_of="b.jpg")
    >>> other, twin = (sidecars[1].having(digest=digest) for digest in ("1", "2"))
    >>> own = sidecars[0].having(digest="2")
    >>> [row.action for row in settle_companions([*rows, own, other])]
    ['keep', 'remove', 'keep', 'keep']
    >>> [row.action for row in settle_companions([*rows, own, twin])]
    ['keep', 'remove', 'keep', 'remove']
    """
    rows = list(rows)
    photos = {row.path: row for row in rows if not row.is_companion}
    settled = {
        row.path: row if row.path in fixed else _following(row, photos)
        for row in rows
        if row.is_companion
    }
    with_photo: defaultdict[str, list[Row]] = defaultdict(list)
    for row in settled.values():
        if row.action in (KEEP, LEAVE):
            with_photo[row.goes_with].append(row)
    for photo, companions in with_photo.items():
        companions.sort(key=lambda row: (row.companion_of != photo, row.path))
        seen: dict[tuple[str, str], Row] = {}
        for row in companions:
            first = seen.setdefault((row.digest, split_name(row.path)[1].casefold()), row)
            if first is not row and row.companion_of != photo and row.path not in fixed:
                told = message("reason.twin", photo=photo.rpartition("/")[2])
                settled[row.path] = row.having(action=REMOVE, reason=_extended_reason(row, told))
    return [settled.get(row.path, row) for row in rows]


def _following(row: Row, photos: dict[str, Row]) -> Row:
    """Return the row of a companion with the decision about its photo."""
    photo = photos[row.companion_of]
    keeper = photos.get(photo.keeper)
    if photo.action == REMOVE and keeper is not None and keeper.stays:
        told = message("reason.goes_with", photo=keeper.path.rpartition("/")[2])
        if keeper.protected:  # nothing may be written to its folder
            told = message("reason.stays_without", photo=keeper.path.rpartition("/")[2])
        return row.having(
            action=keeper.action,
            scene=keeper.scene,
            keeper=keeper.path,
            reason=_extended_reason(row, told),
        )
    return row.having(
        action=photo.action, scene=photo.scene, keeper=photo.keeper, reason=own_reason(row)
    )


def _extended_reason(row: Row, told: Message) -> Message | None:
    """Return the own reason of a companion and another one."""
    return joined([*parts_of(own_reason(row)), told])
