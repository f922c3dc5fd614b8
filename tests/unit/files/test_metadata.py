from __future__ import annotations

import io
import zlib
from itertools import pairwise

import pytest
from packets import RDF, chunk, exif, iptc, with_chunks, with_iptc, xmp
from PIL import Image, PngImagePlugin, TiffImagePlugin

from dupimg.files.images import read_header, read_photo
from dupimg.files.metadata import XMP_NAMES, Metadata
from dupimg.files.xmp import LONGEST_PACKET, read_xmp

PICTURE = Image.new("RGB", (8, 6), "teal")
ORIGINAL = {0x9003: "2003:05:06 07:08:09", 0x9291: "25", 0x9011: "+02:00"}
GPS = {
    1: "S", 2: (33.0, 30.0, 0.0), 3: "E", 4: (151.0, 15.0, 0.0),
    7: (5.0, 8.0, 9.5), 29: "2003:05:06",
}  # fmt: skip


def saved(format: str, **how) -> bytes:
    content = io.BytesIO()
    PICTURE.save(content, format, **how)
    return content.getvalue()


def metadata(tmp_path, content: bytes) -> Metadata:
    (tmp_path / "photo").write_bytes(content)
    header = read_header(tmp_path / "photo")
    assert read_photo(tmp_path / "photo", 9).size == (header.width, header.height)
    return header.metadata


def stamps(tmp_path, content: bytes) -> list[tuple[str, str]]:
    return [(stamp.field, str(stamp.moment)) for stamp in metadata(tmp_path, content).stamps]


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_exif_and_gps_of_each_format(tmp_path, format):
    found = metadata(tmp_path, saved(format, exif=exif(ORIGINAL, GPS)))
    assert [(stamp.field, str(stamp.moment), stamp.is_utc) for stamp in found.stamps] == [
        ("exif_original", "2003-05-06 07:08:09.250000+02:00", False),
        ("gps", "2003-05-06 05:08:09.500000", True),
    ]
    assert found.place == (-33.5, 151.25)
    assert Metadata.from_json(found.to_json()) == found


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "TIFF", "AVIF", "PNG"])
def test_xmp_of_each_format(tmp_path, format):
    packet = xmp(exif_DateTimeOriginal="1985-06-01T12:00:00", xmp_CreateDate="1986-06-01")
    how = {"xmp": packet}
    if format == "PNG":
        info = PngImagePlugin.PngInfo()
        info.add_itxt("XML:com.adobe.xmp", packet.decode(), zip=True)
        how = {"pnginfo": info}
    elif format == "TIFF":
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[0x02BC] = packet
        how = {"tiffinfo": tags}
    assert stamps(tmp_path, saved(format, **how)) == [
        ("xmp", "1985-06-01 12:00:00"),
        ("digitized", "1986-06-01 00:00:00"),
    ]


def test_iptc_has_a_date_and_perhaps_a_time(tmp_path):
    jpeg = saved("JPEG")
    for block, expected in (
        (iptc("19870601", "120000+0530"), "1987-06-01 12:00:00+05:30"),
        (iptc("19870601"), "1987-06-01 00:00:00"),
        (iptc("19870000"), "1987-01-01 00:00:00"),
    ):
        assert stamps(tmp_path, with_iptc(jpeg, block)) == [("iptc", expected)]
    assert stamps(tmp_path, with_iptc(jpeg, iptc("", "120000"))) == []
    assert stamps(tmp_path, with_iptc(jpeg, iptc("19870601")[:-2] + b"x")) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1992:06:01 12:00:00", "1992-06-01 12:00:00"),
        ("Mon, 01 Jun 1992 12:00:00 +0200", "1992-06-01 12:00:00+02:00"),
        ("yesterday", None),
    ],
)
def test_the_creation_time_of_a_png(tmp_path, text, expected):
    png = with_chunks(saved("PNG"), chunk(b"tEXt", b"Creation Time\0" + text.encode()))
    assert stamps(tmp_path, png) == ([("png", expected)] if expected else [])


def test_exif_behind_the_pixels_of_a_png_counts_and_turns_it(tmp_path):
    tags = exif(ORIGINAL)
    tags[0x0112] = 6
    content = with_chunks(saved("PNG"), chunk(b"eXIf", tags.tobytes()[6:]))
    assert stamps(tmp_path, content) == [("exif_original", "2003-05-06 07:08:09.250000+02:00")]
    header = read_header(tmp_path / "photo")
    assert (header.width, header.height) == (6, 8)


