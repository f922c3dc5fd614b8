"""Read the metadata of a PNG, before or after its pixels, without decoding them."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

_SIGNATURE_BYTES = 8
_LONGEST = 16_000_000
# Pixels come in many chunks of 8 KB and more.
_MOST_CHUNKS = 200_000


@dataclass(frozen=True)
class PngChunks:
    """The metadata of a PNG.

    Attributes
    ----------
    exif : bytes
        EXIF tags as a TIFF file; empty if there are none.
    texts : dict of str to bytes
        Texts by keyword, decompressed but not decoded.
    """

    exif: bytes = b""
    texts: dict[str, bytes] = field(default_factory=dict)


def read_png_chunks(file: BinaryIO) -> PngChunks:
    """Read EXIF tags and texts of a PNG.

    Parameters
    ----------
    file : binary file
        The PNG; it is read from its beginning.

    Returns
    -------
    PngChunks
        The first chunk of each kind and keyword counts; broken ones and those of more than 16 MB
        are left out.
    """
    file.seek(_SIGNATURE_BYTES)
    exif = b""
    texts: dict[str, bytes] = {}
    for _ in range(_MOST_CHUNKS):
        head = file.read(8)
        length, kind = int.from_bytes(head[:4], "big"), head[4:]
        if len(head) < 8 or kind == b"IEND":
            break
        if kind not in (b"eXIf", b"tEXt", b"zTXt", b"iTXt") or length > _LONGEST:
            file.seek(length + 4, 1)
            continue
        content = file.read(length)
        file.seek(4, 1)  # the checksum
        if kind == b"eXIf":
            exif = exif or content
        else:
            keyword, _, rest = content.partition(b"\0")
            texts.setdefault(keyword.decode("latin-1"), _text(kind, rest))
    return PngChunks(exif, texts)


def _text(kind: bytes, content: bytes) -> bytes:
    """Return the text of a chunk without its keyword; empty if it is broken."""
    if kind == b"tEXt":
        return content
    if kind == b"zTXt":
        return _inflated(content[1:])
    is_compressed, content = content[:1] == b"\1", content[2:]
    text = content.split(b"\0", 2)[-1]  # after the language and the translated keyword
    return _inflated(text) if is_compressed else text


def _inflated(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content, _LONGEST)
    except zlib.error:
        return b""
