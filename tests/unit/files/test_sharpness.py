"""Sharpness tells focus, whatever the format and the number of pixels."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PIL import Image, ImageFilter
from sklearn.datasets import load_sample_image

from dupimg.files.images import read_square
from dupimg.files.sharpness import measure_sharpness

PHOTOS = [Image.fromarray(load_sample_image(name)) for name in ("china.jpg", "flower.jpg")]


@pytest.fixture
def sharpness(tmp_path):
    """Return the sharpness of a photo that was saved as a file."""

    def measure(photo: Image.Image, name: str = "photo.png") -> float:
        photo.save(tmp_path / name)
        return measure_sharpness(read_square(tmp_path / name, 224))

    return measure


@pytest.mark.parametrize("photo", PHOTOS)
def test_a_photo_out_of_focus_is_less_sharp(sharpness, photo):
    values = [sharpness(photo.filter(ImageFilter.GaussianBlur(r))) for r in (0, 1.6, 3.2, 6.4)]
    for sharper, softer in pairwise(values):
        assert softer < 0.6 * sharper


@pytest.mark.parametrize("photo", PHOTOS)
def test_formats_and_sizes_hardly_matter(sharpness, photo):
    whole = sharpness(photo)
    assert sharpness(photo, "photo.jpg") == pytest.approx(whole, rel=0.2)
    larger = photo.resize((2 * photo.width, 2 * photo.height), Image.Resampling.LANCZOS)
    assert sharpness(larger) == pytest.approx(whole, rel=0.3)
