"""Suggest scenes for a photo, most similar first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from dupimg.files.photos import local_time
from dupimg.plans.rows import REMOVE, Row

# Most scenes to suggest, and the number of scenes nearest in time to compare.
_MOST, _MOST_COMPARED = 24, 600

# Bonus on the similarity of pictures for a scene within the same hour, and for the scene of the
# most similar photo.
_SAME_HOUR, _HAS_NEAREST = 0.2, 2.0


def alike_scenes(
    rows: Sequence[Row], number: int, likeness: Callable[[str, Sequence[str]], list[float]]
) -> list[int]:
    """Return the scenes most similar to a photo, without its own.

    Parameters
    ----------
    rows : sequence of Row
        Rows of a plan.
    number : int
        Number of the row of the photo.
    likeness : callable
        Returns the similarities of a content to others, from -1 to 1.

    Returns
    -------
    list of int
        At most 24 scene numbers: first those of the most similar photos, then by the similarity of
        their first photos and by time.
    """
    photo = rows[number]
    here = _time(photo)
    first: dict[int, Row] = {}
    for row in rows:
        if row.is_photo and row.action != REMOVE and row.scene not in (None, photo.scene):
            known = first.get(row.scene or 0)
            if known is None or _apart(row, here) < _apart(known, here):
                first[row.scene or 0] = row
    nearest = {path for path in (photo.nearest_in_scene, photo.compared_with, photo.keeper) if path}
    with_nearest = {row.scene for row in rows if row.path in nearest}
    near = sorted(first, key=lambda scene: (scene not in with_nearest, _apart(first[scene], here)))
    near = near[:_MOST_COMPARED]
    alike = dict(zip(near, likeness(photo.digest, [first[s].digest for s in near]), strict=True))
    hour = timedelta(hours=1)
    for scene in near:
        alike[scene] += _SAME_HOUR * (_apart(first[scene], here) <= hour)
        alike[scene] += _HAS_NEAREST * (scene in with_nearest)
    return sorted(near, key=lambda scene: (-alike[scene], _apart(first[scene], here)))[:_MOST]


def _time(row: Row) -> datetime | None:
    return local_time(datetime.fromisoformat(row.taken_at)) if row.taken_at else None


def _apart(row: Row, here: datetime | None) -> timedelta:
    time = _time(row)
    return timedelta.max if time is None or here is None else abs(time - here)
