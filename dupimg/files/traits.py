"""Read the traits of a picture file: pages, camera, exposure, place, keywords and so on.

They help to choose keepers and to pair companions, and they show that similar pictures are no
copies: a document with other pages, another exposure. Traits come from the header of the picture;
broken or hostile metadata counts as missing.
"""

from __future__ import annotations

import contextlib
import math
import re
import struct
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from dupimg.files.lossless import is_lossless
from dupimg.files.xmp import read_xmp

if TYPE_CHECKING:
    from pathlib import Path

    from PIL import Image

    from dupimg.files.metadata import Tags

# The kinds of metadata that `Traits.metadata` names, in this order.
CAMERA, PLACE, RATING, KEYWORDS = "camera", "place", "rating", "keywords"

_MAKE, _MODEL, _MAKER_NOTE = 0x010F, 0x0110, 0x927C
_RATING_TAG, _WINDOWS_TITLE, _WINDOWS_KEYWORDS = 0x4746, 0x9C9B, 0x9C9E
_IPTC_TITLE, _IPTC_KEYWORD = (2, 5), (2, 25)
# Exposure time in seconds, f-number, ISO and exposure bias in stops.
_EXPOSURE = (0x829A, 0x829D, 0x8827, 0x9204)
_ISO_ELSEWHERE = 65535  # ISO value that is too large for this tag
_XMP_NAMES = frozenset({"xmp:Rating", "dc:subject", "dc:title"})

# Apple's maker note is a separate TIFF directory after a signature.
_APPLE = b"Apple iOS\0\0\1MM"
_APPLE_CONTENT_ID = 0x0011
_ASCII = 2

# Formats whose further frames are frames or pages; in other formats they are layers, thumbnails or
# a phone's second pictures.
PAGED_FORMATS = frozenset({"TIFF", "GIF", "PNG", "WEBP", "AVIF", "HEIF", "JXL"})
# Most pages to count.
_MOST_FRAMES = 10_000
_SUBFILE_TYPE, _REDUCED = 0x00FE, 1

_LONGEST_TEXT = 200
_MOST_KEYWORDS = 200


@dataclass(frozen=True)
class Traits:
    """Properties of a picture file beside its pixels.

    Attributes
    ----------
    frames : int
        Pages of a TIFF, frames of an animation.
    camera : str
        Make and model; empty if the file does not say.
    metadata : tuple of str
        Those of "camera", "place", "rating" and "keywords" that the file has, in this order.
    content_id : str
        Apple's identifier of a Live Photo, which its photo and its video share; else empty.
    rating : int
        1 to 5 stars; 0 for none.
    keywords : tuple of str
    title : str
    exposure : tuple of (float or None), of length 4
        Exposure time in seconds, f-number, ISO, exposure bias in stops; None if unknown.
    format : str
        See `PhotoHeader.format`; empty if unknown.
    has_alpha : bool
        Whether there is an alpha channel; only decoding shows whether any pixel is transparent.
    lossless : bool
        Whether its compression is lossless, see `dupimg.files.lossless`.
    """

    frames: int = 1
    camera: str = ""
    metadata: tuple[str, ...] = ()
    content_id: str = ""
    rating: int = 0
    keywords: tuple[str, ...] = ()
    title: str = ""
    exposure: tuple[float | None, ...] = (None,) * 4
    format: str = ""
    has_alpha: bool = False
    lossless: bool = False

    @property
    def is_raw(self) -> bool:
        """Whether it is a raw file of a camera."""
        return self.format == "RAW"

    def to_json(self) -> list[Any]:
        """Return the traits as JSON values, which `from_json` reads."""
        return list(astuple(self))

    @classmethod
    def from_json(cls, values: list[Any]) -> Traits:
        """Return the traits from the values of `to_json`."""
        known: list[Any] = [tuple(v) if isinstance(v, list) else v for v in values]
        return cls(*known)


def read_traits(
    picture: Image.Image, tags: Tags, format: str, path: Path, *, has_place: bool
) -> Traits:
    """Read the traits of an opened picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        Not decoded. Its current frame may change.
    tags : Tags
        Its metadata.
    format : str
        Format of the file, see `PhotoHeader`.
    path : Path
        The file.
    has_place : bool
        Whether the tags contain a place.

    Returns
    -------
    Traits
    """
    lossless = is_lossless(picture, format, path)  # before the current frame changes
    exif = tags.exif
    camera = " ".join(filter(None, (_text(exif.get(_MAKE)), _text(exif.get(_MODEL)))))
    xmp = read_xmp(tags.xmp, _XMP_NAMES) if tags.xmp else {}
    iptc = tags.iptc_texts
    rating = _stars(exif.get(_RATING_TAG)) or _stars(xmp.get("xmp:Rating"))
    keywords = (
        xmp.get("dc:subject", "").split("\n"),
        iptc.get(_IPTC_KEYWORD, []),
        _windows_text(exif.get(_WINDOWS_KEYWORDS)).split(";"),
    )
    titles = (
        xmp.get("dc:title", ""),
        *iptc.get(_IPTC_TITLE, []),
        _windows_text(exif.get(_WINDOWS_TITLE)),
    )
    known = {
        CAMERA: bool(camera),
        PLACE: has_place,
        RATING: rating > 0,
        KEYWORDS: any(map(_words, keywords)),
    }
    return Traits(
        frames=1 if format == "RAW" else _count_frames(picture),
        camera=camera,
        metadata=tuple(name for name, is_known in known.items() if is_known),
        content_id=_apple_content_id(exif.get(_MAKER_NOTE)),
        rating=rating,
        keywords=next(filter(None, map(_words, keywords)), ()),
        title=next(filter(None, map(_first_line, titles)), ""),
        exposure=tuple(_number(exif.get(tag)) for tag in _EXPOSURE),
        format=format,
        has_alpha=picture.has_transparency_data,
        lossless=lossless,
    )


