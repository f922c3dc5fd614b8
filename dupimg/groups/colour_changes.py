"""Compare the colours of two aligned pictures, apart from global changes such as white balance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.overlays import Affine, Overlay
from dupimg.groups.pictures import Picture
from dupimg.opencv import opencv

# Largest share of the cells of a copy whose colour no change of white balance, brightness or
# saturation explains: up to 2.6 % after the strongest compression, 5 % and more for another shirt.
MOST_OTHER_COLOUR = 0.03

# Level from which all channels of both pictures are white, least share of a white ground, and the
# largest tint: if the ground stays white, a global change must treat all channels alike, except for
# so many levels. Otherwise another shirt alone on white would pass for a global change.
_WHITE, _LEAST_GROUND, _MOST_TINT = 228, 0.1, 24

# Changes of saturation to try, levels by which a colour may miss, levels at which a colour loses
# half of its weight in the next fit, and the number of fits.
_SATURATIONS = np.arange(0, 2.01, 0.2)
_MISS, _OUTLIER, _FITS = 16, 12, 4

# Pixels over which colours are averaged, the fewest averages to compare, and about the most to fit.
_COLOUR_BLUR, _FEWEST_COLOURS, _MOST_COLOURS = 5, 32, 500


def other_colour(first: Picture, second: Picture, affine: Affine) -> float:
    """Return the share of the overlap whose colours no global change explains, either way.

    Parameters
    ----------
    first, second : Picture
    affine : ndarray of shape (2, 3), float64
        Maps points of the first picture to the second, in units of their longer sides.

    Returns
    -------
    float
        1 if there are too few colours to compare.
    """
    cv2 = opencv()
    pair = Overlay((first, second), "colours", affine)
    blur = (_COLOUR_BLUR, _COLOUR_BLUR)
    seen = cv2.erode(pair.inside(), np.ones(blur, np.uint8))[::2, ::2] > 0
    a, b = (cv2.blur(p, blur)[::2, ::2][seen].astype(np.float32) for p in (pair.here, pair.laid()))
    of_ground = np.minimum(a, b).min(axis=1) > _WHITE
    has_ground = bool(of_ground.mean() >= _LEAST_GROUND)
    a, b = a[~of_ground], b[~of_ground]
    if len(a) < _FEWEST_COLOURS:
        return 1.0
    unlike = float(np.mean(np.sum((a - b) ** 2, axis=1) > _MISS**2))
    if unlike <= MOST_OTHER_COLOUR:  # the usual case of copies
        return unlike
    some = slice(None, None, 1 + len(a) // _MOST_COLOURS)
    for saturations in (np.ones(1), _SATURATIONS):
        pairs = ((a[some], b[some]), (b[some], a[some]))
        tried = saturations.astype(np.float32)
        unlike = min(_unexplained(*pair, tried, has_ground=has_ground) for pair in pairs)
        if unlike <= MOST_OTHER_COLOUR:
            break
    return unlike


def _unexplained(
    a: NDArray[np.float32],
    b: NDArray[np.float32],
    saturations: NDArray[np.float32],
    *,
    has_ground: bool,
) -> float:
    """Return the share of colours `b` that the best global change of `a` misses by over 16 levels.

    The change is one of saturation, then of brightness and contrast for each channel, as by white
    balance. It cannot turn blue into green while skin or a white ground stays the same.
    """
    brightness = a @ np.array([0.299, 0.587, 0.114], np.float32)
    changed = brightness + saturations[:, None, None] * (a.T - brightness)
    misses, ends = _misses(changed, b.T)
    unlike = np.mean(misses > _MISS**2, axis=1)
    if has_ground:
        unlike[np.ptp(ends, axis=1).max(axis=1) > _MOST_TINT] = 1
    return float(unlike.min())


def _misses(
    a: NDArray[np.float32], b: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fit a line to colours `b` for each channel of `a`.

    Parameters
    ----------
    a : ndarray of shape (n_changes, 3, n), float32
    b : ndarray of shape (3, n), float32

    Returns
    -------
    misses : ndarray of shape (n_changes, n), float32
        Squared distances of `b` from the lines.
    ends : ndarray of shape (n_changes, 3, 2), float32
        The values of the lines for black and white.
    """
    weights = np.ones_like(a)
    for _ in range(_FITS):
        total = weights.sum(axis=2, keepdims=True)
        mean_a = (weights * a).sum(axis=2, keepdims=True) / total
        mean_b = (weights * b).sum(axis=2, keepdims=True) / total
        off_a, off_b = a - mean_a, b - mean_b
        weighted = weights * off_a
        spread = (weighted * off_a).sum(axis=2, keepdims=True)
        gain = (weighted * off_b).sum(axis=2, keepdims=True) / np.maximum(spread, 1e-9)
        gain = np.maximum(gain, 0)
        residual = gain * off_a - off_b
        weights = 1 / (1 + (residual / _OUTLIER) ** 2)
    ends = gain * (np.array([0, 255], np.float32) - mean_a) + mean_b
    return np.sum(residual**2, axis=1), ends
