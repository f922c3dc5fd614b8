"""`DeferredPicture`: a picture whose pixels another reader than Pillow decodes on demand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PIL import Image


class DeferredPicture(Image.Image):
    """A picture whose header is known and whose pixels come from a function.

    Parameters
    ----------
    size : (int, int)
        Width and height, not upright.
    decode : callable
        Returns the picture; called by the first `load`. It may be smaller.
    """

    def __init__(self, size: tuple[int, int], decode: Callable[[], Image.Image]) -> None:
        super().__init__()
        self._size = size
        self._mode = "RGB"
        self._decode = decode

    def load(self) -> Any:
        """Decode the pixels at the first call."""
        if self._im is None:
            decoded = self._decode()
            self.im = decoded.im
            self._mode, self._size = decoded.mode, decoded.size
        return super().load()
