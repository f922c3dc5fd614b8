"""Detect pictures with lossless compression."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PIL import Image

_ALWAYS = frozenset({"PNG", "BMP", "PPM", "PSD", "ICO", "TGA"})

# Lossless compressions of TIFF: none, fax, LZW, Deflate, PackBits, LZMA, Zstandard.
_COMPRESSION, _EXACT = 259, frozenset({1, 2, 3, 4, 5, 8, 32771, 32773, 32946, 34925, 50000})

# A photo reduced to a palette uses more colours of it, a drawing made with one uses fewer.
_FEW_COLOURS = 128

_MOST_CHUNKS = 10_000


def is_lossless(picture: Image.Image, format: str, path: Path) -> bool:
    """Return whether a file is known from its header to be lossless.

    Parameters
    ----------
    picture : PIL.Image.Image
        Opened but not decoded, at its first frame.
    format : str
        Format of the file, see `PhotoHeader`.
    path : Path
        The file.

    Returns
    -------
    bool
        False for raw files, for JPEG 2000, JPEG XL, HEIC and AVIF, whose headers do not show it,
        and for palettes of more than 128 colours, to which a photo may have been reduced.
    """
    if format == "WEBP":
        return _is_lossless_webp(path)
    if format == "TIFF":
        tags = getattr(picture, "tag_v2", {})
        return tags.get(_COMPRESSION, 1) in _EXACT and picture.mode != "P"
    if picture.mode == "P":
        palette = picture.palette
        colours = len(palette.palette) // len(palette.rawmode or palette.mode) if palette else 256
        return format in {*_ALWAYS, "GIF"} and colours <= _FEW_COLOURS
    return format in _ALWAYS


def _is_lossless_webp(path: Path) -> bool:
    kinds = {kind for kind in _webp_chunks(path) if kind in (b"VP8 ", b"VP8L")}
    return kinds == {b"VP8L"}


def _webp_chunks(path: Path) -> Iterator[bytes]:
    """Yield the kinds of the chunks of a WebP file, including those within frames."""
    with path.open("rb") as file:
        start = 12  # after the name of the format and the size of the file
        for _ in range(_MOST_CHUNKS):
            file.seek(start)
            head = file.read(8)
            if len(head) < 8:
                return
            yield head[:4]
            # The chunks of a frame follow its header of 16 bytes.
            size = int.from_bytes(head[4:], "little")
            start += 8 + (16 if head[:4] == b"ANMF" else size + size % 2)
