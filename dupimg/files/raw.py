"""Read raw files of cameras: recognize them by content, and open their preview or develop them.

Pillow opens many of them as TIFF, but only shows the first tiny thumbnail. LibRaw knows the
formats; its errors become `OSError` with the reason.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import ExifTags, Image, TiffImagePlugin

from dupimg.files.deferred import DeferredPicture
from dupimg.messages import message

if TYPE_CHECKING:
    import rawpy

# Fujifilm RAF, Olympus ORF, Panasonic RW2, Canon CR2, Minolta MRW, Sigma X3F.
_SIGNATURES = (
    b"FUJIFILMCCD-RAW",
    *(b"IIRO", b"IIRS", b"MMOR"),
    b"IIU\0",
    b"II*\0\x10\0\0\0CR",
    b"\0MRM",
    b"FOVb",
)
# Canon CR3 and CRW, after the first bytes.
_LATER_SIGNATURES = ((4, b"ftypcrx "), (6, b"HEAPCCDR"))

_TIFF_SIGNATURES = (b"II*\0", b"MM\0*")
_DNG_VERSION = 0xC612
_SUB_DIRECTORIES = 0x014A
_MOST_SUB_DIRECTORIES = 16  # cameras write two to four; a hostile file may claim a million
_PHOTOMETRIC = 0x0106
_MOSAIC, _LINEAR_RAW = 32803, 34892  # values of the photometric interpretation

# EXIF orientations by LibRaw's `flip`, whose bits mean: mirror, upside down, swap the axes.
_ORIENTATION_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)


def is_raw(file: BinaryIO) -> bool:
    """Return whether a file is a raw file, by its content.

    Parameters
    ----------
    file : binary file

    Returns
    -------
    bool
        DNG, NEF, ARW, PEF and the like are TIFF files, recognized by their sensor pixels.

    Examples
    --------
    >>> import io
    >>> is_raw(io.BytesIO(b"FUJIFILMCCD-RAW 0201")), is_raw(io.BytesIO(b"II*" + bytes(99)))
    (True, False)
    """
    file.seek(0)
    prefix = file.read(16)
    if prefix.startswith(_SIGNATURES) or any(
        prefix[start:].startswith(signature) for start, signature in _LATER_SIGNATURES
    ):
        return True
    return prefix.startswith(_TIFF_SIGNATURES) and _has_sensor_pixels(file, prefix[:8])


def _has_sensor_pixels(file: BinaryIO, header: bytes) -> bool:
    try:
        main = _read_directory(file, header)
        offsets = main.get(_SUB_DIRECTORIES, ())[:_MOST_SUB_DIRECTORIES]
        parts = (_read_directory(file, header, offset) for offset in offsets)
        return _DNG_VERSION in main or any(
            part.get(_PHOTOMETRIC) in (_MOSAIC, _LINEAR_RAW) for part in (main, *parts)
        )
    except Exception:  # opening it as a TIFF will report the error
        return False


def _read_directory(
    file: BinaryIO, header: bytes, offset: int | None = None
) -> TiffImagePlugin.ImageFileDirectory_v2:
    directory = TiffImagePlugin.ImageFileDirectory_v2(header)
    file.seek(directory.next if offset is None else offset)
    directory.load(file)
    return directory


def open_preview(
    path: str | os.PathLike[str], file: BinaryIO
) -> tuple[Image.Image, tuple[int, int]]:
    """Open the embedded preview of a raw file, or develop it on demand.

    Parameters
    ----------
    path : str or path-like
    file : binary file
        The same file. It stays open as long as the preview is in use: EXIF tags are read late.

    Returns
    -------
    preview : PIL.Image.Image
        Not yet decoded and not yet upright; its EXIF tags are those of the raw file.
    size : tuple of int
        Width and height of the full picture, not upright either.

    Raises
    ------
    OSError
        LibRaw does not know the file.

    Notes
    -----
    Reads only a small part of the file: 0.5 ms at 24 megapixels. LibRaw is thread-safe and
    releases the GIL. Without a preview, the sensor's pixels are developed at half size.
    """
    import rawpy

    source: str | BinaryIO = os.fspath(path)
    if not _is_utf8(os.fspath(path)):  # then LibRaw needs the content instead of the path
        file.seek(0)
        source = file
    with _errors_of_libraw(), rawpy.imread(source) as raw:
        sizes = raw.sizes
        try:
            preview = _picture_of(raw.extract_thumb())
        except (rawpy.LibRawNoThumbnailError, rawpy.LibRawUnsupportedThumbnailError):
            preview = DeferredPicture((sizes.width, sizes.height), partial(_develop, source))
    _take_exif(preview, file, _ORIENTATION_OF_FLIP[sizes.flip])
    return preview, (sizes.width, sizes.height)


def _develop(source: str | BinaryIO) -> Image.Image:
    """Develop the sensor's pixels at half size, not turned upright."""
    import rawpy

    if not isinstance(source, str):
        source.seek(0)
    with _errors_of_libraw(), rawpy.imread(source) as raw:
        # Scanners write full RGB pixels in their own colours, whatever the colour matrix says.
        is_rgb = raw.raw_type == rawpy.RawType.Stack
        colours = rawpy.ColorSpace.raw if is_rgb else rawpy.ColorSpace.sRGB
        try:
            pixels = raw.postprocess(
                half_size=True, use_camera_wb=True, user_flip=0, output_color=colours
            )
        except rawpy.NotSupportedError as error:
            raise OSError(message("why.no_preview")) from error
        return Image.fromarray(pixels)


@contextlib.contextmanager
def _errors_of_libraw() -> Iterator[None]:
    import rawpy

    try:
        yield
    except rawpy.LibRawIOError as error:
        raise OSError(message("why.ends_too_early")) from error
    except rawpy.LibRawError as error:
        raise OSError(error.args[0].decode()) from error


def _is_utf8(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _picture_of(thumbnail: rawpy.Thumbnail) -> Image.Image:
    if isinstance(thumbnail.data, np.ndarray):
        return Image.fromarray(thumbnail.data)
    return Image.open(io.BytesIO(thumbnail.data), formats=["JPEG"])


def _take_exif(preview: Image.Image, file: BinaryIO, orientation: int) -> None:
    """Copy the EXIF tags of a raw file to its preview, if Pillow finds them."""
    exif = preview.getexif()
    file.seek(0)
    if file.read(4) in _TIFF_SIGNATURES:
        file.seek(0)
        exif.load_from_fp(file)
    # For other formats LibRaw adds the capture time to the preview if the camera did not.
    exif[ExifTags.Base.Orientation] = orientation
