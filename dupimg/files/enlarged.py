"""Detect enlarged pictures: they have more pixels than the original, but no more detail."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image

from dupimg.files.images import MAX_PIXELS, read_header, read_photo
from dupimg.files.jpeg_blocks import JpegBlocks, difference, middle_box, moved
from dupimg.opencv import opencv

# Part of the cache's key: count it up whenever a pair may get another answer.
ENLARGED_VERSION = "enlarged 2"

# Ways to enlarge a picture.
_KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)

# A larger picture of many times the sides is first compared at about this many times the sides:
# any additional detail shows at that size already, and a reduced JPEG is quick to read.
_SIDES = 1.5

# Largest difference at that size, as a share of the smaller picture's finest detail.
_ROUGHLY = 0.9

# Least fine detail in grey levels, and least side in pixels: a smaller picture without any, or an
# icon, cannot decide.
_LEAST_DETAIL, _LEAST_SIDE = 2.0, 24

# The following numbers are from pairs of 150 photos, the larger one in JPEG. 891 were enlarged by
# 1.2 to 4 in six ways and saved in qualities of 75 to 95: 87 % are found. Of 894 originals, two
# thirds of them blurred (by up to 2.5 pixels) or strongly compressed before their small copy was
# made, none is taken for enlarged.
#
# What compression lost of the enlarged picture is as much as on any other grid of blocks. The small
# copy of a compressed picture loses less on the grid of its original.
_LEAST_LOSS = 0.95

# An enlarged and compressed picture differs from the larger one by less than compression lost.
_MOST_OF_LOSS = 0.95

# If it was enlarged in a way of its own, it may differ by more: up to this share of the smaller
# picture's finest detail.
_MOST_OF_DETAIL = 0.15


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
    The smaller picture is enlarged and, if the larger one is a JPEG, compressed like it: if the
    larger one was made in this way, both are nearly equal. If it is the original, it has more
    detail, or the smaller picture still shows its blocks; see `dupimg.files.jpeg_blocks`.

    A soft photo, or one that was saved several times after enlarging, is in doubt: False.
    """
    fine = read_photo(small, max_pixels, max_pixels=max_pixels).convert("L")
    width = read_header(large, max_pixels=max_pixels).width
    if width >= 2 * _SIDES * fine.width and _roughly_shows_more(large, fine, max_pixels):
        return False
    whole = read_photo(large, max_pixels, max_pixels=max_pixels).convert("L")
    blocks = JpegBlocks.of(large, max_pixels)
    if blocks is not None:
        whole, fine = blocks.as_stored(whole), blocks.as_stored(fine)
    # As for the rough comparison, but of the part: any additional detail shows at that size.
    reduced = max(1, int(whole.width / fine.width / _SIDES))
    detail = _finest_detail(fine, whole.width / fine.width / reduced)
    if detail < _LEAST_DETAIL or min(fine.size) < _LEAST_SIDE:
        return False
    part, *enlarged = _middles(whole, fine)
    saved = enlarged if blocks is None else list(map(blocks.compress, enlarged))
    n = int(np.argmin([difference(part, other) for other in saved]))
    shows_more = difference(part.reduce(reduced), saved[n].reduce(reduced))
    is_like = shows_more < _MOST_OF_DETAIL * detail
    if blocks is None:
        return is_like
    other = moved(enlarged[n])
    loss = difference(other, blocks.compress(other))
    if difference(enlarged[n], saved[n]) < _LEAST_LOSS * loss:
        return False
    return is_like or difference(part, saved[n]) < _MOST_OF_LOSS * loss


def _roughly_shows_more(large: str | os.PathLike[str], fine: Image.Image, max_pixels: int) -> bool:
    """Return whether a much larger picture shows more detail even when it is reduced."""
    other = read_photo(large, int(_SIDES * min(fine.size)), max_pixels=max_pixels).convert("L")
    most = _ROUGHLY * _finest_detail(fine, other.width / fine.width)
    return all(difference(other, fine.resize(other.size, kernel)) > most for kernel in _KERNELS)


def _finest_detail(picture: Image.Image, factor: float) -> float:
    """Return what a picture loses when it is reduced by a factor, in grey levels."""
    width, height = (max(1, round(side / factor)) for side in picture.size)
    coarse = picture.resize((width, height), Image.Resampling.LANCZOS)
    return difference(picture, coarse.resize(picture.size, Image.Resampling.LANCZOS))


def _middles(whole: Image.Image, fine: Image.Image) -> list[Image.Image]:
    """Return the middle of the larger picture, then of the smaller one enlarged in each way."""
    box = middle_box(whole.size)
    x, y = fine.width / whole.width, fine.height / whole.height
    of_fine = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
    middle = whole.crop(box)
    ways = [fine.resize(middle.size, kernel, of_fine) for kernel in _KERNELS]
    cv2 = opencv()  # its bicubic kernel is sharper
    cubic = cv2.resize(np.asarray(fine), whole.size, interpolation=cv2.INTER_CUBIC)
    return [middle, *ways, Image.fromarray(cubic).crop(box)]
