"""Tell an edit of the brightness from another exposure: by the finest detail, noise above all.

Two exposures have noise of their own, and hands or wind have moved between them by parts of a
pixel. An edit has the noise of its original, on another scale.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from dupimg.files.images import MAX_PIXELS, read_photo

# Changes whenever a pair may get another answer.
BRIGHTENED_VERSION = "brightened 1"

# Sides of the middle that is compared, and of its blocks, in pixels.
_MIDDLE, _BLOCK = 2048, 16

# A smaller picture has lost its noise when it was reduced.
_LEAST_PIXELS = 250_000

# Grey levels outside of which an edit may have clipped, and share of a block that is within.
_DARKEST, _LIGHTEST, _WITHIN = 6, 249, 0.98

# Fine detail is what a Gaussian of this many pixels takes away; less than so many grey levels of it
# may be what compression adds.
_SIGMA, _LEAST_DETAIL = 1.5, 2.0

# Blocks with detail that are needed, and their correlation. Of 86 neighbours in exposure series the
# highest is 0.88, at three quarters of their size (0.33 megapixels and more) 0.91; of 71 photos
# and their edits by a factor of 1.4, saved in quality 90, 86 % have more.
_LEAST_BLOCKS, _LEAST_CORRELATION = 40, 0.92


def is_brightened(
    one: str | os.PathLike[str], other: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> bool:
    """Return whether two pictures clearly are one shot, but for a curve over their brightness.

    Parameters
    ----------
    one, other : str or path-like
        Files.
    max_pixels : int, default=500_000_000

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    Pictures of different size, small, plain or compressed hard ones are in doubt: False.
    """
    pictures = [read_photo(path, max_pixels, max_pixels=max_pixels) for path in (one, other)]
    size = pictures[0].size
    if pictures[1].size != size or size[0] * size[1] < _LEAST_PIXELS:
        return False
    (a, one_within), (b, other_within) = map(_middle, pictures)
    within = one_within & other_within
    details = [_blocks(_detail(x)) for x in (_curve(a, b, within)[a], b.astype(np.float32))]
    fine, other_fine = (block[_blocks(within).mean(1) >= _WITHIN] for block in details)
    energy = np.maximum(np.square(fine).mean(1), np.square(other_fine).mean(1))
    order = np.argsort(energy, kind="stable")
    order = order[energy[order] >= _LEAST_DETAIL**2]
    if len(order) < _LEAST_BLOCKS:
        return False
    # What is coarse agrees in any series; the finer half tells.
    parts = (order, order[: len(order) // 2])
    return all(_correlation(fine[n], other_fine[n]) >= _LEAST_CORRELATION for n in parts)


def _middle(picture: Image.Image) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the grey levels of the middle of a picture, and where no channel may be clipped."""
    left, top = (max(0, (side - _MIDDLE) // 2) for side in picture.size)
    middle = picture.crop((left, top, picture.width - left, picture.height - top))
    grey, channels = np.asarray(middle.convert("L")), np.asarray(middle.convert("RGB"))
    return grey, (grey > _DARKEST) & (channels.max(axis=2) < _LIGHTEST)


def _curve(
    a: NDArray[np.uint8], b: NDArray[np.uint8], within: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the mean grey level of `b` for each of the 256 grey levels of `a`."""
    count = np.bincount(a[within], minlength=256)
    total = np.bincount(a[within], weights=b[within], minlength=256)
    return (total / np.maximum(count, 1)).astype(np.float32)


def _detail(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    return grey - ndimage.gaussian_filter(grey, _SIGMA)


def _blocks(pixels: NDArray) -> NDArray:
    """Return the pixels of each block as a row."""
    height, width = (side // _BLOCK for side in pixels.shape)
    cut = pixels[: height * _BLOCK, : width * _BLOCK]
    parts = cut.reshape(height, _BLOCK, width, _BLOCK).swapaxes(1, 2)
    return parts.reshape(-1, _BLOCK * _BLOCK)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    scale = np.sqrt(np.square(one).sum() * np.square(other).sum())
    return float((one * other).sum() / scale) if scale else 0.0
