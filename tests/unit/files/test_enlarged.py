"""Enlarged pictures have more pixels, but no more detail."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageFilter
from sklearn.datasets import load_sample_image

from dupimg.files.enlarged import is_enlarged
from dupimg.files.images import UnreadablePhoto

PHOTO = Image.fromarray(load_sample_image("china.jpg"))
KERNELS = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


def scaled(photo, factor, kernel=Image.Resampling.LANCZOS):
    return photo.resize((round(photo.width * factor), round(photo.height * factor)), kernel)


def save(photo, path, **options):
    if path.suffix == ".png":
        options = {"compress_level": 1}  # most of the time would go into that
    photo.save(path, **options)
    return path


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("factor", [1.3, 2, 3, 5])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_enlarged_picture_shows_no_more(tmp_path, kernel, factor, suffix):
    small = save(PHOTO, tmp_path / "small.png")
    large = save(scaled(PHOTO, factor, kernel), tmp_path / f"large{suffix}", quality=92)
    assert is_enlarged(large, small)


@pytest.mark.parametrize("kernel", [*KERNELS, Image.Resampling.BOX])
@pytest.mark.parametrize("factor", [1.3, 2, 4])
@pytest.mark.parametrize("blur", [0, 1, 2, 4])
def test_a_photo_is_not_enlarged_from_its_small_copy(tmp_path, kernel, factor, blur):
    photo = PHOTO.filter(ImageFilter.GaussianBlur(blur))
    large = save(photo, tmp_path / "large.jpg", quality=90)
    small = save(scaled(photo, 1 / factor, kernel), tmp_path / "small.jpg", quality=90)
    assert not is_enlarged(large, small)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("factor", [1.2, 1.25, 1.5, 2])
@pytest.mark.parametrize("quality", [75, 85, 95])
def test_an_enlarged_jpeg_is_found_although_it_was_compressed_again(
    tmp_path, kernel, factor, quality
):
    small = save(PHOTO, tmp_path / "small.jpg", quality=90)
    again = Image.open(small)
    large = save(scaled(again, factor, kernel), tmp_path / "large.jpg", quality=quality)
    assert is_enlarged(large, small)


@pytest.mark.parametrize("quality", [30, 60, 85])
@pytest.mark.parametrize("factor", [1.2, 1.5, 2])
@pytest.mark.parametrize("blur", [0, 1, 2])
def test_a_compressed_original_is_not_enlarged_from_a_good_small_copy(
    tmp_path, quality, factor, blur
):
    photo = PHOTO.filter(ImageFilter.GaussianBlur(blur))
    large = save(photo, tmp_path / "large.jpg", quality=quality)
    small = save(scaled(Image.open(large), 1 / factor), tmp_path / "small.jpg", quality=95)
    assert not is_enlarged(large, small)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_blocks_of_a_turned_jpeg_are_those_of_the_stored_picture(tmp_path, orientation):
    part = PHOTO.crop((0, 0, 637, 421))  # so that the blocks begin elsewhere from the other end
    small = save(part, tmp_path / "small.jpg", quality=90, exif=turn(orientation))
    large = scaled(Image.open(small), 1.25, Image.Resampling.BICUBIC)
    save(large, tmp_path / "large.jpg", quality=85, exif=turn(orientation))
    assert is_enlarged(tmp_path / "large.jpg", small)


def turn(orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return exif


def test_another_picture_is_not_enlarged_from_this_one(tmp_path):
    small = save(PHOTO, tmp_path / "small.png")
    for name, other in (
        ("part", PHOTO.crop((20, 20, 620, 407)).resize((1280, 854))),
        ("mirrored", scaled(PHOTO, 2).transpose(Image.Transpose.FLIP_LEFT_RIGHT)),
        ("other", Image.fromarray(load_sample_image("flower.jpg")).resize((1280, 854))),
    ):
        assert not is_enlarged(save(other, tmp_path / f"{name}.png"), small)


def test_pictures_without_detail_are_in_doubt(tmp_path):
    plain = Image.fromarray(np.full((100, 150, 3), 90, np.uint8))
    small = save(plain, tmp_path / "small.png")
    assert not is_enlarged(save(scaled(plain, 2), tmp_path / "large.png"), small)


def test_an_unreadable_picture_is_refused(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(UnreadablePhoto):
        is_enlarged(save(PHOTO, tmp_path / "b.png"), tmp_path / "a.jpg")
