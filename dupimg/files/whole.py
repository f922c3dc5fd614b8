"""Read all pixels of a picture: every frame and page at full size, upright, with alpha.

Two files have identical pixels if the digests of their pixels are equal. A digest covers the size,
all channels of all pixels (even hidden by transparency) and the bytes of the colour profile, unless
it is sRGB. Animations must also have the same durations.
"""

from __future__ import annotations

import base64
import hashlib
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from dupimg.files.deep_tiff import is_misread
from dupimg.files.images import to_rgb, turn_of, upright_turn
from dupimg.files.opening import MAX_PIXELS, UnreadablePhoto, check_size, open_picture
from dupimg.files.traits import PAGED_FORMATS, is_reduced_page
from dupimg.messages import message

# Part of the cache's key: count it up whenever digests or small frames may change.
WHOLE_VERSION = 2

# A picture with more frames is not compared.
_MOST_FRAMES = 1000

# Formats whose frames follow each other in time; pages of a TIFF do not.
_ANIMATED = frozenset({"GIF", "PNG", "WEBP", "AVIF"})

# Milliseconds: durations are rounded to whole ones.
_SAME_DURATION = 1.0

# Rows of pixels to convert at once.
_STRIP = 256

# Modes that convert to RGBA without loss; pixels in others only equal pixels in the same mode.
_EXACT_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA"})

# Formats that always have 8 bits a channel. Decoders reduce deeper pixels to 8 bits, so that
# these cannot be compared exactly.
_ALWAYS_8_BITS = frozenset({"JPEG", "MPO", "WEBP", "GIF", "BMP"})
_BITS_PER_SAMPLE = 258

_SRGB_GAMMA = 0.45455

# Sides of the small versions of a transparent picture and of the frames of an animation.
_SIDE, _FRAME_SIDE = 32, 16

# Most grey levels, of 255, by which compression or resizing changes a cell of a small version.
_MOST_DIFFERENCE = 32


@dataclass(frozen=True, eq=False)
class Whole:
    """A summary of all pixels of a file.

    Attributes
    ----------
    pixels : str
        Digest of all pixels; empty if the decoder cannot return them exactly.
    frames : ndarray of shape (n_frames, side, side, 4), uint8
        Small versions of all frames, RGB times alpha and alpha; empty for a single picture without
        an alpha channel.
    timing : tuple of float
        For an animation the number of plays, 0 for endless, and the milliseconds of each frame;
        otherwise empty.
    """

    pixels: str
    frames: NDArray[np.uint8]
    timing: tuple[float, ...] = ()

    def has_pixels_of(self, other: Whole) -> bool:
        """Return whether both files have identical pixels and durations."""
        return bool(self.pixels) and self.pixels == other.pixels and self.has_timing_of(other)

    def has_timing_of(self, other: Whole) -> bool:
        """Return whether two animations have the same durations and number of plays."""
        return len(self.timing) == len(other.timing) and all(
            abs(one - two) < _SAME_DURATION
            for one, two in zip(self.timing, other.timing, strict=True)
        )

    def has_transparency_of(self, other: Whole) -> bool:
        """Return whether both files are transparent in the same cells."""
        if not (len(self.frames) and len(other.frames)):
            opaque = self.frames if len(self.frames) else other.frames
            return bool((opaque[..., 3] >= 255 - _MOST_DIFFERENCE).all())
        if self.frames.shape != other.frames.shape:
            return False
        return _most_difference(self.frames[..., 3], other.frames[..., 3]) <= _MOST_DIFFERENCE

    def has_frames_of(self, other: Whole) -> bool:
        """Return whether both files have equally many frames that look alike."""
        if max(len(self.frames), len(other.frames)) <= 1:
            return True
        return (
            self.frames.shape == other.frames.shape
            and _most_difference(self.frames, other.frames) <= _MOST_DIFFERENCE
        )

    def to_json(self) -> list[Any]:
        """Return the summary as JSON values, which `from_json` reads."""
        packed = base64.b85encode(zlib.compress(self.frames.tobytes())).decode("ascii")
        return [self.pixels, list(self.frames.shape), packed, list(self.timing)]

    @classmethod
    def from_json(cls, values: list[Any]) -> Whole:
        """Return the summary from the values of `to_json`."""
        pixels, shape, packed, timing = values
        content = zlib.decompress(base64.b85decode(packed))
        return cls(pixels, np.frombuffer(content, np.uint8).reshape(shape), tuple(timing))


