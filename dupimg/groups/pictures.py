"""Small pictures of photos, for the comparison of pairs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from dupimg.opencv import opencv

# Longer side of a coloured picture, and side of its grid of cells.
COLOUR_SIDE, CELLS = 128, 32

# Least mean difference of the channels of a coloured picture, in grey levels.
_LEAST_COLOUR = 4

# Least correlation of the cells' brightness between a photo and its turned copy.
_LEAST_CORRELATION = 0.8


@dataclass(frozen=True, eq=False)
class Picture:
    """A small picture of a photo, upright.

    Attributes
    ----------
    grey : ndarray of shape (height, width), uint8
    colours : ndarray of shape (height, width, 3), uint8
        In RGB; the longer side has at most 128 pixels.
    """

    grey: NDArray[np.uint8]
    colours: NDArray[np.uint8]

    @cached_property
    def is_grey(self) -> bool:
        """Whether it has no colours."""
        red, green, blue = np.moveaxis(self.colours, -1, 0)
        highest = np.maximum(np.maximum(red, green), blue)
        return bool(np.mean(highest - np.minimum(np.minimum(red, green), blue)) < _LEAST_COLOUR)

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
        How white the ground behind the subject is, from 0 to 1.
    """

    sides: NDArray[np.float64]
    cells: NDArray[np.uint8]
    white: float

    @cached_property
    def light(self) -> NDArray[np.float32]:
        """Brightness of the cells, of mean 0 and norm 1."""
        light = self.cells.mean(axis=2, dtype=np.float32)
        light -= light.mean()
        return light / max(np.linalg.norm(light), np.float32(1))

    def turns_to(self, other: Glance) -> list[int]:
        """Return the turns, in multiples of 90°, that may make the other photo like this one."""
        lights = ((k, np.rot90(other.light, -k)) for k in (1, 2, 3))
        return [k for k, light in lights if np.vdot(self.light, light) >= _LEAST_CORRELATION]


def overlaid_cells(
    first: Glance, second: Glance, affine: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the cells of the first photo, those of the aligned second, and their overlap.

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
