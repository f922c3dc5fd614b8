"""Find the traces of JPEG compression, which show what a picture was made from.

A JPEG consists of blocks of 8 x 8 pixels, and has lost what its quantization table rounded away. So
compressing a picture with the table that it was compressed with before loses less than with the
blocks anywhere else, even if it was saved in another format in between.
"""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

import numpy as np
from PIL import Image

from dupimg.files.images import upright_turn
from dupimg.files.opening import open_picture

# Side in pixels of the part of a picture that is looked at, a multiple of 16.
_PART = 768

# Least side in pixels of a picture that shows traces: a few blocks may agree by chance.
_LEAST_SIDE = 128

# The turns that undo those that make a picture upright; the others undo themselves.
_BACK = {
    Image.Transpose.ROTATE_90: Image.Transpose.ROTATE_270,
    Image.Transpose.ROTATE_270: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class JpegBlocks:
    """How the brightness of a JPEG was compressed.

    Attributes
    ----------
    table : tuple of int
        The 64 steps to which brightness is rounded; large ones lose more.
    turn : PIL.Image.Transpose or None
        What makes the stored picture upright.
    """

    table: tuple[int, ...]
    turn: Image.Transpose | None

    @classmethod
    def of(cls, path: str | os.PathLike[str], max_pixels: int) -> JpegBlocks | None:
        """Return the blocks of a file, None for another format."""
        with open_picture(path, max_pixels) as (picture, _, _):
            tables = getattr(picture, "quantization", None)
            return cls(tuple(tables[0]), upright_turn(picture)) if tables else None

    def as_stored(self, upright: Image.Image) -> Image.Image:
        """Turn an upright picture as this file stores it, so that blocks lie on blocks."""
        return upright if self.turn is None else upright.transpose(_BACK.get(self.turn, self.turn))

    def compress(self, picture: Image.Image) -> Image.Image:
        """Return a grey picture as it is after being saved like this file."""
        file = io.BytesIO()
        picture.save(file, "JPEG", qtables=[self.table])
        with Image.open(file) as compressed:
            return compressed.convert("L")

    def trace_in(self, picture: Image.Image) -> float | None:
        """Return what compressing a grey picture loses, as a share of the loss in other blocks.

        It is 1 without any trace of this table. The quarter of the blocks that lose most does not
        count, so an edited part does not matter. None for a picture that is plain or an icon.
        """
        if min(picture.size) < _LEAST_SIDE:
            return None
        here, elsewhere = (_usual_loss(p, self.compress(p)) for p in (picture, moved(picture)))
        return here / elsewhere if elsewhere else None


def moved(picture: Image.Image) -> Image.Image:
    """Return a picture without its border of 4 pixels, which moves its blocks."""
    return picture.crop((4, 4, picture.width - 4, picture.height - 4))


def _usual_loss(picture: Image.Image, compressed: Image.Image) -> float:
    loss = np.square(np.asarray(picture, np.float32) - np.asarray(compressed, np.float32))
    height, width = (side // 8 for side in loss.shape)
    by_block = loss[: height * 8, : width * 8].reshape(height, 8, width, 8).mean(axis=(1, 3))
    least = np.sort(by_block, axis=None)[: by_block.size * 3 // 4]
    return float(np.sqrt(least.mean()))


def middle_box(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Return the box of the middle of a picture, at most 768 x 768 pixels of whole blocks.

    Examples
    --------
    >>> middle_box((1000, 500))
    (112, 0, 880, 500)
    """
    width, height = (min(side, _PART) for side in size)
    left, top = (size[0] - width) // 16 * 8, (size[1] - height) // 16 * 8
    return left, top, left + width, top + height


def difference(one: Image.Image, other: Image.Image) -> float:
    """Return the root of the mean squared difference of grey pictures, in grey levels."""
    levels = np.asarray(one, np.float32) - np.asarray(other, np.float32)
    return float(np.sqrt(np.square(levels).mean()))
