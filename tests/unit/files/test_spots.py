"""One other digit of a page is noticed; what compressing, resizing and sharpening do is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont
from sklearn.datasets import load_sample_image

from dupimg.files.spots import differ_in_a_spot, find_spots

PHOTO = Image.fromarray(load_sample_image("china.jpg")).resize((1280, 854), 3)


def page(total: str, points: int, ink: str) -> Image.Image:
    picture = Image.new("RGB", (1240, 1754), (250, 250, 246))
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(points)
    for top in range(60, 1700, 2 * points):
        draw.text((60, top), f"milk 12.80 bread 3.50 rent {top}.00 apples", ink, font)
    draw.text((800, 900), total, ink, font)
    return picture


def save(picture: Image.Image, path: Path, quality: int) -> Path:
    picture.save(path, quality=quality)
    return path


@pytest.mark.parametrize(("points", "quality"), [(14, 90), (18, 60), (24, 40)])
@pytest.mark.parametrize("ink", ["black", "#505050"])
@pytest.mark.parametrize("total", ["18.40", "13.90", "73.40"])
def test_another_digit_of_a_page_is_noticed(tmp_path, points, quality, ink, total):
    one = save(page("13.40", points, ink), tmp_path / "one.jpg", 92)
    same = save(page("13.40", points, ink), tmp_path / "same.jpg", quality)
    other = save(page(total, points, ink), tmp_path / "other.jpg", quality)
    assert not len(find_spots(one, same))
    for pair in ((one, other), (other, one)):
        ((left, top, width, height),) = find_spots(*pair)
        assert 800 <= (left + width / 2) * 1240 <= 800 + 4 * points
        assert 890 <= (top + height / 2) * 1754 <= 910 + points


@pytest.mark.parametrize("ink", ["#0000ff", "#c86464"])
def test_what_has_a_grey_of_its_own_is_noticed_whichever_picture_comes_first(tmp_path, ink):
    signed = page("13.40", 18, "black")
    line = [(700, 1600), (800, 1540), (850, 1650), (1000, 1560)]
    ImageDraw.Draw(signed).line(line, fill=ink, width=5)
    one = save(page("13.40", 18, "black"), tmp_path / "one.png", 0)
    other = save(signed, tmp_path / "other.png", 0)
    assert len(find_spots(one, other)) and len(find_spots(other, one))


def marked(picture: Image.Image) -> Image.Image:
    """Draw with a highlighter, whose yellow is nearly as bright as paper."""
    mark = Image.new("RGB", picture.size, "white")
    ImageDraw.Draw(mark).rectangle((300, 420, 560, 445), fill=(255, 255, 90))
    return ImageChops.multiply(picture, mark)


def tinted(picture: Image.Image) -> Image.Image:
    """Turn a part of the picture, as large as a shirt, to beige."""
    shirt = picture.crop((700, 400, 860, 560))
    beige = ImageChops.multiply(shirt, Image.new("RGB", shirt.size, (255, 240, 205)))
    (changed := picture.copy()).paste(beige, (700, 400))
    return changed


def with_a_line(picture: Image.Image, ink: str) -> Image.Image:
    ImageDraw.Draw(copy := picture.copy()).text(
        (60, 700), "I am on my way, see you at seven", ink, ImageFont.load_default(30)
    )
    return copy


@pytest.mark.parametrize("quality", [92, 60, 40])
@pytest.mark.parametrize("change", [marked, tinted])
@pytest.mark.parametrize("original", ["photo", "page"])
def test_a_part_in_another_colour_is_noticed(tmp_path, original, change, quality):
    picture = PHOTO if original == "photo" else page("13.40", 18, "black")
    one = save(picture, tmp_path / "one.jpg", 92)
    other = save(change(picture), tmp_path / "other.jpg", quality)
    for pair in ((one, other), (other, one)):
        spots = find_spots(*pair)
        middle = (spots[:, :2] + spots[:, 2:] / 2) * picture.size
        assert len(spots) and ((middle > (290, 390)) & (middle < (870, 570))).all()


@pytest.mark.parametrize("ink", ["#b01010", "#1010b0"])
def test_a_line_in_another_ink_is_noticed(tmp_path, ink):
    one = save(with_a_line(PHOTO, "black"), tmp_path / "one.jpg", 92)
    other = save(with_a_line(PHOTO, ink), tmp_path / "other.jpg", 80)
    assert len(find_spots(one, other)) and len(find_spots(other, one))


@pytest.mark.parametrize("suffix", [".tif", ".gif", ".webp"])
def test_every_page_is_looked_at(tmp_path, suffix):
    def bound(name, last):
        first, *more = (page(total, 18, "black") for total in ("13.40", "20.00", last))
        how = {"lossless": True} if suffix == ".webp" else {}
        first.save(path := tmp_path / f"{name}{suffix}", save_all=True, append_images=more, **how)
        return path

    one, same, other = bound("one", "7.10"), bound("same", "7.10"), bound("other", "7.40")
    assert differ_in_a_spot(one, same) is False
    for pair in ((one, other), (other, one)):
        # Grey of few colours may be too coarse to tell, but passes for no copy.
        assert differ_in_a_spot(*pair) in ((True, None) if suffix == ".gif" else (True,))


def scanned(picture: Image.Image, seed: int) -> Image.Image:
    """Lay a page on a scanner: not quite straight, and with its noise."""
    random = np.random.default_rng(seed)
    turn, right, down = random.uniform((-0.2, -4, -4), (0.2, 4, 4))
    laid = picture.rotate(turn, 3, translate=(right, down), fillcolor=(250, 250, 246))
    pixels = np.asarray(laid.filter(ImageFilter.GaussianBlur(0.5)), np.float64)
    noisy = pixels + random.normal(0, 3, pixels.shape)
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("seed", range(3))
def test_two_scans_of_pages_that_differ_are_not_taken_for_one(tmp_path, seed):
    one = save(scanned(page("13.40", 18, "black"), seed), tmp_path / "one.jpg", 85)
    for total in ("18.40", "71.95"):
        other = save(scanned(page(total, 18, "black"), seed + 9), tmp_path / "other.jpg", 85)
        spots = find_spots(one, other)
        assert spots is None or len(spots)


def test_a_copy_that_was_straightened_is_aligned(tmp_path):
    one = save(PHOTO, tmp_path / "one.jpg", 92)
    turned = PHOTO.rotate(0.3, Image.Resampling.BICUBIC, fillcolor="grey")
    spots = find_spots(one, save(turned.crop((4, 4, 1276, 850)), tmp_path / "two.jpg", 85))
    assert spots is not None and not len(spots)


EDITS = {
    "quality 10": lambda photo: photo,
    "half": lambda photo: photo.resize((photo.width // 2, photo.height // 2)),
    "nearest": lambda photo: photo.resize((1024, 683), Image.Resampling.NEAREST),
    "sharper": lambda photo: photo.filter(ImageFilter.UnsharpMask(2, 120, 0)),
    "softer": lambda photo: photo.filter(ImageFilter.GaussianBlur(1)),
    "brighter": lambda photo: ImageEnhance.Brightness(photo).enhance(1.2),
    "grey": lambda photo: photo.convert("L").convert("RGB"),
    "paler": lambda photo: ImageEnhance.Color(photo).enhance(0.6),
    "warmer": lambda photo: ImageChops.multiply(photo, Image.new("RGB", photo.size, "#fff0d8")),
    "moved": lambda photo: photo.crop((3, 2, photo.width, photo.height)),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("original", ["photo", "page"])
def test_a_copy_as_programs_make_it_does_not_differ(tmp_path, edit, original):
    picture = PHOTO if original == "photo" else page("13.40", 18, "black")
    one = save(picture, tmp_path / "one.jpg", 92)
    quality = 10 if edit == "quality 10" else 85
    spots = find_spots(one, save(EDITS[edit](picture), tmp_path / "two.jpg", quality))
    if (edit, original) == ("nearest", "page"):
        assert spots is None  # some strokes of its letters are gone
    else:
        assert spots is not None and not len(spots)