# Words that makers add to their names.
_COMPANY = re.compile(
    r"(?:corporation|corp|company|co|inc|ltd|gmbh|ag|imaging|techwin|camera)[.,]*"
    r"(?:,? ?ltd\.?)?,?",
    re.IGNORECASE,
)


def tidy_camera(camera: str) -> str:
    """Return make and model in common spelling.

    Parameters
    ----------
    camera : str
        Make and model as in files, see `Traits`.

    Examples
    --------
    >>> tidy_camera("NIKON CORPORATION NIKON D90"), tidy_camera("Canon Canon EOS 5D")
    ('NIKON D90', 'Canon EOS 5D')
    >>> tidy_camera("OLYMPUS IMAGING CORP. E-M10")
    'OLYMPUS E-M10'
    """
    words = camera.split()
    lower = [word.casefold() for word in words]
    for i, word in enumerate(lower):
        if word in lower[i + 1 :]:  # most models start with the make
            return " ".join(words[lower.index(word, i + 1) :])
    return " ".join([*words[:1], *(word for word in words[1:] if not _COMPANY.fullmatch(word))])


def is_reduced_page(picture: Image.Image) -> bool:
    """Return whether the current page of a TIFF is a smaller version of another one."""
    tags = getattr(picture, "tag_v2", {})
    return bool(int(tags.get(_SUBFILE_TYPE, 0)) & _REDUCED)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.replace(b"\0", b"").decode("latin-1")
    return str(value or "").strip(" \0\t\r\n")[:_LONGEST_TEXT]


def _windows_text(value: Any) -> str:
    """Decode a text that Windows writes into EXIF in UTF-16, maybe as a list of bytes."""
    with contextlib.suppress(TypeError, ValueError):
        return bytes(value).decode("utf-16-le").strip("\0 ") if value else ""
    return ""


def _words(texts: list[str]) -> tuple[str, ...]:
    stripped = (text.strip()[:_LONGEST_TEXT] for text in texts[:_MOST_KEYWORDS])
    return tuple(dict.fromkeys(filter(None, stripped)))


def _first_line(text: str) -> str:
    return next(iter(_words(text.strip().split("\n"))), "")


def _stars(value: Any) -> int:
    """Parse a number of stars from 1 to 5; programs write it as 3, "3" or "3.0"."""
    with contextlib.suppress(TypeError, ValueError, OverflowError):
        stars = int(float(value))
        return stars if 1 <= stars <= 5 else 0
    return 0


def _number(value: Any) -> float | None:
    """Return a number of EXIF; None if it is missing, broken or stored elsewhere."""
    with contextlib.suppress(TypeError, ValueError, ArithmeticError, LookupError):
        number = float(value[0] if isinstance(value, tuple) else value)
        return number if math.isfinite(number) and number != _ISO_ELSEWHERE else None
    return None


def _count_frames(picture: Image.Image) -> int:
    """Count pages and frames, without thumbnails, layers and a phone's second pictures."""
    if picture.format not in PAGED_FORMATS:
        return 1
    with contextlib.suppress(Exception):  # count the pages before a broken one
        if picture.format == "TIFF":
            return _count_pages(picture)
        return max(1, min(int(getattr(picture, "n_frames", 1)), _MOST_FRAMES))
    return 1


def _count_pages(picture: Image.Image) -> int:
    pages = 0
    for number in range(_MOST_FRAMES):
        try:
            picture.seek(number)
        except (EOFError, OSError, ValueError):
            break
        pages += not is_reduced_page(picture)
    return max(1, pages)


def _apple_content_id(note: Any) -> str:
    """Return the identifier of a Live Photo in Apple's maker note, if there is one."""
    if not isinstance(note, bytes) or not note.startswith(_APPLE):
        return ""
    with contextlib.suppress(struct.error, UnicodeDecodeError):
        (count,) = struct.unpack_from(">H", note, len(_APPLE))
        for i in range(min(count, 200)):
            tag, kind, length, start = struct.unpack_from(">HHII", note, len(_APPLE) + 2 + 12 * i)
            if tag == _APPLE_CONTENT_ID and kind == _ASCII and 4 < length < 200:
                return note[start : start + length].rstrip(b"\0").decode("ascii")
    return ""
