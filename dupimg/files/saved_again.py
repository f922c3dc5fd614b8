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
) -> bool:
    """Return whether a picture was clearly made from a JPEG of the same size and saved again.

    Parameters
    ----------
    picture, original : str or path-like
        Files of copies, equal in width and height; an edited part does not matter.
    max_pixels : int, default=500_000_000

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    Only a picture in a finer quality, or without loss, still shows the blocks of its original. One
    in a coarser quality is in doubt: False.
    """
    trace = _trace(original, picture, max_pixels)
    return trace is not None and trace < _MOST_TRACE


def is_coarser(
    jpeg: str | os.PathLike[str],
    picture: str | os.PathLike[str],
    *,
    max_pixels: int = MAX_PIXELS,
) -> bool:
    """Return whether a JPEG is in a clearly coarser quality than a picture not made from it.

    Parameters
    ----------
    jpeg, picture, max_pixels
        As for `is_saved_again`.
    """
    trace = _trace(jpeg, picture, max_pixels)
    return trace is not None and trace > _NO_TRACE


def _trace(
    jpeg: str | os.PathLike[str], picture: str | os.PathLike[str], max_pixels: int
) -> float | None:
    """Return how clearly a picture shows the blocks of a JPEG; None if that tells nothing."""
    blocks, own = JpegBlocks.of(jpeg, max_pixels), JpegBlocks.of(picture, max_pixels)
    if blocks is None or (own and sum(blocks.table) < _LEAST_RATIO * sum(own.table)):
        return None
    whole = blocks.as_stored(read_photo(picture, max_pixels, max_pixels=max_pixels).convert("L"))
    return blocks.trace_in(whole.crop(middle_box(whole.size)))
