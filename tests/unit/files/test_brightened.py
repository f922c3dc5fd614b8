"""An edit of the brightness has the noise of its original; another exposure has its own."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont
from scipy.optimize import isotonic_regression
from sklearn.datasets import load_sample_image

from dupimg.files.brightened import brightened_ways, nearest_rising

PHOTO = Image.fromarray(load_sample_image("china.jpg"))


def is_brightened(source, edit):
    answer, turned = brightened_ways(source, edit)
    assert brightened_ways(edit, source) == (turned, answer)
    return answer


def save(picture, path, **options):
    picture.save(path, **options)
    return path


def exposed(light: float, shift: float = 0.0) -> Image.Image:
    """Take a photo of the photo: with noise of its own, from a tripod that gave way a little."""
    scene = PHOTO.filter(ImageFilter.GaussianBlur(1)).convert("L")
    moved = scene.transform(scene.size, Image.Transform.AFFINE, (1, 0, shift, 0, 1, 0), 3)
    noise = np.random.default_rng(int(light * 100)).normal(0, 3, (scene.height, scene.width))
    levels = np.asarray(moved, np.float64) * light + noise
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("factor", [0.6, 1.2, 1.4])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_an_edit_of_the_brightness_is_one(tmp_path, factor, suffix):
    photo = save(PHOTO, tmp_path / "photo.jpg", quality=92)
    with Image.open(photo) as opened:
        edited = ImageEnhance.Brightness(opened.convert("RGB")).enhance(factor)
    options = {"quality": 90} if suffix == ".jpg" else {}
    edit = save(edited, tmp_path / f"edit{suffix}", **options)
    assert is_brightened(photo, edit)
    assert is_brightened(edit, photo) == (factor < 1)  # what was clipped does not come back


def test_any_curve_is_an_edit(tmp_path):
    levels = [round(255 * (n / 255) ** 0.7) for n in range(256)] * 3
    photo = save(PHOTO, tmp_path / "photo.png")
    assert is_brightened(photo, save(PHOTO.point(levels), tmp_path / "lighter.jpg", quality=90))


def test_what_was_added_to_a_lighter_picture_is_noticed(tmp_path):
    photo = save(PHOTO, tmp_path / "photo.png")
    for name, place in (("sky", (40, 20)), ("roof", (300, 250))):
        edited = ImageEnhance.Brightness(PHOTO).enhance(1.2)
        ImageDraw.Draw(edited).text(place, "9", "red", ImageFont.load_default(14))
        assert not is_brightened(photo, save(edited, tmp_path / f"{name}.jpg", quality=90))


@pytest.mark.parametrize("ink", ["black", (160, 160, 160)])
@pytest.mark.parametrize("factor", [0.8, 1.1])
@pytest.mark.parametrize(("size", "points"), [((850, 1200), 14), ((1700, 2400), 22)])
def test_a_digit_of_a_darkened_page_is_noticed(tmp_path, size, points, factor, ink):
    def page(total: str) -> Image.Image:
        picture = Image.new("RGB", size, (250, 250, 246))
        draw, font = ImageDraw.Draw(picture), ImageFont.load_default(points)
        for top in range(20, size[1] - 60, 2 * points):
            draw.text((60, top), f"milk 12.80 bread 3.50 rent {top}.00 apples", ink, font)
        draw.text((size[0] * 3 // 5, size[1] // 2), total, ink, font)
        return picture

    one = save(page("total 13.40"), tmp_path / "one.jpg", quality=92)
    for total in ("18.40", "15.40"):
        other = ImageEnhance.Brightness(page(f"total {total}")).enhance(factor)
        saved = save(other, tmp_path / "other.jpg", quality=90)
        assert not is_brightened(one, saved)
        assert not is_brightened(saved, one)


@pytest.mark.parametrize("shift", [0, 0.4])
@pytest.mark.parametrize("light", [0.6, 0.85])
def test_another_exposure_is_none(tmp_path, light, shift):
    one = save(exposed(1), tmp_path / "one.jpg", quality=95)
    assert not is_brightened(one, save(exposed(light, shift), tmp_path / "other.jpg", quality=95))


def test_what_is_small_or_plain_or_of_another_size_is_in_doubt(tmp_path):
    plain = Image.new("L", PHOTO.size, 90)
    light = ImageEnhance.Brightness(PHOTO).enhance(1.2)
    for name, one, other in (
        ("small", PHOTO.resize((320, 213)), light.resize((320, 213))),
        ("plain", plain, Image.new("L", PHOTO.size, 120)),
        ("size", PHOTO, light.resize((620, 414))),
        ("turned", PHOTO, light.transpose(Image.Transpose.ROTATE_180)),
    ):
        paths = [save(p, tmp_path / f"{name}{n}.png") for n, p in enumerate((one, other))]
        assert not is_brightened(*paths)


@pytest.mark.parametrize(
    ("colour", "other"),
    [
        ((200, 30, 30), (200, 80, 30)),
        ((170, 40, 50), (40, 50, 170)),
        ((20, 60, 140), (20, 120, 60)),
        ((255, 136, 62), (206, 43, 55)),
    ],
)
def test_another_colour_is_no_other_brightness(tmp_path, colour, other):
    shapes = []
    for fill in (colour, other):
        picture = Image.new("RGB", (800, 600), "white")
        ImageDraw.Draw(picture).ellipse((150, 50, 650, 550), fill=fill)
        noise = np.random.default_rng(0).normal(0, 3, (600, 800, 1))  # not plain
        pixels = (np.asarray(picture) + noise).clip(0, 255).astype(np.uint8)
        path = tmp_path / f"{len(shapes)}.png"
        shapes.append(save(Image.fromarray(pixels), path))
    assert not any(brightened_ways(shapes[0], shapes[1]))


@pytest.mark.parametrize("seed", range(5))
def test_a_curve_that_rises_is_the_nearest_one(seed):
    random = np.random.default_rng(seed)
    levels = np.arange(256) + random.normal(0, 20 * seed, 256)
    weights = random.uniform(0, 9, 256) ** 3 + 1e-9
    expected = isotonic_regression(levels, weights=weights).x
    np.testing.assert_allclose(nearest_rising(levels, weights), expected, rtol=1e-12)
