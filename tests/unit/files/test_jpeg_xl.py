"""JPEG XL pictures."""

from __future__ import annotations

import struct
import sys
from datetime import datetime
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from dupimg.files.images import UnreadableNow, UnreadablePhoto, read_header, read_photo
from dupimg.files.jpeg_xl import read_jpeg_xl_header
from dupimg.files.whole import read_whole

PHOTO = load_sample_image("china.jpg")[:400, :600]
XMP = b'<x xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:RDF><r:Description \
xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="4"/></r:RDF></x>'


def write(path: Path, array: np.ndarray, *more: bytes, **options: object) -> Path:
    """Write a JPEG XL file, and boxes behind its picture."""
    content = imagecodecs.jpegxl_encode(array, usecontainer=bool(more), **options)
    path.write_bytes(content + b"".join(more))
    return path


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def exif_box(orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F], exif[0x0110] = orientation, "Maker", "Model"
    exif.get_ifd(0x8769)[0x9003] = "2019:05:06 07:08:09"
    return bytes(4) + exif.tobytes().removeprefix(b"Exif\0\0")


def turned(content: bytes, orientation: int) -> bytes:
    """Return a codestream with all else as it is, which is to be turned when it is shown."""
    bits = f"{int.from_bytes(content, 'little'):0{8 * len(content)}b}"[::-1]
    size_end = 16 + 1 + 2 * (2 + 9) + 3  # with sides of up to 512 pixels
    usual = "00" + "000" + "1" + "00" + "0" + "1"  # 8 bits, no more channels, sRGB
    end = size_end + len(usual)
    assert bits[size_end:end] == usual
    turn = f"{orientation - 1:03b}"[::-1]
    shown_at = "1" + "1" + "00110" + "100"  # fills whole bytes: the pixels stay in their place
    more = "01" + turn + shown_at + "00" + usual[2:] + "1"
    bits = bits[:size_end] + more + bits[end:]
    return int(bits[::-1], 2).to_bytes(len(bits) // 8, "little")


def difference(path: Path, expected: np.ndarray) -> float:
    """Return the mean difference of a file from a picture, in grey levels."""
    shown = np.asarray(read_photo(path, 5000), float)
    return float(np.abs(shown - np.asarray(Image.fromarray(expected).convert("RGB"))).mean())


@pytest.mark.parametrize(
    ("array", "options", "expected"),
    [
        pytest.param(PHOTO, {"lossless": True}, PHOTO, id="lossless"),
        pytest.param(PHOTO, {"level": 90}, PHOTO, id="lossy"),
        pytest.param(PHOTO[..., 1], {}, PHOTO[..., 1], id="grey"),
        pytest.param(PHOTO.astype(np.uint16) * 257, {}, PHOTO, id="16 bits"),
        pytest.param(
            PHOTO.astype(np.uint16) * 4,
            {"bitspersample": 10, "lossless": True},
            PHOTO,
            id="10 bits",
        ),
        pytest.param((PHOTO / 255).astype(np.float32), {}, PHOTO, id="floats"),
        pytest.param(
            np.dstack([PHOTO, np.full((400, 600), 255, np.uint8)]), {}, PHOTO, id="opaque"
        ),
        pytest.param(
            np.dstack([PHOTO, np.zeros((400, 600), np.uint8)]),
            {"lossless": True},
            np.full_like(PHOTO, 255),
            id="transparent",
        ),
    ],
)
def test_a_picture_is_shown_as_it_is(tmp_path, array, options, expected):
    path = write(tmp_path / "a.jxl", array, **options)
    header = read_header(path)
    assert (header.format, header.width, header.height) == ("JXL", 600, 400)
    assert header.traits.has_alpha == (array.shape[2:] == (4,))
    assert header.traits.frames == 1
    assert difference(path, expected) < 4


@pytest.mark.parametrize("size", [(1, 1), (8, 16), (37, 513), (600, 500), (2000, 3), (9000, 1)])
def test_sizes_are_read_before_pixels(tmp_path, size):
    path = write(tmp_path / "a.jxl", np.zeros((*size, 3), np.uint8))
    header = read_header(path)
    assert (header.height, header.width) == size
    with pytest.raises(UnreadablePhoto, match="pixels"):
        read_header(path, max_pixels=size[0] * size[1] - 1)


def test_the_header_of_a_real_file_is_read(tmp_path):
    path = tmp_path / "a.jxl"
    path.write_bytes(bytes.fromhex("ff0aba210301c585004014006cea8820907b"))
    with path.open("rb") as file:
        assert read_jpeg_xl_header(file).size == (1440, 1080)


def test_metadata_is_read_from_boxes(tmp_path):
    plain = write(tmp_path / "a.jxl", PHOTO, box(b"Exif", exif_box()), box(b"xml ", XMP))
    compressed = [
        box(b"brob", kind + imagecodecs.brotli_encode(content))
        for kind, content in ((b"Exif", exif_box()), (b"xml ", XMP))
    ]
    packed = write(tmp_path / "b.jxl", PHOTO, *compressed)
    for path in (plain, packed):
        header = read_header(path)
        assert header.metadata.stamps[0].moment == datetime(2019, 5, 6, 7, 8, 9)
        assert header.traits.camera == "Maker Model"
        assert header.traits.rating == 4


def test_hostile_metadata_takes_nothing_from_the_picture(tmp_path):
    bomb = b"Exif" + imagecodecs.brotli_encode(bytes(100_000_000))
    path = write(tmp_path / "a.jxl", PHOTO, box(b"brob", bomb))
    header = read_header(path)
    assert (header.width, header.metadata.stamps) == (600, ())


def test_the_orientation_of_the_codestream_counts_and_that_of_exif_does_not(tmp_path):
    path = write(tmp_path / "a.jxl", PHOTO, box(b"Exif", exif_box(orientation=6)), level=90)
    assert (read_header(path).width, read_header(path).height) == (600, 400)
    assert difference(path, PHOTO) < 4


def test_a_picture_that_lies_on_its_side_is_turned_upright(tmp_path):
    array = np.ascontiguousarray(PHOTO[:300, :500])
    path = tmp_path / "a.jxl"
    path.write_bytes(turned(imagecodecs.jpegxl_encode(array, lossless=True), 6))
    assert (read_header(path).width, read_header(path).height) == (300, 500)
    assert difference(path, np.rot90(array, -1)) < 1


def test_animations_are_read_frame_by_frame(tmp_path):
    frames = np.stack([PHOTO, PHOTO[::-1], PHOTO[:, ::-1]])
    path = write(tmp_path / "a.jxl", frames, lossless=True)
    assert read_header(path).traits.frames == 3
    assert difference(path, PHOTO) == 0
    gif = tmp_path / "a.png"
    pictures = [Image.fromarray(frame) for frame in frames]
    pictures[0].save(gif, save_all=True, append_images=pictures[1:])
    other = write(tmp_path / "b.jxl", frames[[0, 2, 1]])
    assert read_whole(path).has_frames_of(read_whole(gif))
    assert not read_whole(path).has_frames_of(read_whole(other))
    assert read_header(write(tmp_path / "c.jxl", frames[..., 1])).traits.frames == 3


@pytest.mark.parametrize(
    "content", [b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n", b"\xff\x0a" + bytes(50)]
)
def test_a_file_without_a_picture_is_refused(tmp_path, content):
    path = tmp_path / "a.jxl"
    path.write_bytes(content)
    with pytest.raises(UnreadablePhoto):
        read_photo(path, 100)


def test_a_file_that_is_cut_short_is_refused(tmp_path):
    path = write(tmp_path / "a.jxl", PHOTO)
    content = path.read_bytes()
    for length in (4, 100, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(UnreadablePhoto, match=r"cut short|truncated"):
            read_photo(path, 100)


def test_without_the_decoder_the_file_says_what_to_install(tmp_path, monkeypatch):
    path = write(tmp_path / "a.jxl", PHOTO)
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    with pytest.raises(UnreadableNow, match=r"JPEG XL picture: .* imagecodecs"):
        read_header(path)
