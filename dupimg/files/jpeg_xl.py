"""Read JPEG XL pictures: the header here, the pixels with imagecodecs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupimg.files.boxes import find_boxes, read_span, whole_file
from dupimg.files.deferred import DeferredPicture
from dupimg.files.xmp import LONGEST_PACKET

# First bytes of a bare codestream, and of a file of boxes with a codestream.
SIGNATURES = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")

# Bytes of a codestream to read: the header of a picture with a dozen channels takes 100.
_HEADER_BYTES = 4096

_RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ALPHA, _SPOT_COLOUR, _BLACK, _FILTER_ARRAY = 0, 2, 4, 5

# The standard encodes numbers in one of four ways: the number of bits that follow, and an offset.
_Ways = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
_SIDE: _Ways = ((9, 1), (13, 1), (18, 1), (30, 1))
_PREVIEW_SIDE: _Ways = ((6, 1), (8, 65), (10, 321), (12, 1345))
_PREVIEW_EIGHTHS: _Ways = ((0, 16), (0, 32), (5, 1), (9, 33))
_ENUM: _Ways = ((0, 0), (0, 1), (4, 2), (6, 18))


@dataclass(frozen=True)
class Header:
    """The header of a JPEG XL codestream.

    Attributes
    ----------
    size : (int, int)
        Width and height of the upright picture.
    is_animated : bool
    bits : int
        Bits of each value; 16 or 32 for floats.
    has_alpha, has_black : bool
        Whether there is a channel for transparency, or for the black of CMYK.
    """

    size: tuple[int, int]
    is_animated: bool = False
    bits: int = 8
    has_alpha: bool = False
    has_black: bool = False


class JpegXlPicture(DeferredPicture):
    """An opened JPEG XL picture; its pixels are upright once they are decoded.

    Parameters
    ----------
    path : Path
    file : binary file
        The same file.

    Raises
    ------
    ImportError
        The package imagecodecs is not installed.
    ValueError
        The header is cut short, or the colours are CMYK.
    """

    format = "JXL"

    def __init__(self, path: Path, file: BinaryIO) -> None:
        import imagecodecs

        self._codec = imagecodecs
        self._path = path
        self._frame = 0
        self._header = read_jpeg_xl_header(file)
        if self._header.has_black:
            raise ValueError("JPEG XL of the kind CMYK")
        super().__init__(self._header.size, self._read_frame)
        self._mode = "RGBA" if self._header.has_alpha else "RGB"
        self.n_frames = self._count_frames() if self._header.is_animated else 1

    def seek(self, frame: int) -> None:
        """Go to a frame, which the next `load` decodes."""
        if not 0 <= frame < self.n_frames:
            raise EOFError(f"no frame {frame}")
        if frame != self._frame:
            self._frame, self._im = frame, None

    def tell(self) -> int:
        """Return the number of the current frame."""
        return self._frame

    def _count_frames(self) -> int:
        """Count frames without allocating the pixels of all of them."""
        try:
            self._codec.jpegxl_decode(self._path.read_bytes(), out=np.empty(0, np.uint8))
        except ValueError as error:
            # Only this error message contains the expected shape.
            shape = re.search(r" shape=\(([\d, ]+)\)", str(error))
            if shape is None:
                raise
            sides = [int(side) for side in shape[1].split(",") if side.strip()]
            return sides[0] if len(sides) == 4 or tuple(sides[:0:-1]) == self.size else 1
        raise ValueError("JPEG XL without frames")

    def _read_frame(self) -> Image.Image:
        try:
            values = self._codec.jpegxl_decode(
                self._path.read_bytes(), index=self._frame, numthreads=1
            )
        except self._codec.JpegxlError as error:
            if "NEED_MORE_INPUT" in str(error):
                raise OSError("image file is truncated") from error
            raise
        if values.shape[:2] != self.size[::-1]:  # grey and channels beside the colours
            values = values[0]
        return Image.fromarray(_to_8_bits(values, self._header.bits))


def _to_8_bits(values: NDArray, bits: int) -> NDArray[np.uint8]:
    if values.dtype == np.uint8 and bits == 8:
        return values
    white = 1.0 if values.dtype.kind == "f" else 2.0**bits - 1
    scaled = np.nan_to_num(values.astype(np.float32), nan=0.0) * np.float32(255 / white)
    return (scaled + 0.5).clip(0, 255).astype(np.uint8)


def read_jpeg_xl_header(file: BinaryIO) -> Header:
    """Read the header of a JPEG XL file.

    Parameters
    ----------
    file : binary file

    Returns
    -------
    Header

    Raises
    ------
    ValueError
        The header is cut short.
    """
    bits = _Bits(_head_of_codestream(file)[len(SIGNATURES[0]) :])
    size = _read_size(bits)
    if bits.read():  # all as usual
        return Header(size)
    is_animated = False
    if bits.read():
        if bits.read(3) >= 4:  # turned by 90°
            size = size[::-1]
        if bits.read():  # the display size
            _read_size(bits)
        if bits.read():
            _read_size(bits, preview=True)
        is_animated = bool(bits.read())
        if is_animated:
            _skip_animation(bits)
    depth = _read_depth(bits)
    bits.read()  # whether 16-bit buffers suffice
    channels = [_read_channel(bits) for _ in range(bits.number((0, 0), (0, 1), (4, 2), (12, 1)))]
    return Header(size, is_animated, depth, _ALPHA in channels, _BLACK in channels)


def read_jpeg_xl_metadata(file: BinaryIO) -> tuple[bytes, bytes]:
    """Return the EXIF block and the XMP packet of a JPEG XL file; empty if missing.

    Notes
    -----
    The orientation in EXIF is void: only that of the codestream counts, and is applied already.
    """
    found = {b"Exif": b"", b"xml ": b""}
    for kind, span in find_boxes(file, whole_file(file)):
        if kind not in (*found, b"brob"):
            continue
        content = read_span(file, span, LONGEST_PACKET)
        if kind == b"brob" and content[:4] in found:
            import imagecodecs

            kind = content[:4]
            content = bytes(imagecodecs.brotli_decode(content[4:], out=LONGEST_PACKET))
        if kind in found:
            found[kind] = found[kind] or content
    start = int.from_bytes(found[b"Exif"][:4], "big")
    return found[b"Exif"][4 + start :], found[b"xml "]


def _head_of_codestream(file: BinaryIO) -> bytes:
    file.seek(0)
    head = file.read(_HEADER_BYTES)
    if head.startswith(SIGNATURES[0]):
        return head
    head = b""
    for kind, (start, end) in find_boxes(file, whole_file(file)):
        if kind in (b"jxlc", b"jxlp"):  # all of it, or a part after its number
            file.seek(start + 4 * (kind == b"jxlp"))
            head += file.read(min(_HEADER_BYTES, end - file.tell()))
        if len(head) >= _HEADER_BYTES:
            break
    return head


class _Bits:
    """Reads numbers from bytes, the lowest bit first."""

    def __init__(self, content: bytes) -> None:
        self._value = int.from_bytes(content, "little")
        self._left = 8 * len(content)

    def read(self, n: int = 1) -> int:
        """Read a number of n bits."""
        if n > self._left:
            raise ValueError("JPEG XL header is truncated")
        value = self._value & ((1 << n) - 1)
        self._value >>= n
        self._left -= n
        return value

    def number(self, *ways: tuple[int, int]) -> int:
        """Read a number in one of four encodings."""
        n, more = ways[self.read(2)]
        return self.read(n) + more


def _read_size(bits: _Bits, *, preview: bool = False) -> tuple[int, int]:
    in_eighths = bits.read()

    def side() -> int:
        if in_eighths:
            return 8 * (bits.number(*_PREVIEW_EIGHTHS) if preview else bits.read(5) + 1)
        return bits.number(*(_PREVIEW_SIDE if preview else _SIDE))

    height = side()
    ratio = bits.read(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _skip_animation(bits: _Bits) -> None:
    bits.number((0, 100), (0, 1000), (10, 1), (30, 1))
    bits.number((0, 1), (0, 1001), (8, 1), (10, 1))
    bits.number((0, 0), (3, 0), (16, 0), (32, 0))
    bits.read()


def _read_depth(bits: _Bits) -> int:
    if not bits.read():
        return bits.number((0, 8), (0, 10), (0, 12), (6, 1))
    depth = bits.number((0, 32), (0, 16), (0, 24), (6, 1))
    bits.read(4)  # those of the exponent
    return depth


def _read_channel(bits: _Bits) -> int:
    """Read the kind of an extra channel."""
    if bits.read():  # all as usual
        return _ALPHA
    kind = bits.number(*_ENUM)
    _read_depth(bits)
    bits.number((0, 0), (0, 3), (0, 4), (3, 1))
    bits.read(8 * bits.number((0, 0), (4, 0), (5, 16), (10, 48)))  # its name
    if kind == _ALPHA:
        bits.read()
    elif kind == _SPOT_COLOUR:
        bits.read(4 * 16)
    elif kind == _FILTER_ARRAY:
        bits.number((0, 1), (2, 0), (4, 3), (8, 19))
    return kind
