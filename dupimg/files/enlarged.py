"""Detect enlarged pictures: they have more pixels than the original, but no more detail."""

from __future__ import annotations

import io
import os

import numpy as np
from PIL import Image

from dupimg.files.images import MAX_PIXELS, read_header, read_photo, upright_turn
from dupimg.files.opening import open_picture
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

# The turns that undo those that make a picture upright; the others undo themselves.
_BACK = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}

# Side in pixels of the part in the middle that is compared at full size, a multiple of 16.
_PART = 768

# Least fine detail in grey levels: a smaller picture without any cannot decide.
_LEAST_DETAIL = 2.0

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
    A JPEG has lost what its quantization table rounded away, in blocks of 8 x 8 pixels. The smaller
    picture is enlarged and compressed with the table of the larger one: if the larger one was made
    in this way, both are nearly equal. If it is the original, it has more detail, or the smaller
    picture still shows its blocks, so that this compression loses less than any other.

    A soft photo, or one that was saved several times after enlarging, is in doubt: False.
    """
    fine = read_photo(small, max_pixels, max_pixels=max_pixels).convert("L")
    width = read_header(large, max_pixels=max_pixels).width
    if width >= 2 * _SIDES * fine.width and _roughly_shows_more(large, fine, max_pixels):
        return False
    whole = read_photo(large, max_pixels, max_pixels=max_pixels).convert("L")
    with open_picture(large, max_pixels) as (file, _, _):
        tables, turn = getattr(file, "quantization", None), upright_turn(file)
    if turn is not None:  # the blocks are those of the stored picture
        whole, fine = (picture.transpose(_BACK.get(turn, turn)) for picture in (whole, fine))
    # As for the rough comparison, but of the part: any additional detail shows at that size.
    reduced = max(1, int(whole.width / fine.width / _SIDES))
    detail = _finest_detail(fine, whole.width / fine.width / reduced)
    if detail < _LEAST_DETAIL:
        return False
    part, *enlarged = _middles(whole, fine)
    saved = [_compress(other, tables[0]) for other in enlarged] if tables else enlarged
    n = int(np.argmin([_difference(part, other) for other in saved]))
    shows_more = _difference(part.reduce(reduced), saved[n].reduce(reduced))
    is_like = shows_more < _MOST_OF_DETAIL * detail
    if not tables:
        return is_like
    other_grid = enlarged[n].crop((4, 4, part.width - 4, part.height - 4))
    loss = _difference(other_grid, _compress(other_grid, tables[0]))
    if _difference(enlarged[n], saved[n]) < _LEAST_LOSS * loss:
        return False
    return is_like or _difference(part, saved[n]) < _MOST_OF_LOSS * loss


def _roughly_shows_more(large: str | os.PathLike[str], fine: Image.Image, max_pixels: int) -> bool:
    """Return whether a much larger picture shows more detail even when it is reduced."""
    other = read_photo(large, int(_SIDES * min(fine.size)), max_pixels=max_pixels).convert("L")
    most = _ROUGHLY * _finest_detail(fine, other.width / fine.width)
    return all(_difference(other, fine.resize(other.size, kernel)) > most for kernel in _KERNELS)


def _finest_detail(picture: Image.Image, factor: float) -> float:
    """Return what a picture loses when it is reduced by a factor, in grey levels."""
    width, height = (max(1, round(side / factor)) for side in picture.size)
    coarse = picture.resize((width, height), Image.Resampling.LANCZOS)
    return _difference(picture, coarse.resize(picture.size, Image.Resampling.LANCZOS))


def _middles(whole: Image.Image, fine: Image.Image) -> list[Image.Image]:
    """Return the middle of the larger picture, then of the smaller one enlarged in each way."""
    width, height = (min(side, _PART) for side in whole.size)
    left, top = (whole.width - width) // 16 * 8, (whole.height - height) // 16 * 8
    box = (left, top, left + width, top + height)
    x, y = fine.width / whole.width, fine.height / whole.height
    of_fine = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
    ways = [fine.resize((width, height), kernel, of_fine) for kernel in _KERNELS]
    cv2 = opencv()  # its bicubic kernel is sharper
    cubic = cv2.resize(np.asarray(fine), whole.size, interpolation=cv2.INTER_CUBIC)
    return [whole.crop(box), *ways, Image.fromarray(cubic).crop(box)]


def _compress(picture: Image.Image, table: list[int]) -> Image.Image:
    """Return a grey picture as it is after being saved as a JPEG."""
    file = io.BytesIO()
    picture.save(file, "JPEG", qtables=[table])
    with Image.open(file) as compressed:
        return compressed.convert("L")


def _difference(one: Image.Image, other: Image.Image) -> float:
    """Return the root of the mean squared difference, in grey levels."""
    difference = np.asarray(one, np.float32) - np.asarray(other, np.float32)
    return float(np.sqrt(np.square(difference).mean()))
