"""Tell whether a picture is enlarged from a smaller one: more pixels, but no more detail."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from dupimg.files.images import MAX_PIXELS, read_header, read_photo

# Changes whenever a pair may get another answer.
ENLARGED_VERSION = "enlarged 1"

# The larger picture is compared at this many times the sides of the smaller one, or nearly: what it
# shows beyond the smaller one's pixels begins right there, and JPEG is quickly read reduced.
_SIDES = 1.5

# Ways to enlarge a picture.
_KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)

# Difference from the smaller picture enlarged, as a share of the smaller one's own finest detail.
# Of 397 photos and smaller copies of them, two thirds blurred first (by up to 2.5 pixels), none has
# less; of 397 enlarged ones in JPEG of quality 75 to 95, 41 % have.
_MOST_DIFFERENCE = 0.2

# A reduced picture differs so many times as much from what is enlarged to its own size only.
_ROUGHLY = 3.0

# In grey levels: a picture without fine detail of its own is no measure.
_LEAST_DETAIL = 2.0


def is_enlarged(
    large: str | os.PathLike[str], small: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> bool:
    """Return whether one picture clearly shows no more detail than another with fewer pixels.

    Parameters
    ----------
    large, small : str or path-like
        Files; the sides of the one are at least 1.2 times those of the other.
    max_pixels : int, default=500_000_000

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    A soft photo, or one that was compressed hard after it was enlarged, is in doubt: False.
    """
    fine = read_photo(small, max_pixels, max_pixels=max_pixels).convert("L")
    header = read_header(large, max_pixels=max_pixels)
    other = read_photo(large, int(_SIDES * min(fine.size)), max_pixels=max_pixels).convert("L")
    factor = other.width / fine.width
    coarse = fine.resize(
        (max(1, round(fine.width / factor)), max(1, round(fine.height / factor))), _KERNELS[-1]
    )
    detail = _difference(fine, coarse.resize(fine.size, _KERNELS[-1]))
    if detail < _LEAST_DETAIL:
        return False
    most = _MOST_DIFFERENCE * detail
    # Most photos are their own originals, which this tells without enlarging to their full size.
    if all(_difference(other, fine.resize(other.size, k)) > _ROUGHLY * most for k in _KERNELS):
        return False
    size = (header.width, header.height)
    reduced = round(header.width / other.width)
    enlarged = (fine.resize(size, kernel).reduce(reduced) for kernel in _KERNELS)
    return any(e.size == other.size and _difference(other, e) < most for e in enlarged)


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Return the root of the mean squared difference, in grey levels."""
    difference = np.asarray(one, np.float32) - np.asarray(other, np.float32)
    return float(np.sqrt(np.square(difference).mean()))
