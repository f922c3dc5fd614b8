from __future__ import annotations

import io

import pytest
from files import make_files, sample, save
from PIL import Image

from dupimg.files.images import UnreadablePhoto
from dupimg.files.large_view import LargeView, large_view, whole_view


@pytest.fixture(scope="module")
def photo():
    with Image.open(sample("chelsea.png")) as picture:
        return picture.convert("RGB")


@pytest.mark.parametrize(
    ("name", "mimetype"),
    [
        ("a.jpg", "image/jpeg"), ("a.png", "image/png"), ("a.webp", "image/webp"),
        ("a.gif", "image/gif"), ("a.avif", "image/avif"), ("a.bmp", "image/bmp"),
        ("a.mpo", "image/jpeg"),
    ],
)  # fmt: skip
def test_what_browsers_show_is_sent_as_it_is(tmp_path, photo, name, mimetype):
    assert large_view(save(photo, tmp_path / name)) == LargeView(mimetype)


@pytest.mark.parametrize("name", ["a.tif", "a.heic", "a.jp2", "a.ppm"])
def test_the_rest_is_converted(tmp_path, photo, name):
    view = large_view(save(photo, tmp_path / name))
    with Image.open(io.BytesIO(view.content)) as shown:
        assert (view.mimetype, shown.format, shown.size) == ("image/jpeg", "JPEG", photo.size)


def test_a_conversion_is_upright_and_of_a_size_for_screens(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = save(Image.new("RGB", (6000, 3000), "red"), tmp_path / "a.png", exif=exif)
    with Image.open(io.BytesIO(large_view(turned).content)) as shown:
        assert shown.size == (800, 1600)
    with Image.open(io.BytesIO(whole_view(turned).content)) as shown:
        assert shown.size == (3000, 6000)
    jpeg = save(Image.new("RGB", (60, 30), "red"), tmp_path / "a.jpg", exif=exif)
    assert large_view(jpeg) == LargeView("image/jpeg")  # browsers turn it


def test_what_is_no_photo_says_why(tmp_path):
    make_files(tmp_path, {"a.jpg": b"no photo", "b.tif": b"II*\0broken"})
    with pytest.raises(UnreadablePhoto, match="not a picture"):
        large_view(tmp_path / "a.jpg")
    with pytest.raises(UnreadablePhoto, match="TIFF"):
        large_view(tmp_path / "b.tif")
