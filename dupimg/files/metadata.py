"""Read the date and place of a photo from its metadata: EXIF, XMP, IPTC, PNG texts, GPS.

Nothing here decodes pixels or raises: broken metadata does not make a picture unreadable.
"""

from __future__ import annotations

import contextlib
import email.utils
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from PIL import ExifTags, Image, TiffImagePlugin

from dupimg.files.boxes import find_boxes, read_span, whole_file
from dupimg.files.capture_time import Stamp, parse_stamp
from dupimg.files.jpeg_xl import read_jpeg_xl_metadata
from dupimg.files.png_chunks import read_png_chunks
from dupimg.files.xmp import LONGEST_PACKET, read_xmp

# EXIF tags: (field, date and time, fraction of a second, offset from UTC).
_EXIF_TIMES = (
    ("exif_original", 0x9003, 0x9291, 0x9011),  # DateTimeOriginal
    ("digitized", 0x9004, 0x9292, 0x9012),  # DateTimeDigitized
    ("edited", 0x0132, 0x9290, 0x9010),  # DateTime
)
_XMP_TIMES = {
    "exif:DateTimeOriginal": "xmp",
    "photoshop:DateCreated": "xmp",
    "xmp:CreateDate": "digitized",
}
_XMP_PLACE = ("exif:GPSLatitude", "exif:GPSLongitude")
XMP_NAMES = frozenset({*_XMP_TIMES, *_XMP_PLACE, "exif:GPSTimeStamp"})

# Tags of TIFF files, and the ids of the same data in Photoshop's resource blocks.
_XMP_TAG, _IPTC_TAG = 0x02BC, 0x83BB
_IPTC_RESOURCE, _EXIF_RESOURCE, _XMP_RESOURCE = 0x0404, 0x0422, 0x0424
_IPTC_DATE, _IPTC_TIME = (2, 55), (2, 60)
_IPTC_UTF8 = (1, 90, b"\x1b%G")
_MOST_DATASETS = 10_000

# Errors raised by values of unexpected types and sizes.
_BROKEN = (TypeError, ValueError, LookupError, ArithmeticError)

_PNG_XMP, _PNG_IPTC = "XML:com.adobe.xmp", "Raw profile type iptc"
_PNG_TIMES = ("Creation Time", "CreationTime")
# Boxes of JPEG 2000.
_JP2_EXIF, _JP2_XMP = b"JpgTiffExif->JP2", bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_JP2_IPTC = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")


@dataclass(frozen=True)
class Metadata:
    """The date and place of a photo, as far as its file states them.

    Attributes
    ----------
    stamps : tuple of Stamp
    place : (float, float) or None
        Latitude and longitude in degrees.
    """

    stamps: tuple[Stamp, ...] = ()
    place: tuple[float, float] | None = None

    def to_json(self) -> list[Any]:
        """Return the metadata as JSON values."""
        return [[stamp.to_json() for stamp in self.stamps], self.place]

    @staticmethod
    def from_json(values: Any) -> Metadata:
        """Return the metadata from the values of `to_json`."""
        stamps, place = values
        return Metadata(tuple(map(Stamp.from_json, stamps)), tuple(place) if place else None)


@dataclass
class Tags:
    """The raw metadata of a picture.

    Attributes
    ----------
    exif, gps : dict of int to object
        EXIF tags of the main and the Exif directory, and of the GPS directory.
    xmp, iptc : bytes
        Empty if there is none.
    png_time : str
    """

    exif: dict[int, Any] = field(default_factory=dict)
    gps: dict[int, Any] = field(default_factory=dict)
    xmp: bytes = b""
    iptc: bytes = b""
    png_time: str = ""

    @property
    def metadata(self) -> Metadata:
        """The parsed metadata."""
        properties = read_xmp(self.xmp, XMP_NAMES) if self.xmp else {}
        stamps = [
            *_exif_stamps(self.exif),
            *xmp_stamps(properties),
            *_iptc_stamps(self.iptc),
            *_gps_stamps(self.gps),
            *_png_stamps(self.png_time),
        ]
        return Metadata(tuple(stamps), _gps_place(self.gps) or xmp_place(properties))

    @property
    def iptc_texts(self) -> dict[tuple[int, int], list[str]]:
        """The texts of the IPTC block, by record and number of their datasets."""
        return _iptc_texts(self.iptc)


