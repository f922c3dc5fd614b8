"""Detect enlarged pictures: they have more pixels than the original, but no more detail."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from dupimg.files.images import MAX_PIXELS, read_header, read_photo

# Part of the cache's key: count it up whenever a pair may get another answer.
ENLARGED_VERSION = "enlarged 1"

# The larger picture is compared at about this many times the sides of the smaller one: any
# additional detail shows at that size already, and a reduced JPEG is quick to read.
_SIDES = 1.5

# Ways to enlarge a picture.
_KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)

# Largest difference between the larger and the enlarged smaller picture, as a share of the smaller
# one's finest detail. No original among 397 photos with smaller copies, two thirds of them blurred
# first (by up to 2.5 pixels), has less; 41 % of 397 enlarged JPEGs of quality 75 to 95 have.
_MOST_DIFFERENCE = 0.2

# Tolerance of the quick comparison at reduced size, as a factor on that difference.
_ROUGHLY = 3.0

# Least fine detail in grey levels: a smaller picture without any cannot decide.
_LEAST_DETAIL = 2.0


def is_enlarged(
    large: str | os.PathLike[str], small: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> bool:
    """Return whether a picture clearly shows no more detail than one with fewer pixels.

    Parameters
    ----------
    large, small : str or path-like
        Files; the sides of the larger are at least 1.2 times those of the smaller.
    max_pixels : int, default=500_000_000

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    A soft photo, or one that was strongly compressed after enlarging, is in doubt: False.
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
    # Most photos are originals; this shows it quickly, without enlarging to the full size.
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
