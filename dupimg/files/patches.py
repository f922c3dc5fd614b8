"""Find recoloured patches of a copy: a line in red, a highlighter's mark, another shirt.

Compressing and resizing keep the mean colour of a patch. Edits of the whole picture do not, so a
picture that was edited as a whole is left to `dupimg.groups.colour_changes`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dupimg.opencv import opencv

# Side of a patch and distance between patches in pixels: colours in JPEG come in blocks of 16.
_PATCH, _STEP = 16, 8

# Least difference of a patch in levels of brightness and of colour, and its least ratio to the
# difference of 95 % of the patches. Copies of 25 photos, compressed, resized, blurred or sharpened
# in 14 ways, reach 11 and 9 levels; in quality 10 colours reach 22, 4 times most patches. Marks of
# a highlighter and tints of 0.5 to 2 % of the picture have 14 to 97 levels in nine of ten photos.
_LEAST_BRIGHTNESS, _LEAST_COLOUR, _LEAST_RATIO = 14.0, 12.0, 8.0

# Least difference in brightness of coloured patches when the other picture has no colours: the
# conversion of a picture to grey keeps its brightness.
_LEAST_IN_GREY = 6.0

# Effect of a shift by a pixel or two as a share of the range of the neighbouring patches, and of
# sharpening and blurring as a share of the change in contrast within a patch.
_BY_SHIFT, _BY_SHARPNESS = 0.12, 0.25

# A picture was edited as a whole if a tenth of its patches, the median of its levels of brightness
# or the median saturation differs by more than this (levels, levels, share).
_MOST_ELSEWHERE, _MOST_BRIGHTER, _MOST_PALER = 3.0, 4.0, 0.15

# Width of a bin of brightness in levels, and the fewest patches in a bin that make a measure.
_LEVELS, _FEWEST = 8, 8

# Least distance of a coloured patch from grey, in levels.
_COLOURED = 10.0


def painted_over(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the patches in which two pictures of one size differ in brightness or colour.

    Parameters
    ----------
    here, there : ndarray of shape (height, width, 3), uint8
        Y, Cr and Cb.

    Returns
    -------
    ndarray of shape (rows, columns), bool
        One value for every eighth pixel; all False if one picture was edited as a whole.
    """
    first, second = map(_patches, (here, there))
    tolerance = _BY_SHIFT * np.maximum(first.ranges, second.ranges)
    tolerance += _BY_SHARPNESS * np.abs(first.contrast - second.contrast)[..., None]
    off = np.maximum(np.abs(second.means - first.means) - tolerance, 0)
    brightness, colour = off[..., 0], np.hypot(off[..., 1], off[..., 2])
    if _median_change_of_levels(first.means[..., 0], second.means[..., 0]) > _MOST_BRIGHTER:
        return np.zeros(brightness.shape, bool)
    is_painted = _stands_out(brightness, _LEAST_BRIGHTNESS)
    colours, other_colours = map(_colours, (first.means, second.means))
    is_coloured, is_other_coloured = (np.abs(c) > _COLOURED for c in (colours, other_colours))
    both = is_coloured & is_other_coloured
    if both.any():
        factors = (other_colours[both] * colours[both].conj()).real / np.abs(colours[both]) ** 2
        if abs(np.median(factors) - 1) <= _MOST_PALER:
            is_painted |= _stands_out(colour, _LEAST_COLOUR)
    else:  # one picture has no colours
        is_painted |= (is_coloured | is_other_coloured) & _stands_out(brightness, _LEAST_IN_GREY)
    return is_painted


class _Patches(NamedTuple):
    """Means of the channels, their ranges among neighbours, and the contrast of brightness."""

    means: NDArray[np.float32]
    ranges: NDArray[np.float32]
    contrast: NDArray[np.float32]


def _patches(picture: NDArray[np.uint8]) -> _Patches:
    cv2 = opencv()
    rows, columns = (max(1, side // _STEP) for side in picture.shape[:2])
    inner = picture[: rows * _STEP, : columns * _STEP]
    half = cv2.resize(
        inner, (columns * _STEP // 2, rows * _STEP // 2), interpolation=cv2.INTER_AREA
    )
    brightness = half[..., 0].astype(np.float32)
    steps, squares = (
        cv2.resize(p, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
        for p in (half, brightness * brightness)
    )
    beside = np.ones((3, 3), np.uint8)
    ranges = cv2.dilate(steps, beside) - cv2.erode(steps, beside)
    means, squares = (cv2.blur(p, (_PATCH // _STEP, _PATCH // _STEP)) for p in (steps, squares))
    return _Patches(means, ranges, np.sqrt(np.maximum(squares - means[..., 0] ** 2, 0)))


def _stands_out(off: NDArray[np.float32], least: float) -> NDArray[np.bool_]:
    if np.percentile(off, 90) > _MOST_ELSEWHERE:
        return np.zeros(off.shape, bool)
    return off >= max(least, _LEAST_RATIO * np.percentile(off, 95))


def _median_change_of_levels(here: NDArray[np.float32], there: NDArray[np.float32]) -> float:
    """Return the median change of brightness over all levels.

    Every level counts once, so that white paper does not outvote the ink.
    """
    levels = (here.ravel() / _LEVELS).astype(int)
    counts = np.bincount(levels)
    changes = np.bincount(levels, (there - here).ravel())
    is_measured = counts >= _FEWEST
    if not is_measured.any():
        return 0.0
    return float(np.median(np.abs(changes[is_measured] / counts[is_measured])))


def _colours(means: NDArray[np.float32]) -> NDArray[np.complex64]:
    return (means[..., 1] - 128 + 1j * (means[..., 2] - 128)).astype(np.complex64)
