"""Prepare a photo for a large view in a browser: the file itself, or a JPEG made from it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

from PIL import ExifTags, Image

from dupimg.files.images import read_header, read_photo

# Longest side in pixels: for a large screen, and for zooming.
LARGE_SIDE, _WHOLE_SIDE = 1600, 8192

_JPEG_QUALITY = 88

# Formats that browsers show, spelled as in `PhotoHeader.format`.
_SHOWN = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}

# The suffixes of their files; keep in step with `dupimg/web/addresses.js`.
_SHOWN_NAMES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".avif", ".bmp")

# All browsers turn these upright by EXIF; other formats only some do.
_TURNED = ("JPEG", "MPO")


@dataclass(frozen=True)
class LargeView:
    """The response to a browser.

    Attributes
    ----------
    mimetype : str
    content : bytes or None
        A JPEG; None to send the file itself.
    """

    mimetype: str
    content: bytes | None = None


def large_view(path: str | os.PathLike[str]) -> LargeView:
    """Convert a photo to JPEG unless a browser can show the file itself.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    LargeView
        A JPEG is upright and at most 1600 pixels long.

    Raises
    ------
    UnreadablePhoto

    Examples
    --------
    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> large_view(Path(sklearn.datasets.__path__[0]) / "images" / "china.jpg")
    LargeView(mimetype='image/jpeg', content=None)
    """
    return _view(path, LARGE_SIDE)


def whole_view(path: str | os.PathLike[str]) -> LargeView:
    """Like `large_view`, but at full size, up to 8192 pixels a side."""
    return _view(path, _WHOLE_SIDE)


def is_shown_by_browsers(path: str) -> bool:
    """Return whether browsers show a file of this name directly.

    Examples
    --------
    >>> is_shown_by_browsers("a.JPG"), is_shown_by_browsers("a.heic")
    (True, False)
    """
    return path.lower().endswith(_SHOWN_NAMES)


def _view(path: str | os.PathLike[str], longest_side: int) -> LargeView:
    header = read_header(path)
    upright = header.exif.get(ExifTags.Base.Orientation, 1) == 1 or header.format in _TURNED
    if header.format in _SHOWN and upright:
        return LargeView(_SHOWN[header.format])
    photo = read_photo(path, longest_side)
    photo.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    photo.save(jpeg, "JPEG", quality=_JPEG_QUALITY)
    return LargeView("image/jpeg", jpeg.getvalue())
