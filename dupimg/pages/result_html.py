"""Show the result of a run in a notebook: counts, and the first groups with pictures."""

from __future__ import annotations

import base64
import html
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PIL import Image

from dupimg.files.previews import PreviewFolder
from dupimg.messages import Message
from dupimg.plans.counts import Counts
from dupimg.plans.rows import KEEP, Row
from dupimg.wording import counted

_GROUPS, _PHOTOS = 4, 6

# Twice the displayed pixels, for sharp screens.
_SHOWN_HEIGHT, _STORED_HEIGHT = 72, 144

# Uses the notebook's own colours, light or dark.
_LINE = "color-mix(in srgb, currentColor 18%, transparent)"
_QUIET = "color-mix(in srgb, currentColor 62%, transparent)"
_STYLE = f"""
<style scoped>
.dupimg {{ font: 13px/1.5 system-ui, sans-serif; color: inherit; max-width: 60em; }}
.dupimg table {{ border-collapse: collapse; font: inherit; color: inherit; margin: 0 0 8px; }}
.dupimg tr {{ background: none !important; }}
.dupimg td, .dupimg th {{ text-align: left; padding: 2px 16px 2px 0; font-weight: normal; }}
.dupimg .n {{ text-align: right; font-variant-numeric: tabular-nums; }}
.dupimg .q, .dupimg h4 {{ color: {_QUIET}; }}
.dupimg h4 {{ font: inherit; margin: 12px 0 0; border-top: 1px solid {_LINE}; padding-top: 8px; }}
.dupimg .g {{ display: flex; flex-wrap: wrap; gap: 4px; align-items: center; margin: 8px 0; }}
.dupimg .g img, .dupimg .g bdi {{ height: {_SHOWN_HEIGHT}px; border-radius: 3px; margin: 0; }}
.dupimg .g bdi {{ width: 96px; border: 1px solid {_LINE}; overflow: hidden; padding: 4px;
  box-sizing: border-box; font-size: 10px; overflow-wrap: anywhere; }}
</style>"""


def result_html(
    rows: Sequence[Row], counts: Counts, seconds: float, notes: Sequence[Message], report: Path
) -> str:
    """Return the result of a run as self-contained HTML.

    Parameters
    ----------
    rows : sequence of Row
    counts : Counts
        Counts of these rows.
    seconds : float
        Duration of the run.
    notes : sequence of Message
    report : Path
        The report in the output folder, which also holds the previews.

    Returns
    -------
    str
        A table of counts, notes, and the largest duplicate groups and scenes with their previews.
        Names are escaped.
    """
    previews = PreviewFolder(report.parent)
    photos = [row for row in rows if row.is_photo]
    duplicates = [
        sorted(group, key=lambda row: row.action != KEEP)
        for group in _largest(photos, "duplicate_group")
    ]
    scenes = _largest((row for row in photos if row.action == KEEP and row.destination), "scene")
    parts = [
        _STYLE,
        _counts_table(counts, seconds),
        *(f'<div class="q">{_text(str(note))}</div>' for note in notes),
        *_groups("Duplicates, what stays first", duplicates, previews),
        *_groups("Scenes", scenes, previews),
        f'<div class="q">{_text(str(report))}</div>',
    ]
    return f'<div class="dupimg">{"".join(parts)}</div>'


def _counts_table(counts: Counts, seconds: float) -> str:
    left, failed = counts.left, counts.failed
    lines = [
        ("found", counts.found, f"in {seconds:,.1f} s"),
        ("kept", counts.kept, f"in {counted(counts.scenes, 'scene')}" if counts.scenes else ""),
        ("removed", counts.removed, f"{counts.bytes_freed / 1e6:,.1f} MB"),
        ("other", counts.other, "no readable photo"),
        ("left", left, "where it is" if left == 1 else "where they are"),
        (
            "failed",
            failed,
            f"left where {'it was' if failed == 1 else 'they were'}: see the report",
        ),
    ]
    return "<table>{}</table>".format(
        "".join(
            f'<tr><th>{name}</th><td class="n">{number:,}</td><td class="q">{about}</td></tr>'
            for name, number, about in lines
            if number or name not in ("left", "failed")
        )
    )


def _largest(rows: Iterable[Row], field: str) -> list[list[Row]]:
    """Return the largest groups of at least two rows with the same value of a field."""
    groups: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        if (group := getattr(row, field)) is not None:
            groups[group].append(row)
    several = [group for group in groups.values() if len(group) > 1]
    return sorted(several, key=len, reverse=True)


def _groups(title: str, groups: Sequence[Sequence[Row]], previews: PreviewFolder) -> Iterator[str]:
    """Yield a heading and the first groups, a line of pictures each."""
    if not groups:
        return
    more = f", the largest {_GROUPS} of {len(groups):,}" if len(groups) > _GROUPS else ""
    yield f"<h4>{title}{more}</h4>"
    for group in groups[:_GROUPS]:
        pictures = "".join(_picture(row, previews) for row in group[:_PHOTOS])
        rest = len(group) - _PHOTOS
        yield f'<div class="g">{pictures}{f"<span>+{rest:,}</span>" if rest > 0 else ""}</div>'


def _picture(row: Row, previews: PreviewFolder) -> str:
    """Return a photo as an embedded image, or its name if it has no preview."""
    name = _text(row.path)
    try:
        with Image.open(previews.file(row.digest)) as preview:
            preview.thumbnail((4 * _STORED_HEIGHT, _STORED_HEIGHT))
            content = io.BytesIO()
            preview.save(content, "JPEG", quality=80)
    except OSError:
        return f"<bdi>{name}</bdi>"
    pixels = base64.b64encode(content.getvalue()).decode()
    return f'<img src="data:image/jpeg;base64,{pixels}" alt="{name}" title="{name}">'


def _text(text: str) -> str:
    """Escape a text, including bytes of names that are not UTF-8."""
    return html.escape(text.encode("utf-8", "backslashreplace").decode())
