"""What is in a picture file beside its pixels: pages, camera, place, rating, keywords.

It decides which duplicate stays and which files belong together. Everything here is read from the
header of the picture; broken or hostile metadata counts as none.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, Image

# The kinds of metadata that `Traits.metadata` names, in this order.
CAMERA, PLACE, RATING, KEYWORDS = "camera", "place", "rating", "keywords"

_MAKE, _MODEL, _MAKER_NOTE = 0x010F, 0x0110, 0x927C
_RATING_TAG, _WINDOWS_KEYWORDS = 0x4746, 0x9C9E

# Apple's maker note is a TIFF directory of its own, after a signature.
_APPLE = b"Apple iOS\0\0\1MM"
_APPLE_CONTENT_ID = 0x0011
_ASCII = 2

# A picture with more pages is not paged through to the end.
_MOST_FRAMES = 10_000

# An XMP packet may hold a whole second picture; ratings and keywords stand before that.
_XMP_BYTES = 1 << 20
_XMP_RATING = re.compile(rb"\bRating\s*(?:=\s*[\"']|>)\s*[1-5]")
_XMP_KEYWORDS = re.compile(rb"<dc:subject>.{0,200}?<rdf:li[^>]*>\s*[^\s<]", re.DOTALL)
_IPTC_RESOURCE, _IPTC_KEYWORD = 0x0404, b"\x1c\x02\x19"


@dataclass(frozen=True)
class Traits:
    """What a picture file holds beside its pixels.

    Attributes
    ----------
    frames : int
        Pages of a TIFF, frames of an animation.
    camera : str
        Make and model; empty if the file does not say.
    metadata : tuple of str
        Which of "camera", "place", "rating" and "keywords" the file knows, in this order.
    content_id : str
        Apple's identifier of a Live Photo, which its photo and its video share; else empty.
    """

    frames: int = 1
    camera: str = ""
    metadata: tuple[str, ...] = ()
    content_id: str = ""

    def to_json(self) -> list[Any]:
        """Return the traits as JSON values, which `from_json` reads."""
        return [self.frames, self.camera, list(self.metadata), self.content_id]

    @classmethod
    def from_json(cls, values: list[Any]) -> Traits:
        """Return the traits that `to_json` wrote."""
        frames, camera, metadata, content_id = values
        return cls(frames, camera, tuple(metadata), content_id)


def read_traits(picture: Image.Image, exif: Mapping[int, Any]) -> Traits:
    """Read the traits of an opened picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        Not decoded. Its current frame may be another one afterwards.
    exif : mapping of int to object
        Its EXIF tags, main directory and Exif directory.

    Returns
    -------
    Traits
    """
    camera = " ".join(filter(None, (_text(exif.get(_MAKE)), _text(exif.get(_MODEL)))))
    xmp, iptc = _packets(picture)
    known = {
        CAMERA: bool(camera),
        PLACE: _has_place(picture),
        RATING: _is_rated(exif) or _XMP_RATING.search(xmp) is not None,
        KEYWORDS: bool(_text(exif.get(_WINDOWS_KEYWORDS)))
        or _XMP_KEYWORDS.search(xmp) is not None
        or _IPTC_KEYWORD in iptc,
    }
    metadata = tuple(name for name, is_known in known.items() if is_known)
    content_id = _apple_content_id(exif.get(_MAKER_NOTE))
    return Traits(_count_frames(picture), camera, metadata, content_id)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.replace(b"\0", b"").decode("latin-1")
    return str(value or "").strip(" \0\t\r\n")[:200]


def _packets(picture: Image.Image) -> tuple[bytes, bytes]:
    """Return the beginnings of the XMP packet and of the IPTC records of a picture."""
    xmp = picture.info.get("xmp") or picture.info.get("XML:com.adobe.xmp") or b""
    if isinstance(xmp, str):
        xmp = xmp[:_XMP_BYTES].encode("utf-8", "replace")
    resources = picture.info.get("photoshop")
    iptc = resources.get(_IPTC_RESOURCE, b"") if isinstance(resources, dict) else b""
    return bytes(xmp[:_XMP_BYTES]), iptc if isinstance(iptc, bytes) else b""


def _has_place(picture: Image.Image) -> bool:
    """Return whether the GPS directory holds a latitude and a longitude."""
    if picture.format == "PNG" and not {"exif", "Raw profile type exif"} & picture.info.keys():
        return False  # Pillow would decode all pixels to look for it
    with contextlib.suppress(Exception):  # broken EXIF: no place
        place = picture.getexif().get_ifd(ExifTags.IFD.GPSInfo)
        numbers = [float(n) for tag in (2, 4) for n in place[tag]]
        return any(numbers)
    return False


def _is_rated(exif: Mapping[int, Any]) -> bool:
    rating = exif.get(_RATING_TAG)
    return isinstance(rating, int) and 1 <= rating <= 5


def _count_frames(picture: Image.Image) -> int:
    """Count pages and frames; thumbnails, layers and a phone's second pictures are none."""
    if picture.format not in ("TIFF", "GIF", "PNG", "WEBP", "AVIF", "HEIF", "JXL"):
        return 1
    with contextlib.suppress(Exception):  # a broken later page: those before it count
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
        is_reduced = int(getattr(picture, "tag_v2", {}).get(0x00FE, 0)) & 1
        pages += not is_reduced
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
