"""Decode a picture upright in RGB, reduced by the decoder; `dupimg.files.opening` opens it."""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, Jpeg2KImagePlugin

from dupimg.files.crop_box import read_crop_box
from dupimg.files.deep_tiff import is_misread, read_deep_tiff
from dupimg.files.metadata import Metadata, read_tags
from dupimg.files.opening import MAX_PIXELS as MAX_PIXELS
from dupimg.files.opening import CannotReduce, open_picture
from dupimg.files.opening import UnreadableNow as UnreadableNow
from dupimg.files.opening import UnreadablePhoto as UnreadablePhoto
from dupimg.files.traits import Traits, read_traits

# Part of the cache's key for headers and unreadable photos: count it up whenever this module,
# `dupimg.files.opening` or `dupimg.files.raw` reads more files, or reads them differently.
READER_VERSION = 6

# Pictures with more pixels are decoded one at a time, as each takes 4 bytes a pixel and more.
_HUGE_PIXELS = 100_000_000
_one_huge_picture = threading.Lock()

# Longer side of a preview in pixels, and its quality as a JPEG of about 7 KB. Details of photos are
# compared in previews, too.
PREVIEW_SIDE = 512
_PREVIEW_QUALITY = 85

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class PhotoHeader:
    """Format, size and EXIF tags of a picture whose pixels are not decoded yet.

    Attributes
    ----------
    format : str
        Name of the format as Pillow spells it: ``"JPEG"``, ``"HEIF"``, ...; ``"RAW"`` for
        the raw files of all cameras.
    width, height : int
        Size of the upright picture in pixels, after its EXIF orientation is applied.
    exif : mapping of int to object
        The EXIF tags of the main directory and of its Exif sub-directory, by tag number,
        without broken ones.
    metadata : Metadata
        Dates and place of the picture, as far as known.
    traits : Traits
        Pages, camera, exposure and the like.
    """

    format: str
    width: int
    height: int
    exif: Mapping[int, Any] = field(default_factory=dict, hash=False)
    metadata: Metadata = Metadata()
    traits: Traits = Traits()


