"""Traits of picture files, read from their headers."""

from __future__ import annotations

import pytest
from files import save
from PIL import Image

from dupimg.files.images import read_header
from dupimg.files.traits import Traits

EXIF_DIRECTORY = 0x8769


def traits_of(path):
    return read_header(path).traits


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


@pytest.mark.parametrize("format", ["gif", "png", "webp", "tif"])
def test_frames_and_pages(tmp_path, format):
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "green", "blue")]
    path = save(frames[0], tmp_path / f"a.{format}", save_all=True, append_images=frames[1:])
    assert traits_of(path).frames == 3
    assert traits_of(save(frames[0], tmp_path / f"b.{format}")).frames == 1


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
