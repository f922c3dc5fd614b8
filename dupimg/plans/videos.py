"""Decide about videos that are no companions: in the scene of the nearest photo in time.

Only byte-identical videos are duplicates.
"""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import count

from dupimg.files.keep_rules import KeepRule, Ranking
from dupimg.files.photos import FILE_TIME, Photo, Video, local_time
from dupimg.messages import Message, message
from dupimg.plans.reasons import both, kept_reason, removed_reason
from dupimg.plans.rows import KEEP, REMOVE, Row

# Longest distance in time from a photo of the same folder to share its scene.
_NEAREST = timedelta(minutes=10)


def video_rows(
    videos: Sequence[Video],
    photos: Iterable[Row],
    rule: KeepRule,
    companions: Mapping[str, int],
    known: Iterable[Row] = (),
    stay: Callable[[str], bool] = lambda path: False,
) -> list[Row]:
    """Decide about videos.

    Parameters
    ----------
    videos : sequence of Video
    photos : iterable of Row
        All photos, with their scenes.
    rule : KeepRule
        The keep rule, for byte-identical videos.
    companions : mapping of str to int
        Number of companions, by the path of the video.
    known : iterable of Row
        Videos that always stay.
    stay : callable
        Returns for a path whether that video also always stays.

    Returns
    -------
    list of Row
        Rows of `videos`. A video without a photo close in time has its own scene, below 0.
    """
    stand_ins = [
        Photo(v.path, v.bytes, v.digest, 0, 0, v.taken_at, v.taken_from, v.modified_ns)
        for v in videos
    ]
    protected = {video.path for video in videos if stay(video.path)}
    ranking = Ranking.of(stand_ins, rule, companions=companions, protected=protected)
    there = {row.digest: row for row in known if row.stays}
    best: dict[str, int] = {}
    for i in ranking.order:
        best.setdefault(videos[i].digest, i)
    sizes: defaultdict[str, int] = defaultdict(int)
    for video in videos:
        sizes[video.digest] += video.path not in protected or best[video.digest] == video.path
    nearest = _Nearest(photos)
    own = count(-1, -1)
    rows: dict[str, Row] = {}
    for i in sorted(range(len(videos)), key=lambda i: best[videos[i].digest] != i):
        video, keeper = videos[i], best[videos[i].digest]
        old, first = there.get(video.digest), rows.get(videos[keeper].path)
        if old is not None and video.path not in protected:
            reason = both(message("reason.identical_bytes"), message("reason.keeper_was_there"))
            rows[video.path] = _row(video, REMOVE, old.scene, old.path, reason)
        elif first is not None and video.path not in protected:
            reason = removed_reason(ranking.why(keeper, i), same_bytes=True)
            rows[video.path] = _row(video, REMOVE, first.scene, first.path, reason)
        else:
            scene = nearest.scene(video)
            stands_for = both(kept_reason(sizes[video.digest] - 1), video.passed_over)
            reason = both(message("reason.video"), stands_for)
            rows[video.path] = _row(video, KEEP, next(own) if scene is None else scene, "", reason)
    return [rows[video.path] for video in videos]


def _row(video: Video, action: str, scene: int | None, keeper: str, reason: Message) -> Row:
    return Row(
        path=video.path,
        action=action,
        scene=scene,
        keeper=keeper,
        taken_at=video.taken_at.isoformat(timespec="milliseconds"),
        taken_from=video.taken_from,
        bytes=video.bytes,
        digest=video.digest,
        modified_ns=video.modified_ns,
        identity=video.identity,
        reason=reason,
        video=True,
    )


class _Nearest:
    """Finds the scene of the photo nearest in time to a video, in its folder."""

    def __init__(self, photos: Iterable[Row]) -> None:
        self._times: defaultdict[str, list[tuple[datetime, str, int, str]]] = defaultdict(list)
        for row in photos:
            if row.scene is not None and row.taken_at:
                time = local_time(datetime.fromisoformat(row.taken_at))
                folder = row.path.rpartition("/")[0]
                self._times[folder].append((time, row.path, row.scene, row.taken_from))
        for times in self._times.values():
            times.sort()

    def scene(self, video: Video) -> int | None:
        """Return a scene, or None without a photo within 10 minutes."""
        times = self._times.get(video.path.rpartition("/")[0], ())
        if video.taken_from == FILE_TIME:
            # Two file times may be those of the same download.
            times = [time for time in times if time[3] != FILE_TIME]
        place = bisect(times, (video.local_time,))  # type: ignore[type-var]
        near = [times[i] for i in (place - 1, place) if 0 <= i < len(times)]
        apart, _, scene = min(
            (
                (abs(time - video.local_time), i, scene)
                for i, (time, _, scene, _) in enumerate(near)
            ),
            default=(_NEAREST * 2, 0, 0),
        )
        return scene if apart <= _NEAREST else None
