"""Open one picture: recognized by its content, upright, RGB, reduced while it is decoded.

Pillow and pillow-heif decode, and imagecodecs JPEG XL; of a raw file they decode the preview that
`dupimg.files.raw` finds. This module sets their limits. Any error of a decoder becomes
`UnreadablePhoto`, whose message is the reason in the report.
"""

from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import ExifTags, Image, ImageCms, Jpeg2KImagePlugin, PngImagePlugin

from dupimg.errors import MessageError
from dupimg.files import jpeg_xl, raw
from dupimg.files.crop_box import read_crop_box
from dupimg.files.deep_tiff import is_misread, open_deep_tiff, read_deep_tiff
from dupimg.files.metadata import Metadata, read_tags
from dupimg.files.sharpness import measure_sharpness
from dupimg.files.traits import Traits, read_traits
from dupimg.messages import details, message, why

MAX_PIXELS = 500_000_000

# Part of the cache's key for headers and unreadable photos: count it up whenever this module or
# `dupimg.files.raw` reads more files, or reads them differently.
READER_VERSION = 5

# By content and by this list only: Pillow would start ghostscript for EPS, for example.
# MPO has no entry of its own: Pillow opens it as JPEG.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "HEIF", "AVIF", "PPM", "PSD"),
    *("ICO", "TGA"),
)
# A Targa file says what it is at its end.
_TARGA_END = b"TRUEVISION-XFILE.\0"

# Pictures that are decoded whole and hold more pixels than this wait for each other:
# each takes 4 bytes a pixel and more.
_HUGE_PIXELS = 100_000_000
_one_huge_picture = threading.Lock()

# Of JPEG: about 7 KB a photo.
# Longer side of a preview in pixels: details of photos are found and compared in it, too.
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


class UnreadablePhoto(MessageError, ValueError):
    """A file is no picture, or one that cannot be decoded; the message says why."""


class UnreadableNow(UnreadablePhoto):
    """A file could not be decoded this time, for want of memory, time or permission."""


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
        When and where the picture was taken, as far as it says.
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
        traits = read_traits(picture, tags, format, has_place=metadata.place is not None)
        return PhotoHeader(format, width, height, exif, metadata, traits)


def read_photo(
    path: str | os.PathLike[str], size: int, *, max_pixels: int = MAX_PIXELS
) -> Image.Image:
    """Decode a picture upright and in RGB, reduced while it is decoded.

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
    """A picture in two forms: for a network and for a person.

    Attributes
    ----------
    square : ndarray of shape (size, size, 3), uint8
        As `read_square` returns it.
    preview : bytes
        A JPEG in the right aspect ratio, its longer side of at most 512 pixels.
    sharpness : float
        See `dupimg.files.sharpness`.
    """

    square: np.ndarray
    preview: bytes
    sharpness: float = 0.0


def read_views(path: str | os.PathLike[str], size: int, *, max_pixels: int = MAX_PIXELS) -> Views:
    """Decode a picture once for a network and for a person.

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
    square = np.asarray(_squashed(photo, size))
    return Views(square, preview.getvalue(), measure_sharpness(small))


def _squashed(photo: Image.Image, size: int) -> Image.Image:
    return photo.resize((size, size), Image.Resampling.BILINEAR)


class _CannotReduce(Exception):
    """A decoder failed where it was asked to reduce; it may work without."""


class _Decoded(NamedTuple):
    """A picture as small as its reader allows, and as large as it was decoded to get there."""

    photo: Image.Image
    large: Image.Image


def _read(path: str | os.PathLike[str], size: int, max_pixels: int) -> _Decoded:
    try:
        return _decode(path, size, max_pixels, reduced=True)
    except _CannotReduce:
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
            # As much as a preview needs: making it smaller from there takes a third of the time.
            factor = max(large.size) // PREVIEW_SIDE
            large = large.reduce(factor) if factor > 1 else large
        method = upright_turn(picture)
        if method is None:
            return _Decoded(photo, large)
        return _Decoded(photo.transpose(method), large.transpose(method))


