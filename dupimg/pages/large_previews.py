"""Make large previews for the report, of photos that browsers cannot show.

A report has no server that could decode a HEIC or a raw file. So photos that users may compare,
duplicates and those near a threshold, get a JPEG of 1600 pixels, within a limit in bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import joblib

from dupimg.files.images import UnreadablePhoto
from dupimg.files.large_view import is_shown_by_browsers, large_view
from dupimg.files.previews import PreviewFolder
from dupimg.files.sandbox import open_sandbox
from dupimg.plans.record import Run
from dupimg.plans.rows import Row
from dupimg.progress import progress_bar

# Most bytes of large previews of a result, and photos decoded between two checks of it.
_MOST_BYTES, _AT_ONCE = 500_000_000, 32

# Distance from a threshold within which users may want to compare, as on the page.
_BORDER = 0.02

_SECONDS_TO_DECODE = 60.0


def keep_large_previews(
    rows: Sequence[Row], run: Run, output_dir: Path, *, jobs: int | None = None, quiet: bool = True
) -> None:
    """Make the large previews for the page of a result.

    Parameters
    ----------
    rows : sequence of Row
    run : Run
        A run whose photos are still in the input folders.
    output_dir : Path
    jobs : int, optional
        Number of processes; by default one for each core.
    quiet : bool, default=True
        Whether to hide the progress bar.

    Notes
    -----
    At most 500 MB in all. They are optional: a photo that cannot be decoded gets none.
    """
    previews = PreviewFolder(output_dir)
    wanted = [row for row in _compared(rows, run) if not previews.large_file(row.digest).exists()]
    if not wanted:
        return
    left, jobs = _MOST_BYTES - previews.large_bytes(), jobs or joblib.cpu_count()
    with (
        open_sandbox(jobs, _SECONDS_TO_DECODE) as decode,
        progress_bar(len(wanted), "large views", unit="photos", quiet=quiet) as bar,
    ):
        for start in range(0, len(wanted), _AT_ONCE):
            some = wanted[start : start + _AT_ONCE]
            views = decode(large_view, [run.inputs / row.path for row in some])
            for row, view in zip(some, views, strict=True):
                bar.update()
                if isinstance(view, UnreadablePhoto) or view.content is None:
                    continue
                left -= len(view.content)
                if left < 0:
                    return
                previews.write_large(row.digest, view.content)


def _compared(rows: Iterable[Row], run: Run) -> Iterator[Row]:
    """Yield the photos that users may compare but browsers cannot show, each content once."""
    rows = tuple(rows)
    row_of = {row.path: row for row in rows}
    seen: set[str] = set()
    for row in rows:
        if not row.is_photo or row.earlier:
            continue
        others = [row_of.get(path) for path in (row.compared_with, row.nearest_in_scene)]
        pair = [row, *filter(None, others)] if _is_near_a_threshold(row, run) else [row]
        for photo in pair if len(pair) > 1 or row.duplicate_group is not None else ():
            if photo.digest not in seen and not is_shown_by_browsers(photo.path):
                seen.add(photo.digest)
                if not photo.earlier:
                    yield photo


def _is_near_a_threshold(row: Row, run: Run) -> bool:
    settings = run.settings
    pairs = (
        (row.nearest_cosine, settings.get("duplicate_threshold", 0.95)),
        (row.nearest_scene_cosine, settings.get("scene_threshold", 0.7)),
    )
    return any(c is not None and abs(c - threshold) <= _BORDER for c, threshold in pairs)