def read_whole(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> Whole:
    """Decode all frames and pages of a picture, one after the other.

    Parameters
    ----------
    path : str or path-like
        The file.
    max_pixels : int, default=500_000_000
        A picture with a larger frame is unreadable.

    Returns
    -------
    Whole

    Raises
    ------
    UnreadablePhoto
        As `read_photo` does; also for a picture with more than 1,000 frames.

    Notes
    -----
    One frame at a time is in memory, twice if it is turned. A JPEG of 24 megapixels takes 0.4 s.
    """
    with open_picture(path, max_pixels) as (picture, _, format):
        is_exact = format != "RAW" and _is_8_bits(picture)
        digest = hashlib.blake2b(_profile(picture), digest_size=32)
        small = []
        durations = []
        for frame in _frames(picture, max_pixels):
            is_exact = is_exact and _is_8_bits(picture)
            with turn_of(picture):
                frame.load()
                durations.append(float(frame.info.get("duration") or 0))
                turn = upright_turn(frame)
                upright = frame if turn is None else frame.transpose(turn)
                if is_exact:
                    _add_pixels(digest, upright)
                if frame.has_transparency_data or _n_frames(picture) > 1:
                    small.append(_small(upright, _SIDE if _n_frames(picture) == 1 else _FRAME_SIDE))
        is_animation = len(small) > 1 and picture.format in _ANIMATED
        timing = (_n_plays(picture), *durations) if is_animation else ()
    frames = np.stack(small) if small else np.empty((0, _SIDE, _SIDE, 4), np.uint8)
    return Whole(digest.hexdigest() if is_exact else "", frames, timing)


def has_pages(path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS) -> bool:
    """Return whether a picture has several frames or pages."""
    with open_picture(path, max_pixels) as (picture, _, _):
        return _n_frames(picture) > 1


def read_pages(
    path: str | os.PathLike[str], *, max_pixels: int = MAX_PIXELS
) -> Iterator[Image.Image]:
    """Decode the frames or pages of a picture, one after the other, upright and in grey.

    Raises
    ------
    UnreadablePhoto
        As `read_whole` does.
    """
    with open_picture(path, max_pixels) as (picture, _, _):
        for frame in _frames(picture, max_pixels):
            with turn_of(picture):
                frame.load()
                turn = upright_turn(frame)
                upright = frame if turn is None else frame.transpose(turn)
                yield to_rgb(upright).convert("L")


def _n_plays(picture: Image.Image) -> float:
    """Return how often an animation is played; 0 for endless."""
    loop = picture.info.get("loop")
    if picture.format != "GIF":
        return float(loop or 0)
    if loop is None:
        return 1.0
    return loop + 1.0 if loop else 0.0  # Pillow counts the repetitions of a GIF


def _n_frames(picture: Image.Image) -> int:
    return int(getattr(picture, "n_frames", 1)) if picture.format in PAGED_FORMATS else 1


def _frames(picture: Image.Image, max_pixels: int) -> Iterator[Image.Image]:
    """Yield the undecoded picture at each of its frames."""
    n_frames = _n_frames(picture)
    if n_frames > _MOST_FRAMES:
        why = message("why.many_frames", number=str(n_frames))
        raise UnreadablePhoto(message("reason.unreadable", kind=str(picture.format), why=why))
    for number in range(n_frames):
        if n_frames > 1:
            picture.seek(number)
        if not (number and is_reduced_page(picture)):
            check_size(picture.size, max_pixels)
            yield picture


def _profile(picture: Image.Image) -> bytes:
    """Return the colour profile or gamma of a picture; empty for sRGB, the default."""
    profile = bytes(picture.info.get("icc_profile") or b"")
    gamma = picture.info.get("gamma", _SRGB_GAMMA)
    is_srgb = not profile or _is_srgb(profile)
    is_usual = profile or abs(gamma - _SRGB_GAMMA) < 0.001  # a profile overrides it
    return (b"" if is_srgb else profile) + (b"" if is_usual else repr(gamma).encode())


@lru_cache(maxsize=8)
def _is_srgb(profile: bytes) -> bool:
    """Return whether a profile equals sRGB, except for rounding."""
    levels = np.linspace(0, 255, 9).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(27, 27, 3)
    try:
        transform = ImageCms.profileToProfile(
            Image.fromarray(colours),
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
        )
    except (ImageCms.PyCMSError, OSError):  # broken, or of CMYK or grey
        return False
    return _most_difference(colours, np.asarray(transform)) <= 1


def _is_8_bits(picture: Image.Image) -> bool:
    """Return whether decoding the current frame keeps all bits of the pixels."""
    if picture.format in _ALWAYS_8_BITS:
        return True
    if picture.format == "TIFF":
        bits = getattr(picture, "tag_v2", {}).get(_BITS_PER_SAMPLE, (1,))
        return not is_misread(picture) and (picture.mode not in _EXACT_MODES or max(bits) <= 8)
    if picture.format == "HEIF":
        return picture.info.get("bit_depth") == 8
    if picture.format == "PNG":
        deep = any("16" in str(tile[3]) for tile in getattr(picture, "tile", ()))
        return not deep or picture.mode not in _EXACT_MODES
    return False


def _add_pixels(digest: hashlib.blake2b, frame: Image.Image) -> None:
    is_exact = frame.mode in _EXACT_MODES
    digest.update(repr((frame.size, "RGBA" if is_exact else frame.mode)).encode())
    for top in range(0, frame.height, _STRIP):
        strip = frame.crop((0, top, frame.width, min(top + _STRIP, frame.height)))
        digest.update((strip.convert("RGBA") if is_exact else strip).tobytes())


def _small(frame: Image.Image, side: int) -> NDArray[np.uint8]:
    """Average a frame over cells: RGB times alpha, and alpha."""
    rgba = frame if frame.mode == "RGBA" else _to_rgba(frame)
    cells = np.asarray(rgba.resize((side, side), Image.Resampling.BOX)).astype(np.uint16)
    cells[..., :3] = (cells[..., :3] * cells[..., 3:] + 127) // 255
    return cells.astype(np.uint8)


def _to_rgba(frame: Image.Image) -> Image.Image:
    return frame.convert("RGBA") if frame.mode in _EXACT_MODES else to_rgb(frame).convert("RGBA")


def _most_difference(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> int:
    return int(np.abs(one.astype(np.int16) - other).max(initial=0))
