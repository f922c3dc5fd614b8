"""Serve comparisons of two photos of a plan, and similarities of photos."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from flask import abort
from numpy.typing import NDArray
from PIL import Image

from dupimg.decide.looker import glance_at_preview, see_preview
from dupimg.files.picture_pairs import have_one_shape
from dupimg.files.previews import PreviewFolder
from dupimg.groups.details import Details
from dupimg.groups.explanation import explain_pair
from dupimg.groups.pictures import Picture
from dupimg.plans.record import Record

FindSpots = Callable[[int, int], NDArray[np.float64]]

# Most photos with details in memory.
_SEEN_AT_ONCE = 64

# Colours are compared in a grid with so many cells a side.
_CELLS = 8


class PairViews:
    """Compares pairs of photos of a plan by their previews.

    Parameters
    ----------
    record : Record
    output_dir : Path
        The folder with the previews.
    find_spots : callable
        Finds small differences between two photos, see `PhotoViews.spots`.
    """

    def __init__(self, record: Record, output_dir: Path, find_spots: FindSpots) -> None:
        self._rows = record.rows
        self._find_spots = find_spots
        self._previews = PreviewFolder(output_dir)
        self._seen = lru_cache(_SEEN_AT_ONCE)(self._look_at)
        self._cells = lru_cache(None)(self._cells_of)

    def pair(self, first: int, second: int) -> dict[str, Any]:
        """Answer with the marks to draw over two photos, see `Explanation`.

        Photos are given by row numbers, counted from 0. 403 if one is no photo of the plan, 404 if
        it has no preview.
        """
        (one, one_details), (other, other_details) = map(self._of, (first, second))
        found = explain_pair(one, other, one_details, other_details)
        rows = (self._rows[first], self._rows[second])
        sizes = [(row.width or 1, row.height or 1) for row in rows]
        if not len(found.boxes) and have_one_shape(*sizes):
            spots = self._find_spots(first, second)
            found = replace(found, boxes=spots, other_boxes=spots)
        return {
            name: None if (value := getattr(found, name)) is None else value.round(4).tolist()
            for name in ("details", "boxes", "other_boxes", "part", "other_part")
        }

    def alike(self, digest: str, others: Sequence[str]) -> list[float]:
        """Return the similarities of a content to others, from -1 to 1; -1 without a preview."""
        here = self._cells(digest)
        if here is None:
            return [0.0] * len(others)
        cells = [self._cells(other) for other in others]
        return [-1.0 if c is None else round(float(here @ c), 4) for c in cells]

    def _of(self, number: int) -> tuple[Picture, Details]:
        if number >= len(self._rows) or not self._rows[number].is_photo:
            abort(403, "Got the number of no photo of the plan.")
        seen = self._seen(self._rows[number].digest)
        if seen is None:
            abort(404, "This photo has no small picture.")
        return seen

    def _look_at(self, digest: str) -> tuple[Picture, Details] | None:
        file = self._previews.file(digest)
        try:
            with Image.open(file) as reduced, Image.open(file) as preview:
                return see_preview(preview), glance_at_preview(reduced).details
        except OSError:
            return None

    def _cells_of(self, digest: str) -> NDArray[np.float32] | None:
        """Return the centred colours of a few cells of a photo as a unit vector."""
        try:
            content = self._previews.file(digest).read_bytes()
            with Image.open(io.BytesIO(content)) as preview:
                preview.draft("RGB", (4 * _CELLS, 4 * _CELLS))
                small = preview.convert("RGB").resize((_CELLS, _CELLS), Image.Resampling.BOX)
        except OSError:
            return None
        cells = np.asarray(small, np.float32).ravel() - 128
        return cells / np.float32(max(float(np.linalg.norm(cells)), 1e-6))
