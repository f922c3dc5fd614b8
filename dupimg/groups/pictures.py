"""Small pictures of photos, as evidence on pairs of them looks at them."""

from __future__ import annotations

from dataclasses import dataclass

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
    """

    grey: NDArray[np.uint8]
    colours: NDArray[np.uint8]

    @property
    def mirrored(self) -> Picture:
        """The same picture with left and right exchanged."""
        return Picture(*(np.ascontiguousarray(p[:, ::-1]) for p in (self.grey, self.colours)))


@dataclass(frozen=True, eq=False)
class Glance:
    """The colours of a photo, upright.

    Attributes
    ----------
    sides : ndarray of shape (2,), float64
        Width and height, in units of the longer one.
    cells : ndarray of shape (32, 32, 3), uint8
        In RGB, squashed to a square.
    white : float
        How much its subject stands before a white ground, from 0 to 1.
    """

    sides: NDArray[np.float64]
    cells: NDArray[np.uint8]
    white: float


def overlaid_cells(
    first: Glance, second: Glance, affine: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the cells of the first photo, of the second laid on it, and which overlap.

    Parameters
    ----------
    first, second : Glance
    affine : ndarray of shape (2, 3), float64
        Maps a point of the first photo to the second, both in units of their longer sides.

    Returns
    -------
    first_cells, second_cells : ndarray of shape (32, 32, 3), uint8
    overlap : ndarray of shape (32, 32), bool
    """
    cv2 = opencv()
    to_cells = affine.copy()
    to_cells[:, :2] *= first.sides / CELLS
    to_cells /= (second.sides / CELLS)[:, None]
    to_cells[:, 2] += to_cells[:, :2] @ [0.5, 0.5] - 0.5  # from centre to centre
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (CELLS, CELLS)
    laid = cv2.warpAffine(second.cells, to_cells, size, flags=flags)
    inside = cv2.warpAffine(np.full(size, 255, np.uint8), to_cells, size, flags=flags)
    return first.cells, laid, inside > 254
