"""Give each kept photo the best date among itself and its duplicates."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from dupimg.files.keep_rules import date_rank
from dupimg.files.photos import local_time
from dupimg.messages import message
from dupimg.plans.reasons import joined, parts_of, without
from dupimg.plans.rows import KEEP, Row

_DATED = "reason.dated_by"


def redated(rows: Sequence[Row], decided: Mapping[str, Row]) -> list[Row]:
    """Update the dates of photos after the user has chosen other keepers.

    Parameters
    ----------
    rows : sequence of Row
    decided : mapping of str to Row
        The rows before the user's edits, by path.

    Returns
    -------
    list of Row
    """
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.keeper and not row.is_companion:
            groups[row.keeper].append(row)

    def dated(row: Row) -> Row:
        is_new_keeper = row.path in groups and decided[row.path].action != KEEP
        if not (is_new_keeper or row.own_taken_at):
            return row
        best = min((row, *groups[row.path]), key=_own_date_rank)
        if best is row:
            taken_at, taken_from = own_date(row)
            return row.having(
                taken_at=taken_at,
                taken_from=taken_from,
                own_taken_at="",
                own_taken_from="",
                reason=without(row.reason, _DATED),
            )
        return row if (row.taken_at, row.taken_from) == own_date(best) else dated_by(row, best)

    return [dated(row) for row in rows]


def _own_date_rank(row: Row) -> tuple[Any, ...]:
    taken_at, taken_from = own_date(row)
    return date_rank(taken_from, local_time(datetime.fromisoformat(taken_at)))


def own_date(row: Row) -> tuple[str, str]:
    """Return the photo's own capture time and its source."""
    if row.own_taken_at:
        return row.own_taken_at, row.own_taken_from
    return row.taken_at, row.taken_from


def dated_by(row: Row, other: Row) -> Row:
    """Return the row of a kept photo with the date of one of its duplicates."""
    (taken_at, taken_from), own = own_date(other), own_date(row)
    told = [*parts_of(without(row.reason, _DATED)), message("reason.dated_by", photo=other.path)]
    return row.having(
        taken_at=taken_at,
        taken_from=taken_from,
        own_taken_at=own[0],
        own_taken_from=own[1],
        reason=joined(told),
    )
