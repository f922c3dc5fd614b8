"""Show a photo large in a browser: the file itself, or a JPEG made from it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

from PIL import ExifTags, Image

from dupimg.files.images import read_header, read_photo

# Pixels of the longest side: a 4K screen at 150 %.
_LONGEST_SIDE = 2560

_JPEG_QUALITY = 90

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
        A JPEG is upright and at most 2560 pixels long.

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
    header = read_header(path)
    upright = header.exif.get(ExifTags.Base.Orientation, 1) == 1 or header.format in _TURNED
    if header.format in _SHOWN and upright:
        return LargeView(_SHOWN[header.format])
    photo = read_photo(path, _LONGEST_SIDE)
    photo.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE), Image.Resampling.LANCZOS)
    jpeg = io.BytesIO()
    photo.save(jpeg, "JPEG", quality=_JPEG_QUALITY)
    return LargeView("image/jpeg", jpeg.getvalue())
