"""Pictures that were made from a JPEG and saved again still show its blocks."""

from __future__ import annotations

import pytest
from PIL import ExifTags, Image, ImageDraw, ImageOps
from sklearn.datasets import load_sample_image

from dupimg.files.images import UnreadablePhoto
from dupimg.files.saved_again import is_saved_again

PHOTO = Image.fromarray(load_sample_image("china.jpg"))


def save(photo, path, **options):
    photo.save(path, **options)
    return path


@pytest.fixture
def original(tmp_path):
    return save(PHOTO, tmp_path / "original.jpg", quality=80)


def captioned(photo):
    photo = photo.copy()
    draw = ImageDraw.Draw(photo)
    draw.rectangle((60, 330, 580, 400), fill="white")
    for line in range(3):
        draw.text((80, 335 + 20 * line), "A long way from home, at the old bridge " * 2, "black")
    return photo


@pytest.mark.parametrize("edit", [lambda photo: photo, captioned])
@pytest.mark.parametrize(
    ("name", "options"),
    [("a.jpg", {"quality": 92}), ("a.jpg", {"quality": 98}), ("a.png", {}), ("a.bmp", {})],
)
def test_a_finer_copy_is_saved_again(tmp_path, original, edit, name, options):
    copy = save(edit(Image.open(original)), tmp_path / name, **options)
    assert is_saved_again(copy, original)
    assert not is_saved_again(original, copy)


@pytest.mark.parametrize("quality", [60, 80, 85, 95])
def test_what_an_original_or_a_third_picture_was_saved_as_is_not(tmp_path, quality):
    parent = save(PHOTO, tmp_path / "parent.jpg", quality=95)
    copy = save(Image.open(parent), tmp_path / "copy.jpg", quality=60)
    assert not is_saved_again(parent, copy)
    other = save(Image.open(parent), tmp_path / "other.jpg", quality=quality)
    assert not is_saved_again(other, copy)
    assert not is_saved_again(save(PHOTO, tmp_path / "parent.png"), copy)


@pytest.mark.parametrize("name", ["parent.jpg", "parent.png"])
def test_an_edited_copy_in_a_coarser_quality_is_coarser_than_its_original(tmp_path, name):
    parent = save(PHOTO, tmp_path / name, quality=92)
    copy = save(captioned(Image.open(parent)), tmp_path / "copy.jpg", quality=70)
    assert is_saved_again(parent, copy) is False
    assert is_saved_again(copy, parent) is None
    finer = save(captioned(Image.open(copy)), tmp_path / "finer.jpg", quality=95)
    assert is_saved_again(finer, copy)


def test_another_quality_that_is_nearly_the_same_tells_nothing(tmp_path, original):
    other = save(Image.open(original), tmp_path / "a.jpg", quality=82)
    assert is_saved_again(other, original) is None
    assert is_saved_again(original, other) is None


@pytest.mark.parametrize("orientation", range(2, 9))
def test_the_blocks_are_those_of_the_stored_original(tmp_path, orientation):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    part = PHOTO.crop((0, 0, 637, 421))  # so that the blocks begin elsewhere from the other end
    original = save(part, tmp_path / "original.jpg", quality=75, exif=exif)
    copy = save(ImageOps.exif_transpose(Image.open(original)), tmp_path / "copy.png")
    assert is_saved_again(copy, original)


@pytest.mark.parametrize("side", [1, 7, 8, 23, 127])
def test_icons_tell_nothing(tmp_path, side):
    icon = PHOTO.resize((side, side))
    original = save(icon, tmp_path / "a.jpg", quality=50)
    assert not is_saved_again(save(Image.open(original), tmp_path / "a.png"), original)


def test_a_plain_picture_tells_nothing(tmp_path):
    original = save(Image.new("RGB", (200, 100), "grey"), tmp_path / "a.jpg", quality=50)
    assert not is_saved_again(save(Image.open(original), tmp_path / "a.png"), original)


def test_an_unreadable_picture_is_refused(tmp_path, original):
    (tmp_path / "a.jpg").write_bytes(b"nothing")
    with pytest.raises(UnreadablePhoto):
        is_saved_again(tmp_path / "a.jpg", original)