def _load(picture: Image.Image, path: Path, factor: int) -> Image.Image:
    """Return the pixels of an opened picture: what is to be seen of it, in RGB."""
    if is_misread(picture):
        return to_rgb(read_deep_tiff(path))
    try:
        picture.load()
    except OSError as error:
        # More halvings than the file has resolutions: its header does not tell.
        if picture.format == "JPEG2000" and factor > 1:
            raise _CannotReduce from error
        raise
    box = read_crop_box(path, picture.size) if picture.format == "AVIF" else None
    return to_rgb(picture.crop(box) if box else picture)


def upright_turn(picture: Image.Image) -> Image.Transpose | None:
    """Return the turn that makes a decoded picture upright; None if it is."""
    return _UPRIGHT.get(_read_exif(picture).get(ExifTags.Base.Orientation, 1))


def turn_of(picture: Image.Image) -> contextlib.AbstractContextManager[Any]:
    """Return the lock for decoding a huge picture; smaller ones need none."""
    # A progressive JPEG keeps the coefficients of the whole picture in memory, even reduced.
    whole = picture.format not in ("JPEG", "MPO") or "progressive" in picture.info
    pixels = picture.width * picture.height
    return _one_huge_picture if whole and pixels > _HUGE_PIXELS else contextlib.nullcontext()


class _Opened(NamedTuple):
    """An opened picture (of a raw file its preview), and size and format of the whole file."""

    picture: Image.Image
    size: tuple[int, int]
    format: str


@contextlib.contextmanager
def open_picture(path: str | os.PathLike[str], max_pixels: int) -> Iterator[_Opened]:
    """Yield the opened picture; raise `UnreadablePhoto` for any error with it."""
    import dupimg.files.decoders  # noqa: F401

    try:
        file = Path(path).open("rb")  # noqa: SIM115 (closed below; this tells its errors apart)
    except OSError as error:
        raise UnreadableNow(message("reason.cannot_open", why=why(error))) from error
    kind = "picture"
    with file, _pillow_as_we_need_it():
        try:
            kind = _recognize(file)
            opened = _OPENERS.get(kind, _open_by_pillow)(Path(path), file)
            with opened.picture:
                check_size(max(opened.size, opened.picture.size, key=math.prod), max_pixels)
                yield opened
        except (UnreadablePhoto, _CannotReduce):
            raise
        except Image.UnidentifiedImageError as error:
            raise UnreadablePhoto(message("reason.broken", kind=kind)) from error
        except MemoryError as error:
            raise UnreadableNow(message("reason.no_memory", kind=kind)) from error
        except Exception as error:  # decoders raise nearly everything when a file is broken
            if isinstance(error, OSError) and is_of_the_disk(error):
                raise UnreadableNow(message("reason.not_read", why=why(error))) from error
            ends = "truncated" in str(error).lower()
            raise UnreadablePhoto(
                message(
                    "reason.truncated" if ends else "reason.unreadable",
                    kind=kind,
                    why=details(error),
                )
            ) from error


def is_of_the_disk(error: OSError) -> bool:
    """Return whether a disk or a share failed, not the content: another time it may be read.

    Decoders raise errors without a number, and seek to where a broken file has nothing.
    """
    return error.errno not in (None, errno.EINVAL)


def _open_by_pillow(path: Path, file: BinaryIO) -> _Opened:
    picture = Image.open(file, formats=FORMATS)
    size = picture.size
    if picture.format == "AVIF" and (box := read_crop_box(path, size)):
        size = (box[2] - box[0], box[3] - box[1])
    return _Opened(picture, size, str(picture.format))


