"""Group photos into events: runs without a gap in time, named by first day and folder."""

from __future__ import annotations

import re
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from dupimg.plans.layout import clean, folder_name, moment_of
from dupimg.plans.rows import KEEP, Row

_Dated = tuple[datetime, Row]


def with_events(rows: Sequence[Row], gap: int, fixed: Collection[str] = ()) -> list[Row]:
    """Assign every photo and video to an event.

    Parameters
    ----------
    rows : sequence of Row
    gap : int
        Longest pause within an event in seconds.
    fixed : collection of str
        Paths of rows of an earlier run, whose events stay; new photos of that time join them.

    Returns
    -------
    list of Row
        In the same order. Duplicates and companions have the event of their photo. A photo without
        a capture time has no event.

    Examples
    --------
    >>> rows = [
    ...     Row(path, "keep", scene=1, taken_at=f"2024-05-01T{time}", taken_from="exif")
    ...     for path, time in (("Rome/a.jpg", "08:00"), ("Rome/b.jpg", "12:00"), ("c.jpg", "20:00"))
    ... ]
    >>> [row.event for row in with_events(rows, 6 * 3600)]
    ['2024-05-01 Rome', '2024-05-01 Rome', '2024-05-01']
    """
    dated = sorted(
        ((moment, row) for row in rows if row.is_media and row.action == KEEP
         and (moment := moment_of(row))),
        key=lambda pair: (pair[0], pair[1].path),
    )  # fmt: skip
    events: dict[str, str] = {}
    run: list[_Dated] = []
    for moment, row in dated:
        if run and moment - run[-1][0] > timedelta(seconds=gap):
            events |= _named(run, fixed)
            run = []
        run.append((moment, row))
    events |= _named(run, fixed)
    return [
        row if row.path in fixed and row.event else row.having(event=events.get(row.leader, ""))
        for row in rows
    ]


def _named(run: Sequence[_Dated], fixed: Collection[str]) -> dict[str, str]:
    """Return the event of each photo of a run: the nearest fixed one, or else a new one."""
    known = [(moment, row.event) for moment, row in run if row.path in fixed and row.event]
    if not known:
        return dict.fromkeys((row.path for _, row in run), _name(run))
    return {row.path: _nearest(known, moment) for moment, row in run}


def _nearest(known: Sequence[tuple[datetime, str]], moment: datetime) -> str:
    place = bisect(known, moment, key=lambda pair: pair[0])
    near = known[max(place - 1, 0) : place + 1]
    return min(near, key=lambda pair: abs(pair[0] - moment))[1]


def _name(run: Sequence[_Dated]) -> str:
    """Return the name of an event: its first day and its most common folder."""
    if not run:
        return ""
    day = f"{run[0][0]:%Y-%m-%d}"
    folders = Counter(folder_name(row.path) for _, row in run)  # on a tie, the first in time
    folder = clean(folders.most_common(1)[0][0])
    folder = re.sub(r"^[ _-]+", "", re.sub(rf"^{day.replace('-', '[-_.]?')}", "", folder))
    return f"{day} {folder}".strip()
