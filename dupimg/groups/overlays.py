"""Align two pictures under an affine map, and compare them window by window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.pictures import Picture
from dupimg.opencv import opencv

# Maps points of one picture to points of another, in units of their longer sides.
Affine = NDArray[np.float64]

# Side of the compared windows in pixels, standard deviation of the blur before, and its radius.
WINDOW, _BLUR, _BLUR_REACH = 13, 1.0, 4

# Contrast in grey levels below which windows are plain, and from which they can differ.
_PLAIN, _CLEAR = 4.0, 14.0

# Largest move of any pixel by a map that counts as identity: OpenCV rounds to 1/32.
_SAME_PIXEL = 1e-5

# Windows with a lower correlation differ.
_LEAST_CORRELATION = 0.5


class Overlay:
    """A pair of pictures, grey or in colours, under an affine map.

    Attributes
    ----------
    here, there : ndarray of shape (height, width) or (height, width, 3), uint8
        The pictures, the finer one reduced to the resolution of the coarser one, so that mere
        resolution is no difference.
    affine : ndarray of shape (2, 3), float64
        Maps pixels of `here` to pixels of `there`.
    """

    def __init__(
        self,
        pictures: tuple[Picture, Picture],
        form: str,
        affine: Affine,
    ) -> None:
        first, second = (getattr(picture, form) for picture in pictures)
        scale = np.sqrt(abs(np.linalg.det(affine[:, :2])))
        scale *= max(second.shape[:2]) / max(first.shape[:2])
        self.here = _reduced(first, min(1.0, scale))
        self.there = _reduced(second, min(1.0, 1 / max(scale, 1e-6)))
        self._units = [
            np.array(form.shape[1::-1]) / frame_of(picture)
            for picture, form in zip(pictures, (self.here, self.there), strict=True)
        ]
        self.affine = affine * self._units[1][:, None]
        self.affine[:, :2] /= self._units[0]
        # Positions refer to the centres of pixels.
        self.affine[:, 2] += self.affine[:, :2] @ [0.5, 0.5] - 0.5
        self._is_identity = self.here.shape == self.there.shape and np.allclose(
            self.affine, np.eye(2, 3), atol=_SAME_PIXEL
        )

    def points(self, affine: Affine) -> Affine:
        """Convert a map of pixels to a map of points."""
        affine = affine.astype(float)
        affine[:, 2] += 0.5 - affine[:, :2] @ [0.5, 0.5]
        affine[:, :2] *= self._units[0]
        return affine / self._units[1][:, None]

    def laid(self) -> NDArray[np.uint8]:
        """Return `there`, aligned with `here`."""
        if self._is_identity:
            return self.there
        cv2 = opencv()
        flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
        size, border = self.here.shape[1::-1], cv2.BORDER_REPLICATE
        return cv2.warpAffine(self.there, self.affine, size, flags=flags, borderMode=border)

    def inside(self) -> NDArray[np.uint8]:
        """Return 1 where `there` covers `here`, else 0."""
        return self._footprint(self.there, self.here, opencv().WARP_INVERSE_MAP)

    def other_inside(self) -> NDArray[np.uint8]:
        """Return 1 where `here` covers `there`, else 0."""
        return self._footprint(self.here, self.there, 0)

    def _footprint(
        self, picture: NDArray[np.uint8], on: NDArray[np.uint8], flag: int
    ) -> NDArray[np.uint8]:
        ones = np.ones(picture.shape[:2], np.uint8)
        if self._is_identity:
            return ones
        cv2 = opencv()
        flags = cv2.INTER_NEAREST | flag
        return cv2.warpAffine(ones, self.affine, on.shape[1::-1], flags=flags)


def frame_of(picture: Picture) -> NDArray[np.float64]:
    """Return width and height of a picture, in units of the longer one."""
    sides = np.array(picture.grey.shape[::-1], float)
    return sides / sides.max()


def well_inside(inside: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return the centres of windows that lie entirely in the covered part."""
    reach = WINDOW + 2 * _BLUR_REACH
    return opencv().erode(inside, np.ones((reach, reach), np.uint8)) > 0


def compare_windows(
    here: NDArray[np.uint8], there: NDArray[np.uint8], seen: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Compare two grey pictures window by window.

    Parameters
    ----------
    here, there : ndarray of shape (height, width), uint8
        Aligned pictures.
    seen : ndarray of shape (height, width), bool
        The centres of the windows to compare.

    Returns
    -------
    textured, differing : ndarray of shape (height, width), bool
        The centres of windows with texture, and of differing windows.
    """
    cv2 = opencv()
    a, b = (cv2.GaussianBlur(p.astype(np.float32), (0, 0), _BLUR) for p in (here, there))
    window = (WINDOW, WINDOW)
    mean_a, mean_b = cv2.blur(a, window), cv2.blur(b, window)
    var_a = np.maximum(cv2.blur(a * a, window) - mean_a**2, 0)
    var_b = np.maximum(cv2.blur(b * b, window) - mean_b**2, 0)
    product = cv2.blur(a * b, window) - mean_a * mean_b
    contrast = np.sqrt(np.maximum(var_a, var_b))
    # If only one of two windows is plain, its correlation is that of rounding errors.
    low = product < _LEAST_CORRELATION * np.sqrt(var_a * var_b)
    low |= np.minimum(var_a, var_b) < 0.5
    low &= seen & (contrast > _CLEAR)
    return seen & (contrast > _PLAIN), low


def _reduced(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale >= 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
    cv2 = opencv()
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