def _open_tiff(path: Path, file: BinaryIO) -> _Opened:
    try:
        return _open_by_pillow(path, file)
    except Image.UnidentifiedImageError as error:
        try:
            picture = open_deep_tiff(path, file)
        except Exception:
            raise error from None
        return _Opened(picture, picture.size, "TIFF")


def _open_raw(path: Path, file: BinaryIO) -> _Opened:
    return _Opened(*raw.open_preview(path, file), "RAW")


def _open_jpeg_xl(path: Path, file: BinaryIO) -> _Opened:
    try:
        picture = jpeg_xl.JpegXlPicture(path, file)
    except ImportError as error:
        raise UnreadableNow(message("reason.jpeg_xl")) from error
    return _Opened(picture, picture.size, "JXL")


_OPENERS = {"RAW": _open_raw, "TIFF": _open_tiff, "JXL": _open_jpeg_xl}


def _recognize(file: BinaryIO) -> str:
    """Return the format that the first bytes announce."""
    prefix = file.read(16)
    if not prefix:
        raise UnreadablePhoto(message("reason.empty"))
    if raw.is_raw(file):
        return "RAW"
    if prefix.startswith(jpeg_xl.SIGNATURES):
        return "JXL"
    for name in FORMATS:
        _, accept = Image.OPEN.get(name, (None, None))
        if accept is not None and accept(prefix):
            return name
    file.seek(-min(len(_TARGA_END), file.seek(0, os.SEEK_END)), os.SEEK_END)
    if file.read() == _TARGA_END:
        return "TGA"
    raise UnreadablePhoto(message("reason.not_a_picture"))


def check_size(size: tuple[int, int], max_pixels: int) -> None:
    """Raise `UnreadablePhoto` for a picture with too many pixels."""
    width, height = size
    if width * height > max_pixels:
        raise UnreadablePhoto(
            message(
                "reason.too_many_pixels",
                width=str(width),
                height=str(height),
                size=f"{width * height / 1e6:.3g}",
                limit=f"{max_pixels / 1e6:.3g}",
            )
        )


def _read_exif(picture: Image.Image) -> dict[int, Any]:
    """Return the readable tags of the main and of the Exif directory."""
    tags: dict[int, Any] = {}
    # Of a PNG only tags before its pixels count: to find later ones, Pillow would decode all
    # pixels.
    if picture.format == "PNG" and not {"exif", "Raw profile type exif"} & picture.info.keys():
        return tags
    with contextlib.suppress(Exception):  # broken EXIF takes nothing from the picture
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


def _skipping_large(read: Callable[[Any, int, int], bytes]) -> Callable[[Any, int, int], bytes]:
    """Let a text of a PNG that is too large cost the picture that text, and not its pixels."""

    def read_or_skip(stream: Any, position: int, length: int) -> bytes:
        try:
            return read(stream, position, length)
        except ValueError:
            stream.fp.seek(position)
            return stream.fp.read(length)  # for its checksum

    return read_or_skip


_settings_lock = threading.Lock()
_settings = contextlib.ExitStack()
_decoding = 0


@contextlib.contextmanager
def _pillow_as_we_need_it() -> Iterator[None]:
    """Silence Pillow's warnings and lift its limits while any thread decodes.

    The settings belong to the whole process: the first thread changes them, the last one
    restores them. `check_size` checks the limit for a photo.
    """
    global _decoding
    with _settings_lock:
        if _decoding == 0:
            _settings.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", module=r"PIL\.|pillow_heif")
            _settings.callback(setattr, Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
            Image.MAX_IMAGE_PIXELS = None
            for name in ("chunk_tEXt", "chunk_zTXt", "chunk_iTXt"):
                read = getattr(PngImagePlugin.PngStream, name)
                _settings.callback(setattr, PngImagePlugin.PngStream, name, read)
                setattr(PngImagePlugin.PngStream, name, _skipping_large(read))
        _decoding += 1
    try:
        yield
    finally:
        with _settings_lock:
            _decoding -= 1
            if _decoding == 0:
                _settings.close()
