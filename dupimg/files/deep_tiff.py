"""Read TIFF files that Pillow refuses or misreads: floats, deep planes, deep white as zero."""

from __future__ import annotations

import os
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupimg.files.deferred import DeferredPicture

_BITS, _PHOTOMETRIC, _PLANES = 258, 262, 284
_WHITE_IS_ZERO, _APART = 0, 2
_GREYS, _RGB, _CMYK = ("MINISWHITE", "MINISBLACK"), "RGB", "SEPARATED"


def is_misread(picture: Image.Image) -> bool:
    """Return whether Pillow silently decodes a TIFF file wrongly."""
    tags = getattr(picture, "tag_v2", {})
    is_deep = picture.format == "TIFF" and max(tags.get(_BITS, (1,))) > 8
    return is_deep and (tags.get(_PLANES) == _APART or tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO)


def open_deep_tiff(path: str | os.PathLike[str], file: BinaryIO) -> Image.Image:
    """Open a TIFF file that Pillow refuses.

    Parameters
    ----------
    path : str or path-like
    file : binary file
        The same file.

    Returns
    -------
    PIL.Image.Image
        Not yet decoded and not yet upright.

    Raises
    ------
    ValueError
        This module cannot read it either.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        _kind_of(page)
        size = (page.imagewidth, page.imagelength)
    picture = DeferredPicture(size, lambda: read_deep_tiff(path))
    file.seek(0)
    picture.getexif().load_from_fp(file)
    return picture


def read_deep_tiff(path: str | os.PathLike[str]) -> Image.Image:
    """Decode the first page of a TIFF file, not upright, with 8 bits a channel.

    Raises
    ------
    ValueError
        It is neither grey, RGB nor CMYK, or has an unknown compression.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page = tiff.pages.first
        name, n_colours = _kind_of(page)
        values = page.asarray()
    if page.samplesperpixel == 1:
        values = values.reshape(page.imagelength, page.imagewidth, 1)
    elif page.planarconfig == tifffile.PLANARCONFIG.SEPARATE:
        values = np.moveaxis(values, 0, -1)
    channels = n_colours + (page.samplesperpixel > n_colours and name != "CMYK")
    scaled = _to_8_bits(values[..., :channels], page.bitspersample)
    if page.photometric.name == _GREYS[0]:
        scaled[..., 0] = 255 - scaled[..., 0]
    if channels == 1:
        return Image.fromarray(scaled[..., 0])
    return Image.fromarray(scaled, name if channels == n_colours else f"{name}A")


def _kind_of(page: object) -> tuple[str, int]:
    """Return Pillow's mode of a page, and its number of channels."""
    name = page.photometric.name  # type: ignore[attr-defined]
    known = {_RGB: ("RGB", 3), _CMYK: ("CMYK", 4)} | dict.fromkeys(_GREYS, ("L", 1))
    if name not in known or page.samplesperpixel < known[name][1]:  # type: ignore[attr-defined]
        raise ValueError(f"TIFF of the kind {name}")
    return known[name]


def _to_8_bits(values: NDArray, bits: int) -> NDArray[np.uint8]:
    """Scale values to 0..255: integers by their bits, floats by 1 or by their maximum."""
    if values.dtype.kind != "f":
        return (values >> max(0, bits - 8)).clip(0, 255).astype(np.uint8)
    values = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=np.inf, neginf=0.0)
    finite = values[np.isfinite(values)]
    brightest = float(finite.max()) if finite.size else 1.0
    white = 1.0 if brightest <= 1 else 2.0 ** max(8, int(brightest).bit_length() + 1 & ~1) - 1
    return (values * np.float32(255 / white)).clip(0, 255).astype(np.uint8)