def read_header(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> PhotoHeader:
    """Read format, upright size and EXIF tags of a picture without decoding its pixels.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_pixels : int, default=500_000_000
        A picture with more pixels than this is unreadable.

    Returns
    -------
    PhotoHeader

    Raises
    ------
    UnreadablePhoto
        With the reason: not a picture, a broken header, no permission, too many pixels.

    Examples
    --------
    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> header = read_header(Path(sklearn.datasets.__path__[0]) / "images" / "china.jpg")
    >>> header.format, header.width, header.height
    ('JPEG', 640, 427)
    """
    with open_picture(path, max_pixels) as (picture, (width, height), format):
        tags = read_tags(picture, Path(path))
        exif = tags.exif
        # Pillow has already turned the size of a TIFF.
        if picture.format != "TIFF" and exif.get(ExifTags.Base.Orientation) in (5, 6, 7, 8):
            width, height = height, width
        metadata = tags.metadata
        has_place = metadata.place is not None
        traits = read_traits(picture, tags, format, Path(path), has_place=has_place)
        return PhotoHeader(format, width, height, exif, metadata, traits)


def read_photo(
    path: str | os.PathLike[str], size: int, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode a picture upright in RGB, reduced by the decoder where possible.

    Parameters
    ----------
    path : str or path-like
        The file.
    size : int
        The picture is reduced by a whole factor as far as both sides stay at least this many
        pixels long; a smaller picture keeps its size. The aspect ratio is kept.
    max_pixels : int, default=500_000_000
        A picture with more pixels than this is unreadable.

    Returns
    -------
    PIL.Image.Image
        In mode RGB: transparent parts on white, 16 bits a channel brought down to 8.

    Raises
    ------
    UnreadablePhoto
        With the reason: not a picture, truncated, broken, no permission, too many pixels.

    Notes
    -----
    JPEG and JPEG 2000 are reduced by the decoder itself: a JPEG of 24 megapixels takes 90 ms
    instead of 270 ms. Other formats are averaged over squares of pixels once decoded.

    Examples
    --------
    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> photo = read_photo(Path(sklearn.datasets.__path__[0]) / "images" / "china.jpg", 200)
    >>> photo.mode, photo.size
    ('RGB', (320, 214))
    """
    return _read(path, size, max_pixels).photo


def read_square(
    path: str | os.PathLike[str], size: int, *, max_pixels: int = MAX_PIXELS
) -> np.ndarray:
    """Decode a picture for a network: upright, RGB, squashed to a square.

    Parameters
    ----------
    path : str or path-like
        The file.
    size : int
        Side of the square in pixels. The aspect ratio is not kept.
    max_pixels : int, default=500_000_000
        A picture with more pixels than this is unreadable.

    Returns
    -------
    ndarray of shape (size, size, 3), uint8

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.
    """
    return np.asarray(_squashed(read_photo(path, size, max_pixels=max_pixels), size))


class Views(NamedTuple):
    """A picture in two forms, for a network and for people.

    Attributes
    ----------
    square : ndarray of shape (size, size, 3), uint8
        As `read_square` returns it.
    preview : bytes
        A JPEG in the right aspect ratio, its longer side of at most 512 pixels.
    """

    square: np.ndarray
    preview: bytes


def read_views(path: str | os.PathLike[str], size: int, *, max_pixels: int = MAX_PIXELS) -> Views:
    """Decode a picture once for both a network and people.

    Parameters
    ----------
    path, size, max_pixels
        As for `read_square`.

    Returns
    -------
    Views

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does.
    """
    photo, large = _read(path, size, max_pixels)
    scale = min(1.0, PREVIEW_SIDE / max(large.size))
    sides = (max(1, round(large.width * scale)), max(1, round(large.height * scale)))
    preview = io.BytesIO()
    small = large.resize(sides, Image.Resampling.BILINEAR) if scale < 1 else large
    small.save(preview, "JPEG", quality=_PREVIEW_QUALITY)
    return Views(np.asarray(_squashed(photo, size)), preview.getvalue())


def _squashed(photo: Image.Image, size: int) -> Image.Image:
    return photo.resize((size, size), Image.Resampling.BILINEAR)


class _Decoded(NamedTuple):
    """A picture reduced as far as its caller allows, and a larger one for the preview."""

    photo: Image.Image
    large: Image.Image


def _read(path: str | os.PathLike[str], size: int, max_pixels: int) -> _Decoded:
    try:
        return _decode(path, size, max_pixels, reduced=True)
    except CannotReduce:
        return _decode(path, size, max_pixels, reduced=False)


def _decode(path: str | os.PathLike[str], size: int, max_pixels: int, *, reduced: bool) -> _Decoded:
    with open_picture(path, max_pixels) as (picture, _, _):
        factor = max(1, min(picture.size) // size) if reduced else 1
        if picture.format in ("JPEG", "MPO"):
            picture.draft(None, (size, size))
        elif isinstance(picture, Jpeg2KImagePlugin.Jpeg2KImageFile) and factor > 1:
            picture.reduce = factor.bit_length() - 1
        with turn_of(picture):
            large = _load(picture, Path(path), factor)
            factor = min(large.size) // size
            photo = large.reduce(factor) if factor > 1 else large
            # Enough for a preview: reducing from there takes a third of the time.
            factor = max(large.size) // PREVIEW_SIDE
            large = large.reduce(factor) if factor > 1 else large
        method = upright_turn(picture)
        if method is None:
            return _Decoded(photo, large)
        return _Decoded(photo.transpose(method), large.transpose(method))


def _load(picture: Image.Image, path: Path, factor: int) -> Image.Image:
    """Return the visible pixels of an opened picture in RGB."""
    if is_misread(picture):
        return to_rgb(read_deep_tiff(path))
    try:
        picture.load()
    except OSError as error:
        # The file has fewer resolutions than requested, which its header does not show.
        if picture.format == "JPEG2000" and factor > 1:
            raise CannotReduce from error
        raise
    box = read_crop_box(path, picture.size) if picture.format == "AVIF" else None
    return to_rgb(picture.crop(box) if box else picture)


def upright_turn(picture: Image.Image) -> Image.Transpose | None:
    """Return the turn that makes a decoded picture upright; None if it is upright."""
    return _UPRIGHT.get(_read_exif(picture).get(ExifTags.Base.Orientation, 1))


def turn_of(picture: Image.Image) -> contextlib.AbstractContextManager[Any]:
    """Return the lock for decoding a huge picture, or no lock for smaller ones."""
    # A progressive JPEG holds the coefficients of the whole picture in memory, even reduced.
    whole = picture.format not in ("JPEG", "MPO") or "progressive" in picture.info
    pixels = picture.width * picture.height
    return _one_huge_picture if whole and pixels > _HUGE_PIXELS else contextlib.nullcontext()


def _read_exif(picture: Image.Image) -> dict[int, Any]:
    """Return the readable tags of the main and of the Exif directory."""
    tags: dict[int, Any] = {}
    # Only tags before the pixels of a PNG count: to find later ones, Pillow would decode it.
    if picture.format == "PNG" and not {"exif", "Raw profile type exif"} & picture.info.keys():
        return tags
    with contextlib.suppress(Exception):  # broken EXIF does not make the picture unreadable
        exif = picture.getexif()
        tags.update(exif)
        tags.update(exif.get_ifd(ExifTags.IFD.Exif))
    return tags


def to_rgb(picture: Image.Image) -> Image.Image:
    """Convert a decoded picture to RGB: transparent parts on white, 16 bits brought down to 8."""
    if picture.mode == "F" or picture.mode.startswith("I"):
        return _deep_grey_to_8_bits(picture).convert("RGB")
    if picture.has_transparency_data:
        rgba = picture.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    if picture.mode == "LAB":
        lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
        rgb = ImageCms.profileToProfile(picture, lab, srgb, outputMode="RGB")
        assert rgb is not None  # only with inPlace=True
        return rgb
    return picture.convert("RGB")


def _deep_grey_to_8_bits(picture: Image.Image) -> Image.Image:
    """Scale grey values of more than 8 bits, integer or float, to 0..255.

    Files do not say how many of the 16 bits their camera used: white is the largest value
    of the fewest bits (8, 10, 12, ...) that hold the brightest pixel. In float pictures with
    values up to 1, white is 1.
    """
    grey = np.asarray(picture)
    brightest = float(np.nanmax(np.where(np.isinf(grey), np.nan, grey)))
    bits = max(8, int(brightest).bit_length() + 1 & ~1)
    white = 1.0 if picture.mode == "F" and brightest <= 1 else 2.0**bits - 1
    scaled = np.nan_to_num(grey * np.float32(255 / white), nan=0.0)
    return Image.fromarray(np.clip(scaled, 0, 255).astype(np.uint8))
