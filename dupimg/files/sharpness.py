"""Measure the sharpness of pictures, to compare shots of one moment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Part of the cache's key for features: count it up whenever sharpness is measured differently.
SHARPNESS = "sharpness2"


def measure_sharpness(square: NDArray[np.uint8]) -> float:
    """Return the sharpness of a picture: the variance of its Laplacian.

    Parameters
    ----------
    square : ndarray of shape (side, side, 3), uint8
        The picture as a network gets it, see `dupimg.files.images.read_square`. At one size,
        pictures can be compared whatever their number of pixels.

    Returns
    -------
    float
        0 for a single colour. A photo blurred by 1/400 of its longer side has a fifth to a half of
        its value; a JPEG and a PNG of one picture differ by up to 20 %.

    Examples
    --------
    >>> measure_sharpness(np.full((224, 224, 3), 128, np.uint8))
    0.0
    """
    grey = np.asarray(Image.fromarray(square).convert("L"), np.int16)
    around = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:]
    return float(np.var(around - 4 * grey[1:-1, 1:-1], dtype=np.float64))
