"""Update the reasons of old photos after others were added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dupimg.messages import Message
from dupimg.plans.placing import keepers_of
from dupimg.plans.reasons import joined, parts_of, with_duplicates
from dupimg.plans.rows import Row

# The reasons that already explain why a photo is in its scene.
_IN_SCENE = {"reason.shared_details", "reason.same_moment", "reason.duplicate_kept"}

# The first codes of reasons of photos that have moved since.
_ANEW = {"reason.photos_added", "reason.better_added"}


def in_scene_of_new(
    rows: Mapping[str, Row], shared: Mapping[str, Message], earlier: Mapping[str, Row]
) -> dict[str, Row]:
    """Add to old photos the reasons why they share a scene with a new one.

    Parameters
    ----------
    rows : mapping of str to Row
        Rows by path.
    shared : mapping of str to Message
        Reasons by path, see `dupimg.decide.scene_links.why_one_scene`.
    earlier : mapping of str to Row
        Rows of the old photos; all others are new.

    Returns
    -------
    dict of str to Row
        The changed rows: kept photos without such a reason.
    """
    return {
        path: row.having(reason=joined([*parts_of(row.reason), why]))
        for path, why in shared.items()
        if (row := rows[path]).stays
        and path in earlier
        and not _is_decided_anew(row, earlier[path])
        and dict(why.values)["photo"] not in earlier
        and _IN_SCENE.isdisjoint(part.code for part in parts_of(row.reason))
    }


def recounted(rows: Sequence[Row], earlier: Iterable[Row]) -> list[Row]:
    """Update the number of duplicates in the reasons of old keepers.

    Parameters
    ----------
    rows : sequence of Row
        Rows of all files; newly decided ones have the number already.
    earlier : iterable of Row
        Rows of the earlier run.
    """
    known = {row.path: row for row in earlier}
    before, now = (Counter(keepers_of(those).values()) for those in (known.values(), rows))
    return [
        row.having(reason=with_duplicates(row.reason, now[row.path] - before[row.path]))
        if row.path in known and row.stays and not _is_decided_anew(row, known[row.path])
        else row
        for row in rows
    ]


def _is_decided_anew(row: Row, before: Row) -> bool:
    first = parts_of(row.reason)[:1]
    return first != parts_of(before.reason)[:1] and any(part.code in _ANEW for part in first)
