"""Find patches of a copy that were painted over: a line in red, a mark of a highlighter, a shirt.

A copy keeps the mean colour of every patch, however strongly it was compressed or reduced. One
that was edited as a whole does not, and is compared by `dupimg.groups.copies` only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dupimg.opencv import opencv

# Side of a patch and the distance of two, in pixels: a JPEG at its strongest keeps means of 16
# pixels in its colours.
_PATCH, _STEP = 16, 8

# Levels by which a patch differs in brightness and in colour, and how many times as much as 95 %
# of the patches. Of 25 photos in 14 forms (compressed to quality 10, resized by any filter to an
# eighth, blurred, sharpened) differed by 11 and 9 levels at most, of quality 10 in colour by 22,
# which is 4 times as much as most of its patches. Marks of a highlighter, and 0.5 to 2 % of a
# picture in another tint, differ by 14 to 97 in nine of ten photos.
_LEAST_BRIGHTNESS, _LEAST_COLOUR, _LEAST_RATIO = 14.0, 12.0, 8.0
_LEAST_IN_GREY = 6.0

# What a shift by a pixel or two changes, as a share of the range of the patches beside, and what
# sharpening and blurring do, as a share of the change of the contrast within a patch.
_BY_SHIFT, _BY_SHARPNESS = 0.12, 0.25

# A picture in which a tenth of the patches, the median level of brightness or the median colour
# differs by more (levels, levels, share) was edited as a whole.
_MOST_ELSEWHERE, _MOST_BRIGHTER, _MOST_PALER = 3.0, 4.0, 0.15

# Patches within so many levels count as of one brightness; fewer patches are no measure.
_LEVELS, _FEWEST = 8, 8

# A patch has a colour if it is so many levels from grey.
_COLOURED = 10.0


def painted_over(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where two pictures of one size differ in brightness or colour, patch by patch.

    Parameters
    ----------
    here, there : ndarray of shape (height, width, 3), uint8
        Y, Cr and Cb.

    Returns
    -------
    ndarray of shape (rows, columns), bool
        One value for every eighth pixel; nowhere if one picture was edited as a whole.
    """
    first, second = map(_patches, (here, there))
    tolerance = _BY_SHIFT * np.maximum(first.ranges, second.ranges)
    tolerance += _BY_SHARPNESS * np.abs(first.contrast - second.contrast)[..., None]
    off = np.maximum(np.abs(second.means - first.means) - tolerance, 0)
    brightness, colour = off[..., 0], np.hypot(off[..., 1], off[..., 2])
    if _change_by_level(first.means[..., 0], second.means[..., 0]) > _MOST_BRIGHTER:
        return np.zeros(brightness.shape, bool)
    is_painted = _stands_out(brightness, _LEAST_BRIGHTNESS)
    colours, other_colours = map(_colours, (first.means, second.means))
    is_coloured, is_other_coloured = (np.abs(c) > _COLOURED for c in (colours, other_colours))
    both = is_coloured & is_other_coloured
    if both.any():
        factors = (other_colours[both] * colours[both].conj()).real / np.abs(colours[both]) ** 2
        if abs(np.median(factors) - 1) <= _MOST_PALER:
            is_painted |= _stands_out(colour, _LEAST_COLOUR)
    else:  # Is one of them the other one in grey? That keeps the brightness of what had a colour.
        is_painted |= (is_coloured | is_other_coloured) & _stands_out(brightness, _LEAST_IN_GREY)
    return is_painted


class _Patches(NamedTuple):
    """Means of the channels, their ranges in the steps beside, and the contrast in brightness."""

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


def _change_by_level(here: NDArray[np.float32], there: NDArray[np.float32]) -> float:
    """Return by how much patches of one brightness became brighter or darker, in the median.

    Each brightness counts once, so that white paper does not hide what became of the ink.
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
