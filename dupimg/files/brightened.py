"""Distinguish a brightness edit from another exposure by the finest detail, mostly noise.

Each exposure has its own noise, and hands or wind shift it by parts of a pixel. An edit has the
noise of its original, on another scale.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from dupimg.files.opening import MAX_PIXELS
from dupimg.files.picture_pairs import count_levels, means_of, read_at_one_size
from dupimg.opencv import opencv

# Part of the cache's key: count it up whenever a pair may get another answer.
BRIGHTENED_VERSION = "brightened 5"

# Smaller pictures have lost their noise when they were reduced.
_LEAST_PIXELS = 150_000

# Largest difference in grey levels anywhere: of the brightness averaged over 3 x 3 pixels, and of
# any channel averaged over a block. Edits of 42 photos, saved in quality 90, differ by up to 10 and
# 11; a changed digit on a page in black or grey differs by 30 and more.
_SPOT, _MOST_IN_SPOT = 3, 15.0
_MOST_IN_BLOCK = 13.0

# The curve must rise by this slope over so many levels, where this share of all values lies; and
# levels beyond which a picture is clipped.
_STEP, _LEAST_SLOPE, _LEAST_SHARE = 16, 0.25, 0.001
_BLACK, _WHITE = 8, 245

# Rows of pixels to compare at once, and side of the central part whose noise is compared.
_STRIP, _MIDDLE = 512, 2048

# Fine detail is the difference from a Gaussian blur of this many pixels; in a block with fewer grey
# levels of it, the detail may come from compression.
_SIGMA, _BLOCK, _LEAST_DETAIL = 1.5, 16, 2.0

# Fewest blocks with detail, and least correlation of them, by the pixels of the picture. The
# highest correlations of 86 neighbours in exposure series: 0.905; 0.925 at 0.33 megapixels, 0.942
# at 0.2, 0.954 at 0.15. Of 46 photos of up to two megapixels, brightened by 1.4 and saved in
# quality 90, 42 exceed these limits.
_LEAST_BLOCKS, _LEAST_CORRELATION = 40, ((_LEAST_PIXELS, 250_000), (0.97, 0.93))

_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)


def brightened_ways(
    one: str | os.PathLike[str], other: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> tuple[bool, bool]:
    """Return which of two pictures is clearly a brightness edit of the other one.

    Parameters
    ----------
    one, other : str or path-like
        Files with pictures of one aspect ratio.
    max_pixels : int, default=500_000_000

    Returns
    -------
    other_is_edit, one_is_edit : bool
        Whether the second picture can be computed from the first by a curve, and vice versa; a
        clipped edit cannot be reversed.

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    The larger picture is reduced to the size of the smaller one. Very small, plain and strongly
    compressed pictures are in doubt: False.
    """
    first, second = read_at_one_size(one, other, max_pixels, max_pixels=max_pixels)
    if first.shape[0] * first.shape[1] < _LEAST_PIXELS:
        return False, False
    counts = count_levels(first, second)
    return _is_edit(first, second, counts), _is_edit(second, first, counts.T)


def _is_edit(
    source: NDArray[np.uint8], edit: NDArray[np.uint8], counts: NDArray[np.float64]
) -> bool:
    curve = _curve(counts)
    if curve is None or not _agree(source, edit, curve):
        return False
    middle, edited = map(_middle, (source, edit))
    fine, other_fine = (
        _blocks(_detail(_grey(pixels)))
        for pixels in (opencv().LUT(middle, curve), edited.astype(np.float32))
    )
    energy = np.maximum(np.square(fine).mean(1), np.square(other_fine).mean(1))
    order = np.argsort(energy, kind="stable")
    order = order[energy[order] >= _LEAST_DETAIL**2]
    if len(order) < _LEAST_BLOCKS:
        return False
    # Coarse structure agrees in any series; only fine detail is evidence.
    parts = (order, order[: len(order) // 2])
    least = np.interp(source.shape[0] * source.shape[1], *_LEAST_CORRELATION)
    return all(_correlation(fine[n], other_fine[n]) >= least for n in parts)


def _curve(counts: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Return the brightness curve of an edit, one rising curve for all channels, or None.

    Separate curves for channels or a falling curve could turn red into blue; a flat part could turn
    orange into red, so it is allowed only for black and white.
    """
    means, count = means_of(counts)
    rising = nearest_rising(means, np.maximum(count, 1e-9))
    low = np.flatnonzero(count >= _LEAST_SHARE * count.sum())
    at = np.searchsorted(low, low + _STEP)
    low, high = low[at < len(low)], low[at[at < len(low)]]
    is_flat = rising[high] - rising[low] < _LEAST_SLOPE * (high - low)
    if np.any(is_flat & (rising[low] > _BLACK) & (rising[high] < _WHITE)):
        return None
    return rising.astype(np.float32)


def nearest_rising(
    levels: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the nearest non-decreasing sequence of levels.

    Same result as `scipy.optimize.isotonic_regression`, which takes 0.3 s to import in each
    worker process: falling neighbours are pooled (Barlow et al. 1972).
    """
    pools: list[tuple[float, float, int]] = []
    for level, weight in zip(levels.tolist(), weights.tolist(), strict=True):
        pool = (level, weight, 1)
        while pools and pools[-1][0] >= pool[0]:
            before = pools.pop()
            total = before[1] + pool[1]
            mean = (before[0] * before[1] + pool[0] * pool[1]) / total
            pool = (mean, total, before[2] + pool[2])
        pools.append(pool)
    means, _, lengths = zip(*pools, strict=True)
    return np.repeat(means, lengths)


def _agree(source: NDArray[np.uint8], edit: NDArray[np.uint8], curve: NDArray[np.float32]) -> bool:
    """Return whether the curve explains the edit in every spot, however small."""
    for top in range(0, len(source), _STRIP):
        rows = slice(top, top + _STRIP + _SPOT)  # overlap, for spots on the border
        difference = edit[rows] - opencv().LUT(source[rows], curve)
        spots = opencv().blur(_grey(difference), (_SPOT, _SPOT))
        if np.abs(spots).max() > _MOST_IN_SPOT:
            return False
        height, width = (length // _BLOCK for length in difference.shape[:2])
        if not height or not width:
            continue
        cut = difference[: height * _BLOCK, : width * _BLOCK]
        means = opencv().resize(cut, (width, height), interpolation=opencv().INTER_AREA)
        if np.abs(means).max() > _MOST_IN_BLOCK:
            return False
    return True


def _grey(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    grey: NDArray[np.float32] = opencv().transform(pixels, _LUMA)
    return grey


def _middle(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    top, left = (max(0, (side - _MIDDLE) // 2) for side in pixels.shape[:2])
    return pixels[top : top + _MIDDLE, left : left + _MIDDLE]


def _detail(grey: NDArray[np.float32]) -> NDArray[np.float32]:
    blurred: NDArray[np.float32] = opencv().GaussianBlur(grey, (0, 0), _SIGMA)
    return grey - blurred


def _blocks(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the pixels of each block as a row."""
    height, width = (length // _BLOCK for length in pixels.shape)
    cut = pixels[: height * _BLOCK, : width * _BLOCK]
    parts = cut.reshape(height, _BLOCK, width, _BLOCK).swapaxes(1, 2)
    return parts.reshape(-1, _BLOCK * _BLOCK)


def _correlation(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    scale = np.sqrt(np.square(one).sum() * np.square(other).sum())
    return float((one * other).sum() / scale) if scale else 0.0