def test_a_date_of_the_satellites_without_a_time_is_a_day(tmp_path):
    (stamp,) = metadata(tmp_path, saved("JPEG", exif=exif(gps={29: "1990:06:01"}))).stamps
    assert (str(stamp.moment), stamp.is_day, stamp.is_utc) == ("1990-06-01 00:00:00", True, False)


@pytest.mark.parametrize(
    "gps",
    [
        {29: "not a date", 7: (1.0, 2.0, 3.0)},
        {7: (1.0, 2.0, 3.0)},
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {2: (100.0, 0.0, 0.0), 4: (1.0, 0.0, 0.0)},
    ],
)
def test_a_receiver_without_a_fix_says_nothing(tmp_path, gps):
    assert metadata(tmp_path, saved("JPEG", exif=exif(gps=gps))) == Metadata()


def test_properties_stand_in_attributes_and_in_elements_in_utf_8_and_utf_16():
    attributes = xmp(photoshop_DateCreated="2022-01-10T15:15:44.31")
    elements = (
        f"<r:RDF xmlns:r='{RDF}'><r:Description xmlns:p='http://ns.adobe.com/photoshop/1.0/'>"
        "<p:DateCreated>\n2022-01-10T15:15:44.31\n</p:DateCreated></r:Description></r:RDF>"
    )
    expected = {"photoshop:DateCreated": "2022-01-10T15:15:44.31"}
    utf_16 = attributes.decode().encode("utf-16")
    for packet in (attributes, utf_16, elements.encode(), attributes + bytes(9)):
        assert read_xmp(packet, XMP_NAMES) == expected


def test_dates_of_the_ingredients_of_a_picture_are_not_its_own():
    packet = (
        f"<r:RDF xmlns:r='{RDF}' xmlns:e='http://ns.adobe.com/exif/1.0/'><r:Description>"
        "<e:Ingredients><r:Bag><r:li><r:Description e:DateTimeOriginal='2001-01-02'>"
        "<e:DateTimeOriginal>2002-01-02</e:DateTimeOriginal></r:Description></r:li></r:Bag>"
        "</e:Ingredients></r:Description></r:RDF>"
    ).encode()
    assert read_xmp(packet, XMP_NAMES) == {}


ENTITIES = "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in pairwise("abcdefghi"))
HOSTILE = {
    "entities": f"<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'>{ENTITIES}]><x>&i;</x>".encode(),
    "file": b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "network": b"<!DOCTYPE x SYSTEM 'http://127.0.0.1:1/x.dtd'><x/>",
    "deep": xmp()[:200] + b"<a>" * 100_000,
    "no XML": b"\0\1\2 <<<",
    "no encoding": b"<?xml version='1.0' encoding='no-such'?><x/>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_xmp_costs_the_photo_its_metadata_and_nothing_else(tmp_path, name):
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", HOSTILE[name].decode("latin-1"))
    assert metadata(tmp_path, saved("PNG", pnginfo=info)) == Metadata()


def test_a_packet_of_8_mb_is_read_and_a_larger_one_is_not():
    packet = xmp(xmp_CreateDate="2001-02-03")
    padded = packet.ljust(LONGEST_PACKET)
    assert read_xmp(padded, XMP_NAMES) == {"xmp:CreateDate": "2001-02-03"}
    assert read_xmp(padded + b" ", XMP_NAMES) == {}


def test_text_of_a_png_that_inflates_without_end_is_cut(tmp_path):
    bomb = chunk(b"zTXt", b"Creation Time\0\0" + zlib.compress(b"1" * 100_000_000))
    assert metadata(tmp_path, with_chunks(saved("PNG"), bomb)) == Metadata()


def test_what_stands_in_several_places_is_read_from_each(tmp_path):
    content = with_iptc(
        saved(
            "JPEG",
            exif=exif({0x9004: "2023:04:04 04:00:00"}, GPS),
            xmp=xmp(exif_GPSTimeStamp="2023-08-08T08:00:00Z", exif_GPSLatitude="40,14.5N"),
        ),
        iptc("20230707", "070000+0000"),
    )
    assert stamps(tmp_path, content) == [
        ("digitized", "2023-04-04 04:00:00"),
        ("gps", "2023-08-08 08:00:00+00:00"),
        ("iptc", "2023-07-07 07:00:00+00:00"),
        ("gps", "2003-05-06 05:08:09.500000"),
    ]