def read_tags(picture: Image.Image, path: Path) -> Tags:
    """Read the metadata of an opened picture without decoding its pixels.

    Parameters
    ----------
    picture : PIL.Image.Image
        For a raw file its preview, with the EXIF tags of the raw file.
    path : Path
        The file.
    """
    tags = Tags()
    apart = _Extra()
    with contextlib.suppress(Exception):
        apart = _read_extra(picture, path)
    with contextlib.suppress(Exception):  # keeps the tags before a broken one
        exif = _open_exif(picture, apart.exif)
        tags.exif.update(exif)
        with contextlib.suppress(Exception):
            tags.gps.update(exif.get_ifd(ExifTags.IFD.GPSInfo))
        tags.exif.update(exif.get_ifd(ExifTags.IFD.Exif))
    packets = (picture.info.get("xmp"), apart.xmp, tags.exif.get(_XMP_TAG))
    tags.xmp = next(filter(None, map(_bytes, packets)), b"")
    tags.iptc = apart.iptc
    tags.png_time = apart.png_time
    return tags


@dataclass
class _Extra:
    """Metadata in places that Pillow ignores."""

    exif: bytes = b""
    xmp: bytes = b""
    iptc: bytes = b""
    png_time: str = ""


def _read_extra(picture: Image.Image, path: Path) -> _Extra:
    if picture.format == "PNG":
        with path.open("rb") as file:
            chunks = read_png_chunks(file)
        texts = chunks.texts
        time = next((texts[name] for name in _PNG_TIMES if name in texts), b"")
        iptc = _raw_profile(texts.get(_PNG_IPTC, b""))
        return _Extra(chunks.exif, texts.get(_PNG_XMP, b""), iptc, time.decode("utf-8", "replace"))
    if picture.format == "JPEG2000":
        with path.open("rb") as file:
            boxes = [span for kind, span in find_boxes(file, whole_file(file)) if kind == b"uuid"]
            contents = [read_span(file, span, LONGEST_PACKET) for span in boxes]
        named = {content[:16]: content[16:] for content in contents}
        exif, xmp, iptc = (named.get(kind, b"") for kind in (_JP2_EXIF, _JP2_XMP, _JP2_IPTC))
        return _Extra(exif, xmp, iptc)
    if picture.format == "JXL":
        with path.open("rb") as file:
            return _Extra(*read_jpeg_xl_metadata(file))
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        # Programs declare the bytes as integers; Pillow's own IPTC reader converts them, too.
        return _Extra(iptc=picture.tag_v2._tagdata.get(_IPTC_TAG, b""))
    return _photoshop_metadata(picture)


def _photoshop_metadata(picture: Image.Image) -> _Extra:
    """Return the metadata in Photoshop's resource blocks of JPEG and PSD files."""
    blocks: Any = picture.info.get("photoshop", {})
    if picture.format == "PSD":
        blocks = {number: data for number, _, data in getattr(picture, "resources", ())}
    numbers = (_EXIF_RESOURCE, _XMP_RESOURCE, _IPTC_RESOURCE)
    exif, xmp, iptc = (_bytes(blocks.get(number)) for number in numbers)
    return _Extra(exif, xmp, iptc)


def _raw_profile(text: bytes) -> bytes:
    """Return the IPTC block that ImageMagick writes into PNG in hexadecimal."""
    content = bytes.fromhex("".join(text.decode("ascii").split()[2:]))
    return content[max(0, content.find(b"\x1c\x02")) :]


def _open_exif(picture: Image.Image, apart: bytes) -> Image.Exif:
    """Return the EXIF tags of a picture; `apart` are those that Pillow does not find."""
    # To find tags after the pixels of a PNG, Pillow would decode it.
    known = {"exif", "Raw profile type exif"} & picture.info.keys()
    if known or not (apart or picture.format == "PNG"):
        return picture.getexif()
    exif = Image.Exif()
    exif.load(apart)
    if picture.format != "PNG":  # which is not turned upright either
        exif.pop(ExifTags.Base.Orientation, None)
    return exif


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else b""


def _exif_stamps(exif: Mapping[int, Any]) -> Iterator[Stamp]:
    for name, date_tag, fraction_tag, offset_tag in _EXIF_TIMES:
        date, fraction, offset = (_text(exif, t) for t in (date_tag, fraction_tag, offset_tag))
        if (stamp := parse_stamp(name, date, fraction=fraction, offset=offset)) is not None:
            yield stamp


