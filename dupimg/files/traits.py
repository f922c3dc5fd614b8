"""Properties of a picture file beside its pixels: pages, camera, exposure, transparency.

Everything here is read from the header of the picture; broken or hostile metadata counts as none.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Any

from PIL import Image

_MAKE, _MODEL = 0x010F, 0x0110
# Exposure time in seconds, f-number, ISO and exposure bias in stops.
_EXPOSURE = (0x829A, 0x829D, 0x8827, 0x9204)
_ISO_ELSEWHERE = 65535  # of ISO: the number is too large for this tag

# Formats whose further frames are frames and pages: of others they are layers, thumbnails or the
# second pictures of a phone.
PAGED_FORMATS = frozenset({"TIFF", "GIF", "PNG", "WEBP", "AVIF", "HEIF"})
# A picture with more pages is not paged through to the end.
_MOST_FRAMES = 10_000
_SUBFILE_TYPE, _REDUCED = 0x00FE, 1

_LONGEST_TEXT = 200


@dataclass(frozen=True)
class Traits:
    """Properties of a picture file beside its pixels.

    Attributes
    ----------
    frames : int
        Pages of a TIFF, frames of an animation.
    camera : str
        Make and model; empty if the file does not say.
    exposure : tuple of (float or None), of length 4
        Exposure time in seconds, f-number, ISO, exposure bias in stops; None where the file does
        not say.
    format : str
        As `PhotoHeader.format`; empty if it is not known.
    has_alpha : bool
        Whether pixels may be transparent; whether any is, only decoding tells.
    """

    frames: int = 1
    camera: str = ""
    exposure: tuple[float | None, ...] = (None,) * 4
    format: str = ""
    has_alpha: bool = False

    @property
    def is_raw(self) -> bool:
        """Whether it is the raw file of a camera."""
        return self.format == "RAW"

    def to_json(self) -> list[Any]:
        """Return the traits as JSON values, which `from_json` reads."""
        return list(astuple(self))

    @classmethod
    def from_json(cls, values: list[Any]) -> Traits:
        """Return the traits that `to_json` wrote."""
        frames, camera, exposure, format, has_alpha = values
        return cls(frames, camera, tuple(exposure), format, has_alpha)


def read_traits(picture: Image.Image, exif: Mapping[int, Any], format: str) -> Traits:
    """Read the traits of an opened picture.

    Parameters
    ----------
    picture : PIL.Image.Image
        Not decoded. Its current frame may be another one afterwards.
    exif : mapping of int to object
        Its EXIF tags, main directory and Exif directory.
    format : str
        Of the file, see `PhotoHeader`.

    Returns
    -------
    Traits
    """
    return Traits(
        camera=" ".join(filter(None, (_text(exif.get(tag)) for tag in (_MAKE, _MODEL)))),
        exposure=tuple(_number(exif.get(tag)) for tag in _EXPOSURE),
        format=format,
        has_alpha=picture.has_transparency_data,
        frames=1 if format == "RAW" else _count_frames(picture),
    )


def is_reduced_page(picture: Image.Image) -> bool:
    """Return whether the current page of a TIFF is a smaller version of another one."""
    tags = getattr(picture, "tag_v2", {})
    return bool(int(tags.get(_SUBFILE_TYPE, 0)) & _REDUCED)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.replace(b"\0", b"").decode("latin-1")
    return str(value or "").strip(" \0\t\r\n")[:_LONGEST_TEXT]


def _number(value: Any) -> float | None:
    """Return a number of EXIF; None for one that is missing, broken or stands elsewhere."""
    with contextlib.suppress(TypeError, ValueError, ArithmeticError, LookupError):
        number = float(value[0] if isinstance(value, tuple) else value)
        return number if math.isfinite(number) and number != _ISO_ELSEWHERE else None
    return None


def _count_frames(picture: Image.Image) -> int:
    """Count pages and frames; thumbnails, layers and a phone's second pictures are none."""
    if picture.format not in PAGED_FORMATS:
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
        pages += not is_reduced_page(picture)
    return max(1, pages)
