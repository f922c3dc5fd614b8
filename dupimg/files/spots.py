"""Find spots in which two copies differ, such as a digit or a stamp on a page.

A compressed, resized or sharpened copy differs slightly along all edges. An altered copy differs in
one spot far more than anywhere else. Another scan or print of a page differs strongly along all
edges, so that nothing can be proven.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from dupimg.files.opening import MAX_PIXELS
from dupimg.files.patches import painted_over
from dupimg.files.picture_pairs import at_one_size, count_levels, means_of, read_at_one_size
from dupimg.files.whole import has_pages, read_pages
from dupimg.opencv import opencv

# Part of the cache's key: count it up whenever a pair may get another answer.
SPOTS_VERSION = "spots 8"

# Least and largest shorter side in pixels; letters on a page of A4 then have 15 pixels.
_LEAST_SIDE, _MOST_SIDE = 1200, 1400

# Side in pixels of a spot, and of the surroundings from which it must stand out.
_SPOT, _AROUND = 3, 41

# Spots closer than so many pixels are joined.
_GROWN = 15

# Least difference of a spot in grey levels, and its least ratio to the difference of 99 % of the
# spots along edges. None of 40 photos that were compressed down to quality 10, resized by any
# filter, sharpened, blurred or recoloured reaches both; nearly all pages with one changed digit of
# 16 pixels in quality 40, or of 20 pixels in quality 20, do.
_LEAST_LEVELS, _LEAST_RATIO = 34.0, 5.0

# Largest difference along edges: copies have 17 after the strongest compression, 30 if sharpened;
# and width of the margin to ignore, where an aligned picture may end.
_MOST_MEASURE, _BORDER = 40.0, 12

# Least correlation of 32 x 32 cells of two pictures that are not turned.
_LEAST_CORRELATION = 0.8

# Contrast around spots along edges, and the fewest of these spots that make a measure.
_CONTRAST, _FEWEST = 14.0, 500


def find_spots(
    one: str | os.PathLike[str], other: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> NDArray[np.float64] | None:
    """Find the parts of two pictures, however small, that differ.

    Parameters
    ----------
    one, other : str or path-like
        Files with pictures of one aspect ratio that look the same as thumbnails.
    max_pixels : int, default=500_000_000

    Returns
    -------
    ndarray of shape (n_spots, 4), float64, or None
        Left, top, width and height as fractions of the first picture. None if the pictures differ
        along all edges, as with another font or scan, so that no part stands out.

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    The comparison is in grey at the size of the smaller one, up to 1,400 pixels on the shorter
    side; a brightness curve is no difference. `painted_over` compares the colours of patches.
    Misaligned pictures are aligned first; in turned and mirrored ones no spots are looked for.
    """
    pictures = read_at_one_size(one, other, _LEAST_SIDE, _MOST_SIDE, max_pixels=max_pixels)
    here, there = map(_as_ycrcb, pictures)
    if not _have_one_side_up(here[..., 0], there[..., 0]):
        return np.empty((0, 4))
    return _spots(here, there)


def differ_in_a_spot(
    one: str | os.PathLike[str], other: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> bool | None:
    """Return whether any part of any page or frame differs, however small.

    Parameters
    ----------
    one, other, max_pixels
        See `find_spots`; both files have the same number of pages.

    Returns
    -------
    bool or None
        None if a page is undecidable.

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.
    """
    if not has_pages(one, max_pixels=max_pixels):
        spots = find_spots(one, other, max_pixels=max_pixels)
        return None if spots is None else len(spots) > 0
    answers = []
    pages = (read_pages(path, max_pixels=max_pixels) for path in (one, other))
    for here, there in zip(*pages, strict=True):
        spots = _spots(*map(_as_ycrcb, at_one_size(here, there, _MOST_SIDE)))
        if spots is not None and len(spots):
            return True
        answers.append(None if spots is None else False)
    return None if None in answers else False


def _as_ycrcb(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    converted: NDArray[np.uint8] = opencv().cvtColor(picture, opencv().COLOR_RGB2YCrCb)
    return converted


def _spots(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.float64] | None:
    """Return the spots of two pictures of one size, in Y, Cr and Cb; see `find_spots`.

    A stamp in a grey of its own is explained by a brightness curve from its picture to the other
    one, but not by a curve in the other direction, so both are tried.
    """
    border, ways = 0, _differences_both_ways(here, there)
    if min(measure for _, measure in ways) > _MOST_MEASURE:
        there, border = _aligned(here, there), _BORDER
        ways = _differences_both_ways(here, there)
        if max(measure for _, measure in ways) > _MOST_MEASURE:
            return None
    told = [
        spots >= max(_LEAST_LEVELS, _LEAST_RATIO * measure)
        for spots, measure in ways
        if measure <= _MOST_MEASURE
    ]
    is_spot = np.logical_or.reduce([*told, _at_full_size(painted_over(here, there), here)])
    is_spot[:border] = is_spot[:, :border] = False
    is_spot[len(is_spot) - border :] = is_spot[:, is_spot.shape[1] - border :] = False
    return _boxes(is_spot)


def _at_full_size(patches: NDArray[np.bool_], picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    cv2 = opencv()
    size = picture.shape[1::-1]
    full = cv2.resize(patches.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    is_painted: NDArray[np.bool_] = full.astype(bool)
    return is_painted


def _have_one_side_up(*pictures: NDArray[np.uint8]) -> bool:
    cv2 = opencv()
    small = [cv2.resize(p, (32, 32), interpolation=cv2.INTER_AREA).ravel() for p in pictures]
    is_plain = min(np.ptp(cells) for cells in small) == 0
    return is_plain or bool(np.corrcoef(*small)[0, 1] >= _LEAST_CORRELATION)


def _differences_both_ways(
    here: NDArray[np.uint8], there: NDArray[np.uint8]
) -> list[tuple[NDArray[np.float32], float]]:
    one, other = here[..., 0], there[..., 0]
    return [_differences(one, other), _differences(other, one)]


def _differences(
    here: NDArray[np.uint8], there: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], float]:
    """Return the difference of each spot in grey levels, and that of most spots along edges.

    Differences by a brightness curve, or larger than a spot, do not count.
    """
    cv2 = opencv()
    means, _ = means_of(count_levels(here, there))
    off = there - means.astype(np.float32)[here]
    off -= cv2.blur(off, (_AROUND, _AROUND))
    spots = np.abs(cv2.blur(off, (_SPOT, _SPOT)))
    if spots.max() < _LEAST_LEVELS:  # no spot to measure
        return spots, 0.0
    levels, window = there.astype(np.float32), (_AROUND // 2 + 1, _AROUND // 2 + 1)
    variance = cv2.blur(levels * levels, window) - cv2.blur(levels, window) ** 2
    beside_edges = spots[variance > _CONTRAST**2]
    if len(beside_edges) < _FEWEST:
        return spots, 0.0
    return spots, float(np.percentile(beside_edges, 99))


def _boxes(is_spot: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Return boxes around the spots, as shares of the picture."""
    cv2 = opencv()
    grown = cv2.dilate(is_spot.astype(np.uint8), np.ones((_GROWN, _GROWN), np.uint8))
    _, _, found, _ = cv2.connectedComponentsWithStats(grown)
    height, width = is_spot.shape
    boxes: NDArray[np.float64] = found[1:, :4] / [width, height, width, height]
    return boxes


def _aligned(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Align the second picture with the first, if a map improves their correlation."""
    cv2 = opencv()
    affine = np.eye(2, 3, dtype=np.float32)
    greys = (here[..., 0], there[..., 0])
    ending = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)
    try:
        for factor in (8, 4, 2):
            size = (here.shape[1] // factor, here.shape[0] // factor)
            small = [cv2.resize(p, size, interpolation=cv2.INTER_AREA) for p in greys]
            affine[:, 2] /= factor
            _, affine = cv2.findTransformECC(*small, affine, cv2.MOTION_AFFINE, ending, None, 5)
            affine[:, 2] *= factor
    except cv2.error:  # the search does not converge
        return there
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    size, border = here.shape[1::-1], cv2.BORDER_REPLICATE
    laid: NDArray[np.uint8] = cv2.warpAffine(there, affine, size, flags=flags, borderMode=border)
    return laid
