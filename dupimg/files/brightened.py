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

# A smaller picture has lost its noise when it was reduced.
_LEAST_PIXELS = 250_000

# Longest side at which all parts are compared, and sides of the middle whose noise is, in pixels.
_WHOLE, _MIDDLE = 2048, 2048

# Grey levels by which the means of blocks with these sides may differ, in any channel: of 42 edits
# saved in quality 90 none differs by more than 22 and 11.
_MOST_DIFFERENCES = {4: 28.0, 16: 13.0}

# Fine detail is what a Gaussian of this many pixels takes away; in a block with less than so many
# grey levels of it, it may be what compression adds.
_SIGMA, _BLOCK, _LEAST_DETAIL = 1.5, 16, 2.0

# Blocks with detail that are needed, and their correlation: of 86 neighbours in exposure series
# none has more than 0.902, of the same edits 37 have.
_LEAST_BLOCKS, _LEAST_CORRELATION = 40, 0.93

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def is_brightened(
    source: str | os.PathLike[str], edit: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> bool:
    """Return whether a picture clearly is another one, but for a curve over its brightness.

    Parameters
    ----------
    source, edit : str or path-like
        Files. Where an edit has clipped, its original cannot be computed from it.
    max_pixels : int, default=500_000_000

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    Pictures of different size, small, plain or compressed hard ones are in doubt: False.
    """
    before, after = (read_photo(path, max_pixels, max_pixels=max_pixels) for path in (source, edit))
    if before.size != after.size or before.width * before.height < _LEAST_PIXELS:
        return False
    factor = -(-max(before.size) // _WHOLE)
    whole, edited = (np.asarray(picture.reduce(factor)) for picture in (before, after))
    if not _agree(_through_curves(whole, edited), edited.astype(np.float32)):
        return False
    middle, edited = map(_middle, (before, after))
    fine, other_fine = (
        _blocks(_detail(pixels @ _LUMA), _BLOCK)
        for pixels in (_through_curves(middle, edited), edited.astype(np.float32))
    )
    energy = np.maximum(np.square(fine).mean(1), np.square(other_fine).mean(1))
    order = np.argsort(energy, kind="stable")
    order = order[energy[order] >= _LEAST_DETAIL**2]
    if len(order) < _LEAST_BLOCKS:
        return False
    # What is coarse agrees in any series; the finer half tells.
    parts = (order, order[: len(order) // 2])
    return all(_correlation(fine[n], other_fine[n]) >= _LEAST_CORRELATION for n in parts)


def _through_curves(source: NDArray[np.uint8], edit: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Replace each level of each channel by the mean of what the edit has in its place."""
    curves = []
    for channel in range(source.shape[2]):
        levels, values = source[..., channel].ravel(), edit[..., channel].ravel()
        count = np.bincount(levels, minlength=256)
        total = np.bincount(levels, weights=values, minlength=256)
        curves.append((total / np.maximum(count, 1)).astype(np.float32))
    return np.stack([curve[source[..., n]] for n, curve in enumerate(curves)], axis=-1)


def _agree(expected: NDArray[np.float32], found: NDArray[np.float32]) -> bool:
    """Return whether no part, however small, shows something else."""
    difference = found - expected
    return all(
        np.abs(_blocks(difference[..., channel], side).mean(1)).max() <= most
        for side, most in _MOST_DIFFERENCES.items()
        for channel in range(difference.shape[2])
    )


def _middle(picture: Image.Image) -> NDArray[np.uint8]:
    left, top = (max(0, (side - _MIDDLE) // 2) for side in picture.size)
    return np.asarray(picture.crop((left, top, picture.width - left, picture.height - top)))


def _detail(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    return grey - ndimage.gaussian_filter(grey, _SIGMA)


def _blocks(pixels: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the pixels of each block as a row."""
    height, width = (length // side for length in pixels.shape)
    cut = pixels[: height * side, : width * side]
    parts = cut.reshape(height, side, width, side).swapaxes(1, 2)
    return parts.reshape(-1, side * side)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    scale = np.sqrt(np.square(one).sum() * np.square(other).sum())
    return float((one * other).sum() / scale) if scale else 0.0