def _text(tags: Mapping[int, Any], tag: int) -> str:
    value = tags.get(tag, "")
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _gps_stamps(gps: Mapping[int, Any]) -> Iterator[Stamp]:
    date = _text(gps, ExifTags.GPS.GPSDateStamp)
    with contextlib.suppress(*_BROKEN):
        hour, minute, second = map(float, gps.get(ExifTags.GPS.GPSTimeStamp) or ())
        date = f"{date} {int(hour)}:{int(minute)}:{second:09.6f}"
    if (stamp := parse_stamp("gps", date, is_utc=True)) is not None:
        yield stamp


def _gps_place(gps: Mapping[int, Any]) -> tuple[float, float] | None:
    with contextlib.suppress(*_BROKEN):
        degrees = [
            sum(float(part) / 60**power for power, part in enumerate(gps[tag]))
            for tag in (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLongitude)
        ]
        for axis, tag in enumerate((ExifTags.GPS.GPSLatitudeRef, ExifTags.GPS.GPSLongitudeRef)):
            if _text(gps, tag).strip("\0 ").upper() in ("S", "W"):
                degrees[axis] *= -1
        return to_place(*degrees)
    return None


def to_place(latitude: float, longitude: float) -> tuple[float, float] | None:
    """Return coordinates; None if they are impossible, or zero as from a receiver without a fix."""
    is_place = abs(latitude) <= 90 and abs(longitude) <= 180
    return (latitude, longitude) if is_place and (latitude or longitude) else None


def xmp_stamps(
    properties: Mapping[str, str], fields: Mapping[str, str] = _XMP_TIMES
) -> list[Stamp]:
    """Return the dates of XMP properties.

    Parameters
    ----------
    properties : mapping of str to str
        See `dupimg.files.xmp.read_xmp`.
    fields : mapping of str to str
        Property → field of the stamp.
    """
    stamps = [parse_stamp(name, properties.get(key, "")) for key, name in fields.items()]
    stamps.append(parse_stamp("gps", properties.get("exif:GPSTimeStamp", ""), is_utc=True))
    return [stamp for stamp in stamps if stamp is not None]


def xmp_place(properties: Mapping[str, str]) -> tuple[float, float] | None:
    """Return the coordinates in XMP properties, such as ``40,14.078N`` or ``37,46,29N``."""
    degrees = []
    for name in _XMP_PLACE:
        found = re.match(r"(\d+),(\d+(?:\.\d+)?)(?:,(\d+))?([NSEW])", properties.get(name, ""))
        if found is None:
            return None
        size = int(found[1]) + float(found[2]) / 60 + int(found[3] or 0) / 3600
        degrees.append(-size if found[4] in "SW" else size)
    return to_place(*degrees)


def _iptc_stamps(block: bytes) -> Iterator[Stamp]:
    texts = _iptc_texts(block)
    date, time = (texts.get(name, [""])[0] for name in (_IPTC_DATE, _IPTC_TIME))
    if found := re.fullmatch(r"(\d{4})(\d\d)(\d\d)", date):
        date = "-".join(found.groups())
        if clock := re.match(r"(\d\d)(\d\d)(\d\d)([+-]\d{4})?", time):
            date += f" {clock[1]}:{clock[2]}:{clock[3]}{clock[4] or ''}"
        if (stamp := parse_stamp("iptc", date)) is not None:
            yield stamp


def _iptc_texts(block: bytes) -> dict[tuple[int, int], list[str]]:
    """Return the datasets of an IPTC block by record and number."""
    texts: dict[tuple[int, int], list[str]] = {}
    coding = "latin-1"
    at = 0
    for _ in range(_MOST_DATASETS):
        head = block[at : at + 5]
        length = int.from_bytes(head[3:], "big")
        if len(head) < 5 or head[0] != 0x1C or length >= 0x8000:  # a longer one holds no date
            break
        record, number = head[1], head[2]
        content = block[at + 5 : at + 5 + length]
        if (record, number, content) == _IPTC_UTF8:
            coding = "utf-8"
        text = content.decode(coding, "replace").strip("\0 ")
        texts.setdefault((record, number), []).append(text)
        at += 5 + length
    return texts


def _png_stamps(text: str) -> Iterator[Stamp]:
    """Yield the date of a PNG: by the standard in the format of e-mails, in practice often not."""
    stamp = parse_stamp("png", text)
    if stamp is None:
        with contextlib.suppress(TypeError, ValueError):
            moment = email.utils.parsedate_to_datetime(text)
            stamp = Stamp("png", moment, is_utc=moment.utcoffset() == timedelta(0))
    if stamp is not None:
        yield stamp
