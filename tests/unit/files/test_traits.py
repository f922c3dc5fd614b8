"""Traits of picture files: camera, exposure, place, rating, keywords, title, pages, alpha."""

from __future__ import annotations

import io
import struct

import pytest
from files import save
from packets import box, exif, film, iptc, with_iptc
from PIL import Image

from dupimg.files.film_times import Film, read_film
from dupimg.files.images import read_header
from dupimg.files.traits import Traits

EXIF_DIRECTORY = 0x8769
PLACE = {1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)}
PHOTO = Image.new("RGB", (40, 30), "teal")
PACKET = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="5"
 xmlns:dc="http://purl.org/dc/elements/1.1/">
<dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li> sun </rdf:li></rdf:Bag></dc:subject>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Holiday</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>"""


def traits(tmp_path, content: bytes) -> Traits:
    path = tmp_path / "a"
    path.write_bytes(content)
    return traits_of(path)


def traits_of(path) -> Traits:
    return read_header(path).traits


def jpeg(**options) -> bytes:
    content = io.BytesIO()
    PHOTO.save(content, "JPEG", **options)
    return content.getvalue()


def test_a_plain_picture_knows_nothing(tmp_path):
    assert traits(tmp_path, jpeg()) == Traits(format="JPEG")


def test_camera_and_place_of_exif(tmp_path):
    tags = exif(gps=PLACE)
    tags[0x010F], tags[0x0110] = "Acme ", "One\0"
    found = traits(tmp_path, jpeg(exif=tags))
    assert (found.camera, found.metadata) == ("Acme One", ("camera", "place"))


def test_camera_and_exposure(tmp_path):
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = "Maker ", "One"
    tags.get_ifd(EXIF_DIRECTORY).update({0x829A: 0.008, 0x829D: 2.8, 0x8827: 100, 0x9204: -1.0})
    traits = traits_of(save(Image.new("RGB", (9, 9)), tmp_path / "a.jpg", exif=tags))
    assert traits.camera == "Maker One"
    assert traits.exposure == pytest.approx((0.008, 2.8, 100, -1))
    assert Traits.from_json(traits.to_json()) == traits


def test_numbers_that_say_nothing(tmp_path):
    tags = Image.Exif()
    tags.get_ifd(EXIF_DIRECTORY).update({0x829A: "fast", 0x8827: 65535})
    traits = traits_of(save(Image.new("RGB", (9, 9)), tmp_path / "a.jpg", exif=tags))
    assert traits == Traits(format="JPEG")


@pytest.mark.parametrize("value", [(0.0, 0.0, 0.0), ()])
def test_zeros_are_no_place(tmp_path, value):
    found = traits(tmp_path, jpeg(exif=exif(gps=PLACE | {2: value, 4: value})))
    assert "place" not in found.metadata


def test_rating_keywords_and_title_of_xmp(tmp_path):
    found = traits(tmp_path, jpeg(xmp=PACKET))
    assert (found.rating, found.keywords, found.title) == (5, ("sea", "sun"), "Holiday")
    assert found.metadata == ("rating", "keywords")
    assert Traits.from_json(found.to_json()) == found


def test_what_windows_writes_into_exif(tmp_path):
    tags = Image.Exif()
    tags[0x4746] = 4
    tags[0x9C9B] = "Fête".encode("utf-16-le") + b"\0\0"
    tags[0x9C9E] = "a;b; b".encode("utf-16-le") + b"\0\0"
    found = traits(tmp_path, jpeg(exif=tags))
    assert (found.rating, found.title, found.keywords) == (4, "Fête", ("a", "b"))


@pytest.mark.parametrize("utf8", [False, True])
def test_keywords_of_iptc(tmp_path, utf8):
    block = b"\x1c\x01\x5a\0\3\x1b%G" if utf8 else b""
    for word in ("été", "mer"):
        text = word.encode("utf-8" if utf8 else "latin-1")
        block += struct.pack(">BBBH", 0x1C, 2, 25, len(text)) + text
    assert traits(tmp_path, with_iptc(jpeg(), block)).keywords == ("été", "mer")


def test_iptc_of_jpeg_2000(tmp_path):
    content = io.BytesIO()
    PHOTO.save(content, "JPEG2000")
    uuid = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
    path = tmp_path / "a.jp2"
    path.write_bytes(content.getvalue() + box(b"uuid", uuid, iptc("19870601", "120000")))
    (stamp,) = read_header(path).metadata.stamps
    assert (stamp.field, stamp.moment.isoformat()) == ("iptc", "1987-06-01T12:00:00")


@pytest.mark.parametrize(("format", "frames"), [("TIFF", 3), ("GIF", 3), ("PNG", 3), ("WEBP", 3)])
def test_pages_and_frames_are_counted(tmp_path, format, frames):
    content = io.BytesIO()
    more = [Image.new("RGB", (40, 30), color) for color in ("red", "blue")]
    PHOTO.save(content, format, save_all=True, append_images=more)
    assert traits(tmp_path, content.getvalue()).frames == frames


def test_second_pictures_of_a_phone_are_no_frames(tmp_path):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green")]
    path = save(frames[0], tmp_path / "a.jpg", format="MPO", save_all=True, append_images=frames)
    assert traits_of(path).frames == 1


def test_smaller_versions_are_no_pages(tmp_path):
    small = Image.new("RGB", (10, 10))
    small.encoderinfo = {"tiffinfo": {0x00FE: 1}}
    path = save(
        Image.new("RGB", (20, 20)), tmp_path / "a.tif", save_all=True, append_images=[small]
    )
    assert traits_of(path).frames == 1


def test_alpha(tmp_path):
    assert traits_of(save(Image.new("RGBA", (9, 9)), tmp_path / "a.png")).has_alpha
    assert not traits_of(save(Image.new("RGB", (9, 9)), tmp_path / "b.png")).has_alpha


@pytest.mark.parametrize("packet", [b"<", PACKET[:200], b"\0" * 999, PACKET.replace(b"5", b"x")])
def test_broken_metadata_costs_nothing_else(tmp_path, packet):
    assert traits(tmp_path, jpeg(xmp=packet)).rating == 0


def test_length_and_identifier_of_a_film():
    found = read_film(io.BytesIO(film(9, content_identifier="B4-1")))
    assert (found.seconds, found.content_id) == (3.0, "B4-1")
    assert Film.from_json(found.to_json()) == found
    unknown = film(9).replace(struct.pack(">II", 600, 1800), struct.pack(">II", 0, 1800))
    assert read_film(io.BytesIO(unknown)).seconds is None


@pytest.mark.parametrize(
    ("format", "options", "expected"),
    [
        ("PNG", {}, True),
        ("BMP", {}, True),
        ("TIFF", {"compression": "tiff_lzw"}, True),
        ("TIFF", {"compression": "jpeg"}, False),
        ("WEBP", {"lossless": True}, True),
        ("WEBP", {"quality": 90}, False),
        ("JPEG", {"quality": 100}, False),
        ("JPEG2000", {}, False),
    ],
)
@pytest.mark.parametrize("frames", [1, 2])
def test_what_is_saved_without_loss(tmp_path, format, options, frames, expected):
    if frames > 1 and format in ("TIFF", "WEBP", "PNG"):
        others = [Image.new("RGB", PHOTO.size, "red")]
        options = options | {"save_all": True, "append_images": others}
    photo = save(PHOTO, tmp_path / "a", format=format, **options)
    assert traits_of(photo).lossless is expected


@pytest.mark.parametrize(("colours", "expected"), [(20, True), (256, False)])
@pytest.mark.parametrize("format", ["PNG", "GIF"])
def test_a_photo_reduced_to_a_palette_has_lost(tmp_path, format, colours, expected):
    noise = Image.merge("RGB", [Image.effect_noise((64, 64), 90) for _ in range(3)])
    photo = save(noise.quantize(colours), tmp_path / "a", format=format)
    assert traits_of(photo).lossless is expected
