"""Read two pictures of one shape at one size, and compare their brightness level by level."""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupimg.files.images import read_photo
from dupimg.opencv import opencv

# Tolerance of the aspect ratio, for resizing or a margin that was cut off.
_SAME_SHAPE = 0.03

# Rows of pixels to count at once.
_STRIP = 512


def have_one_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes (width, height) have the same aspect ratio."""
    ratio = size[0] * other[1] / max(1, size[1] * other[0])
    return abs(ratio - 1) < _SAME_SHAPE


def read_at_one_size(
    one: str | os.PathLike[str],
    other: str | os.PathLike[str],
    least: int,
    most: float = np.inf,
    *,
    max_pixels: int,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Decode two pictures of one shape, the larger one reduced to the size of the smaller one.

    Parameters
    ----------
    one, other : str or path-like
        Files.
    least, most : int, float
        Least length of the shorter side if the pictures allow it, and its largest length.
    max_pixels : int
        See `read_photo`.

    Returns
    -------
    one, other : ndarray of shape (height, width, 3), uint8

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.
    """
    photos = [read_photo(path, least, max_pixels=max_pixels) for path in (one, other)]
    return at_one_size(photos[0], photos[1], most)


def at_one_size(
    one: Image.Image, other: Image.Image, most: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Reduce the larger of two pictures of one shape; see `read_at_one_size`."""
    photos = (one, other)
    sides = np.min([photo.size for photo in photos], axis=0)
    size = tuple((sides * min(1, most / sides.min())).round().astype(int).tolist())
    first, second = (_reduced(np.asarray(photo.convert("RGB")), size) for photo in photos)
    return first, second


def _reduced(pixels: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.uint8]:
    if pixels.shape[1::-1] == size:
        return pixels
    reduced: NDArray[np.uint8] = opencv().resize(pixels, size, interpolation=opencv().INTER_AREA)
    return reduced


def count_levels(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the joint histogram of the levels of two pictures.

    Parameters
    ----------
    one, other : ndarray of one shape, uint8
        All channels are counted together.

    Returns
    -------
    ndarray of shape (256, 256), float64
        A row for each level of the first picture.
    """
    counts = np.zeros((256, 256))
    for top in range(0, len(one), _STRIP):  # OpenCV counts in float32, which is exact up to 2**24
        levels = [pixels[top : top + _STRIP].reshape(-1, 1) for pixels in (one, other)]
        counts += opencv().calcHist(levels, [0, 1], None, [256, 256], [0, 256, 0, 256])
    return counts


def means_of(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean level of the second picture for each level of the first.

    Parameters
    ----------
    counts : ndarray of shape (256, 256), float64
        The joint histogram, see `count_levels`.

    Returns
    -------
    means, totals : ndarray of shape (256,), float64
        Mean and number of values for each level; the mean of an absent level is 0.
    """
    totals = counts.sum(axis=1)
    return counts @ np.arange(256.0) / np.maximum(totals, 1), totals
