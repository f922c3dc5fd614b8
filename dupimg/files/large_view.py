"""A photo as a browser can show it large: the file itself, or a JPEG made of it."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

from PIL import ExifTags, Image

from dupimg.files.images import read_header, read_photo

# Pixels of the longest side: a 4K screen at 150 %.
_LONGEST_SIDE = 2560

_JPEG_QUALITY = 90

# What browsers show, in the spelling of `PhotoHeader.format`.
_SHOWN = {
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "AVIF": "image/avif",
    "BMP": "image/bmp",
}

# These browsers turn upright by EXIF; of others, some do and some do not.
_TURNED = ("JPEG", "MPO")


@dataclass(frozen=True)
class LargeView:
    """What to send to a browser.

    Attributes
    ----------
    mimetype : str
    content : bytes or None
        A JPEG; None where the file itself will do.
    """

    mimetype: str
    content: bytes | None = None


def large_view(path: str | os.PathLike[str]) -> LargeView:
    """Look whether a browser can show a photo, and convert it otherwise.

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
