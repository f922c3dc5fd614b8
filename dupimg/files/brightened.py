"""Tell an edit of the brightness from another exposure: by the finest detail, noise above all.

Two exposures have noise of their own, and hands or wind have moved between them by parts of a
pixel. An edit has the noise of its original, on another scale.
"""

from __future__ import annotations

import os

import numpy as np
from numpy.typing import NDArray

from dupimg.files.opening import MAX_PIXELS
from dupimg.files.picture_pairs import count_levels, means_of, read_at_one_size
from dupimg.opencv import opencv

# Changes whenever a pair may get another answer.
BRIGHTENED_VERSION = "brightened 5"

# A smaller picture has lost its noise when it was reduced.
_LEAST_PIXELS = 150_000

# Grey levels by which the brightness may differ in the mean of three by three pixels, and any
# channel in that of a block, anywhere: edits of 42 photos, saved in quality 90, differ by up to 10
# and 11; where a digit of a page in black or grey is another one, it is 30 and more.
_SPOT, _MOST_IN_SPOT = 3, 15.0
_MOST_IN_BLOCK = 13.0

# Slope of the curve over this many levels, of those that a share of the channels of all pixels has,
# and levels beyond which a picture is clipped.
_STEP, _LEAST_SLOPE, _LEAST_SHARE = 16, 0.25, 0.001
_BLACK, _WHITE = 8, 245

# Rows of pixels that are compared at once, and side of the middle whose noise is.
_STRIP, _MIDDLE = 512, 2048

# Fine detail is what a Gaussian of this many pixels takes away; in a block with less than so many
# grey levels of it, it may be what compression adds.
_SIGMA, _BLOCK, _LEAST_DETAIL = 1.5, 16, 2.0

# Blocks with detail that are needed, and their correlation, by the pixels of the picture. Of 86
# neighbours in exposure series none has more than 0.905, of 0.33 megapixels 0.925, of 0.2 0.942, of
# 0.15 0.954. Of 46 photos that were brightened by 1.4, of up to two megapixels and saved in quality
# 90, 42 have more than this.
_LEAST_BLOCKS, _LEAST_CORRELATION = 40, ((_LEAST_PIXELS, 250_000), (0.97, 0.93))

_LUMA = np.array([[0.299, 0.587, 0.114]], np.float32)


def brightened_ways(
    one: str | os.PathLike[str], other: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> tuple[bool, bool]:
    """Return which of two pictures clearly is the other one, but for a curve over its brightness.

    Parameters
    ----------
    one, other : str or path-like
        Files with pictures of one aspect ratio.
    max_pixels : int, default=500_000_000

    Returns
    -------
    other_is_edit, one_is_edit : bool
        Whether the second one can be computed from the first one, and the other way round: not
        where an edit has clipped.

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.

    Notes
    -----
    The larger picture is reduced to the size of the smaller one. Of very small, plain and hard
    compressed ones it is in doubt: False.
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
    # What is coarse agrees in any series; the finer half tells.
    parts = (order, order[: len(order) // 2])
    least = np.interp(source.shape[0] * source.shape[1], *_LEAST_CORRELATION)
    return all(_correlation(fine[n], other_fine[n]) >= least for n in parts)


def _curve(counts: NDArray[np.float64]) -> NDArray[np.float32] | None:
    """Return what an edit has in place of each level: one rising curve for all channels.

    With a curve for each channel, or one that falls, red could become blue; where a curve hardly
    rises, orange becomes red: None, unless that is black or white.
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
    """Return the nearest levels of which none is lower than the one before.

    As `scipy.optimize.isotonic_regression` does, whose import takes a third of a second in each
    worker process: neighbours that fall are pooled (Barlow et al. 1972).
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
    """Return whether no part, however small, shows something else than the curve explains."""
    for top in range(0, len(source), _STRIP):
        rows = slice(top, top + _STRIP + _SPOT)  # spots on the border of two strips, too
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
