"""Open a picture file: recognize it by its content, and set the limits of its decoder.

The decoders are Pillow, pillow-heif and, for JPEG XL, imagecodecs; of raw files they decode the
preview found by `dupimg.files.raw`. Any error of a decoder becomes `UnreadablePhoto`, whose
message is the reason in the report.
"""

from __future__ import annotations

import contextlib
import errno
import math
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from PIL import Image, PngImagePlugin

from dupimg.errors import MessageError
from dupimg.files import jpeg_xl, raw
from dupimg.files.crop_box import read_crop_box
from dupimg.files.deep_tiff import open_deep_tiff
from dupimg.messages import details, message, why

MAX_PIXELS = 500_000_000

# Only these formats, recognized by content: Pillow would start ghostscript for EPS, for example.
# MPO has no entry because Pillow opens it as JPEG.
FORMATS = (
    *("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "HEIF", "AVIF", "PPM", "PSD"),
    *("ICO", "TGA"),
)
# A Targa file has its signature at the end.
_TARGA_END = b"TRUEVISION-XFILE.\0"


class UnreadablePhoto(MessageError, ValueError):
    """A file is no picture or cannot be decoded; the message is the reason."""


class UnreadableNow(UnreadablePhoto):
    """A file could not be decoded this time, for lack of memory, time or permission."""


class CannotReduce(Exception):
    """A decoder failed to reduce a picture; it may work at full size."""


class _Opened(NamedTuple):
    """An opened picture (or the preview of a raw file), with size and format of the file."""

    picture: Image.Image
    size: tuple[int, int]
    format: str


@contextlib.contextmanager
def open_picture(path: str | os.PathLike[str], max_pixels: int) -> Iterator[_Opened]:
    """Yield the opened picture; turn any of its errors into `UnreadablePhoto`."""
    import dupimg.files.decoders  # noqa: F401

    try:
        file = Path(path).open("rb")  # noqa: SIM115 (closed below; separates its errors from others)
    except OSError as error:
        raise UnreadableNow(message("reason.cannot_open", why=why(error))) from error
    kind = "picture"
    with file, _pillow_settings():
        try:
            kind = _recognize(file)
            opened = _OPENERS.get(kind, _open_by_pillow)(Path(path), file)
            with opened.picture:
                check_size(max(opened.size, opened.picture.size, key=math.prod), max_pixels)
                yield opened
        except (UnreadablePhoto, CannotReduce):
            raise
        except Image.UnidentifiedImageError as error:
            raise UnreadablePhoto(message("reason.broken", kind=kind)) from error
        except MemoryError as error:
            raise UnreadableNow(message("reason.no_memory", kind=kind)) from error
        except Exception as error:  # broken files cause nearly any exception
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
    """Return whether the disk or share failed, not the content: a later try may succeed.

    The errors of decoders have no errno, or EINVAL from seeking outside of a broken file.
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
    """Return the format by the first bytes."""
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


def _skip_large_texts(read: Callable[[Any, int, int], bytes]) -> Callable[[Any, int, int], bytes]:
    """Make Pillow skip too large texts of a PNG instead of refusing the picture."""

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
def _pillow_settings() -> Iterator[None]:
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
                setattr(PngImagePlugin.PngStream, name, _skip_large_texts(read))
        _decoding += 1
    try:
        yield
    finally:
        with _settings_lock:
            _decoding -= 1
            if _decoding == 0:
                _settings.close()
