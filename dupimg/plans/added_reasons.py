"""Why photos that were there before stay, now that others were added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dupimg.messages import Message
from dupimg.plans.placing import keepers_of
from dupimg.plans.reasons import joined, parts_of, with_duplicates
from dupimg.plans.rows import Row

# Of photos with such a reason it is known why they are in their scene.
_IN_SCENE = {"reason.shared_details", "reason.same_moment", "reason.duplicate_kept"}

# So the reasons of photos begin whose place is another one since.
_ANEW = {"reason.photos_added", "reason.better_added"}


def in_scene_of_new(
    rows: Mapping[str, Row], shared: Mapping[str, Message], earlier: Mapping[str, Row]
) -> dict[str, Row]:
    """Say of photos that were there why they share a scene with a new one.

    Parameters
    ----------
    rows : mapping of str to Row
        By path.
    shared : mapping of str to Message
        See `dupimg.decide.scene_links.why_one_scene`, by path.
    earlier : mapping of str to Row
        Of the photos that were there; the others are new.

    Returns
    -------
    dict of str to Row
        Those that change: they stay, and say nothing yet.
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
    """Say of photos that were there and stay for how many duplicates they stay now.

    Parameters
    ----------
    rows : sequence of Row
        Of all files; those that were decided anew say so already.
    earlier : iterable of Row
        Of the earlier run.
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
