"""Detect pictures that were made from a JPEG and saved again, as they were or edited."""

from __future__ import annotations

import os

from dupimg.files.images import MAX_PIXELS, read_photo
from dupimg.files.jpeg_blocks import JpegBlocks, middle_box

# Part of the cache's key: count it up whenever a pair may get another answer.
SAVED_AGAIN_VERSION = "saved again 1"

# Two JPEGs of nearly one quality show the same traces; from this ratio of the sums of their tables
# on the finer one tells whether it was made from the other.
_LEAST_RATIO = 1.75

# Copies of 110 photos that were saved again in a finer quality or as PNG or HEIC, a third of them
# with a caption, show at most 0.46 (of WebP a third do). Originals of coarser copies, and copies of
# a common third picture, show 0.75 and more.
_MOST_TRACE, _NO_TRACE = 0.5, 0.7


def is_saved_again(
    picture: str | os.PathLike[str],
    original: str | os.PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
) -> bool | None:
    """Return whether a picture was made from a JPEG of the same size and saved again.

    Parameters
    ----------
    picture, original : str or path-like
        Files of copies, equal in width and height; an edited part does not matter.
    max_pixels : int, default=500_000_000

    Returns
    -------
    bool or None
        None in doubt: `original` is no JPEG, or in a quality that is nearly as fine as that of
        `picture`, or finer, as only a finer picture still shows the blocks of its original.

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.
    """
    blocks, own = JpegBlocks.of(original, max_pixels), JpegBlocks.of(picture, max_pixels)
    if blocks is None or (own and sum(blocks.table) < _LEAST_RATIO * sum(own.table)):
        return None
    whole = blocks.as_stored(read_photo(picture, max_pixels, max_pixels=max_pixels).convert("L"))
    trace = blocks.trace_in(whole.crop(middle_box(whole.size)))
    if trace is None or _MOST_TRACE <= trace <= _NO_TRACE:
        return None
    return trace < _MOST_TRACE
