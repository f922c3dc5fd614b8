"""Small pictures of photos, as evidence on pairs of them looks at them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dupimg.opencv import opencv

# Longer side of a picture in colours, and side of the grid of cells that is made of it.
COLOUR_SIDE, CELLS = 128, 32


@dataclass(frozen=True, eq=False)
class Picture:
    """A small picture of a photo, upright.

    Attributes
    ----------
    grey : ndarray of shape (height, width), uint8
    colours : ndarray of shape (height, width, 3), uint8
        In RGB, its longer side of at most 128 pixels.
    white : float
        How much its subject stands before a white ground, from 0 to 1.
    """

    grey: NDArray[np.uint8]
    colours: NDArray[np.uint8]
    white: float

    @cached_property
    def cells(self) -> NDArray[np.uint8]:
        """The colours squashed to a square of 32 x 32."""
        area = opencv().INTER_AREA
        return opencv().resize(self.colours, (CELLS, CELLS), interpolation=area)

    @property
    def mirrored(self) -> Picture:
        """The same picture with left and right exchanged."""
        grey, colours = (np.ascontiguousarray(p[:, ::-1]) for p in (self.grey, self.colours))
        return Picture(grey, colours, self.white)


def overlaid_cells(
    first: Picture, second: Picture, affine: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the cells of the first picture, of the second laid on it, and which overlap.

    Parameters
    ----------
    first, second : Picture
    affine : ndarray of shape (2, 3), float64
        Maps a point of the first photo to the second, both in units of their longer sides.

    Returns
    -------
    first_cells, second_cells : ndarray of shape (32, 32, 3), uint8
    overlap : ndarray of shape (32, 32), bool
    """
    cv2 = opencv()
    to_cells = affine.copy()
    for picture, axis in ((first, 0), (second, 1)):
        height, width = np.array(picture.grey.shape) / max(picture.grey.shape)
        per_cell = np.array([width, height]) / CELLS
        if axis == 0:
            to_cells[:, :2] *= per_cell
        else:
            to_cells /= per_cell[:, None]
    to_cells[:, 2] += to_cells[:, :2] @ [0.5, 0.5] - 0.5  # from centre to centre
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (CELLS, CELLS)
    laid = cv2.warpAffine(second.cells, to_cells, size, flags=flags)
    inside = cv2.warpAffine(np.full(size, 255, np.uint8), to_cells, size, flags=flags)
    return first.cells, laid, inside > 254
