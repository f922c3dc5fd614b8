"""Details and overlays: what proves one place, and what proves a copy."""

from __future__ import annotations

import io
import random
from itertools import combinations

import numpy as np
import pytest
from files import sample
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

from dupimg.decide.looker import glance_at, see_picture
from dupimg.groups.copies import compare_copies
from dupimg.groups.details import NO_MATCH, Details, find_details, match_details
from dupimg.groups.pictures import Glance, Picture
from dupimg.groups.places import compare_places

NAMES = ("chelsea.png", "coffee.png", "china.jpg", "flower.jpg", "rocket.jpg", "astronaut.png")


def opened(name: str, side: int = 512) -> Image.Image:
    with Image.open(sample(name)) as photo:
        return ImageOps.contain(photo.convert("RGB"), (side, side))


def preview(photo: Image.Image, quality: int = 88) -> Image.Image:
    content = io.BytesIO()
    ImageOps.contain(photo, (512, 512)).convert("RGB").save(content, "JPEG", quality=quality)
    with Image.open(content) as saved:
        return saved.convert("RGB")


def picture(photo: Image.Image, quality: int = 88) -> Picture:
    """Return what is seen of a photo once it was saved as JPEG."""
    return see_picture(preview(photo, quality))


def copy_of(first: Image.Image, second: Image.Image, quality: int = 88):
    a, b = picture(first), picture(second, quality)
    return compare_copies(a, b, find_details(a.grey), find_details(b.grey))


def place_of(first: Image.Image, second: Image.Image):
    return places_of(glance(first), glance(second))


def glance(photo: Image.Image) -> tuple[Glance, Details]:
    seen = preview(photo)
    return glance_at(seen), find_details(np.asarray(seen.convert("L")))


def places_of(first: tuple[Glance, Details], second: tuple[Glance, Details]):
    return compare_places(first[0], second[0], match_details(first[1], second[1]))


def test_details_of_a_picture_without_contrast():
    plain = find_details(np.full((90, 120), 128, np.uint8))
    assert len(plain) == 0
    assert match_details(plain, plain) is NO_MATCH


@pytest.mark.parametrize("name", NAMES)
def test_a_part_is_found_in_the_whole_where_it_is(name):
    photo = opened(name)
    left, top, width, height = 0.2, 0.1, 0.7, 0.8
    sides = np.array(photo.size)
    box = np.concatenate([sides * (left, top), sides * (left + width, top + height)])
    part = photo.crop(tuple(box.round().astype(int).tolist()))
    match = match_details(*(find_details(picture(p).grey) for p in (part, photo)))
    assert match.n_details >= 20
    corner = match.affine @ [0, 0, 1] * max(photo.size)
    np.testing.assert_allclose(corner, box[:2], atol=4)


@pytest.mark.parametrize("name", NAMES)
def test_two_windows_of_a_photo_show_one_place(name):
    photo = opened(name)
    width = photo.width * 3 // 4
    parts = [photo.crop((x, 0, x + width, photo.height)) for x in (0, photo.width - width)]
    assert place_of(*parts).is_same_place


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180])
@pytest.mark.parametrize("name", NAMES[:3])
def test_a_turned_photo_is_a_copy(name, turn):
    photo = opened(name)
    assert copy_of(photo, photo.transpose(turn)).verdict == "copy"
    seen, turned = (glance(p) for p in (photo, photo.transpose(turn)))
    times = seen[0].turns_to(turned[0])
    assert times
    found = [match_details(seen[1], turned[1].turned(k)).n_details for k in times]
    assert max(found) > 100


def test_different_photos_show_different_places():
    pictures = [opened(name) for name in NAMES]
    assert not any(place_of(*pair).is_same_place for pair in combinations(pictures, 2))


def cropped(photo: Image.Image) -> Image.Image:
    width, height = photo.size
    return photo.crop((width // 10, height // 8, width * 17 // 20, height * 9 // 10))


def with_bars(photo: Image.Image) -> Image.Image:
    return ImageOps.expand(photo, (0, photo.height // 8), "black")


def screenshot(photo: Image.Image) -> Image.Image:
    screen = ImageOps.expand(photo, (20, 90), "white")
    draw = ImageDraw.Draw(screen)
    draw.rectangle((0, 0, screen.width, 30), "grey")
    for x in range(30, screen.width, 60):
        draw.ellipse((x, screen.height - 50, x + 24, screen.height - 26), "black")
    return screen


@pytest.mark.parametrize("name", NAMES)
def test_a_part_goes_in_favour_of_the_whole_and_not_the_whole(name):
    photo = opened(name)
    found = copy_of(photo, cropped(photo))
    assert found.verdict == "cropped copy"
    assert found.may_go()
    assert not found.swapped().may_go()
    assert not copy_of(cropped(photo), photo).may_go()


@pytest.mark.parametrize("around", [with_bars, screenshot])
@pytest.mark.parametrize("name", NAMES)
def test_bars_and_screens_go_in_favour_of_the_photo(name, around):
    photo = opened(name)
    found = copy_of(photo, around(photo))
    assert found.verdict in {"copy", "cropped copy"}  # a black sky looks like a bar, too
    assert found.may_go() or found.other_bars == 0.5
    assert not found.swapped().may_go()
    assert not copy_of(around(photo), photo).may_go()


def test_two_parts_of_a_photo_are_no_copies():
    photo = opened("coffee.png")
    left, right = (photo.crop((x, 0, x + 400, photo.height)) for x in (0, photo.width - 400))
    assert copy_of(left, right).verdict == ""


def test_what_was_cut_off_a_sky_is_no_bar():
    sky = Image.new("RGB", (512, 140), (235, 238, 245))
    whole = Image.new("RGB", (512, 480))
    ground = opened("china.jpg").resize((512, 340))
    ImageDraw.Draw(ground).rectangle((0, 0, 512, 60), fill=(235, 238, 245))
    whole.paste(sky, (0, 0))
    whole.paste(ground, (0, 140))
    found = copy_of(ground, whole)
    assert found.verdict == "cropped copy"
    assert not found.may_go()


@pytest.mark.parametrize("name", NAMES)
def test_other_brightness_may_be_another_exposure(name):
    photo = opened(name)
    found = copy_of(photo, ImageEnhance.Brightness(photo).enhance(0.75))
    assert found.is_brightened
    assert not found.may_go()
    assert found.may_go(brightened=True)


EDITS = {
    "saved again": lambda photo: photo,
    "smaller": lambda photo: photo.resize((photo.width // 3, photo.height // 3)),
    "grey": lambda photo: ImageOps.grayscale(photo),
    "less colourful": lambda photo: ImageEnhance.Color(photo).enhance(0.4),
}


@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", NAMES)
def test_copies_are_proven(name, edit):
    photo = opened(name)
    assert copy_of(photo, EDITS[edit](photo)).may_go()
    assert copy_of(photo, EDITS[edit](photo), quality=30).may_go()


@pytest.mark.parametrize("name", NAMES)
def test_a_colour_photo_does_not_go_in_favour_of_a_grey_one(name):
    photo = opened(name)
    assert not copy_of(ImageOps.grayscale(photo), photo).may_go()


@pytest.mark.parametrize("name", NAMES)
def test_a_photo_with_a_caption_is_another_picture(name):
    photo = opened(name)
    captioned = photo.copy()
    font = ImageFont.load_default(photo.height // 12)
    ImageDraw.Draw(captioned).text((20, photo.height * 3 // 4), "WISH YOU WERE HERE", "white", font)
    found = copy_of(photo, captioned)
    assert found.verdict == "edited copy"
    assert not found.may_go()
    assert found.may_go(edited=True, brightened=True)
    assert not copy_of(captioned, photo).may_go()


def form(number: int) -> Image.Image:
    """Return a page that differs from others only in what is filled in."""
    page = Image.new("RGB", (600, 840), (250, 250, 245))
    draw, chance = ImageDraw.Draw(page), random.Random(number)
    draw.text((60, 40), "ANNUAL INSPECTION", "black", ImageFont.load_default(36))
    for row, label in enumerate(("Owner", "Plate", "Engine", "Brakes", "Lights", "Passed")):
        top = 130 + 110 * row
        draw.rectangle((50, top, 550, top + 80), outline="black", width=2)
        draw.text((60, top + 6), label, "grey", ImageFont.load_default(18))
        word = "".join(chance.choices("ABCDEFGHKLMNPRSTUVWXYZ0123456789", k=9))
        draw.text((160, top + 30), word, (20, 20, 120), ImageFont.load_default(24))
    return page


def test_forms_that_were_filled_in_differently_are_no_copies():
    pages = [form(number) for number in range(6)]
    assert copy_of(pages[0], pages[0], quality=40).may_go()
    assert not any(copy_of(*pair).may_go() for pair in combinations(pages, 2))


def test_pictures_without_contents_prove_nothing():
    black = Image.new("RGB", (400, 300))
    faint = black.copy()
    ImageDraw.Draw(faint).ellipse((150, 100, 180, 130), fill=(9, 9, 9))
    assert not copy_of(black, black).may_go()
    assert not copy_of(black, faint).may_go()


def test_another_colour_of_one_thing_is_no_copy():
    photo = opened("coffee.png")
    shirt = Image.new("RGB", (photo.width // 2, photo.height // 2))
    red, green = photo.copy(), photo.copy()
    for picture_, colour in ((red, (190, 40, 50)), (green, (50, 120, 60))):
        picture_.paste(Image.new("RGB", shirt.size, colour), (photo.width // 4, photo.height // 4))
    assert not copy_of(red, green).may_go()


# What photos share that are otherwise unrelated.
def _stamp(photo: Image.Image, draw: ImageDraw.ImageDraw) -> None:
    place = (photo.width * 2 // 3, photo.height * 9 // 10)
    draw.text(place, "2009 07 14 18:25", "orange", ImageFont.load_default(photo.height // 18))


def _watermark(photo: Image.Image, draw: ImageDraw.ImageDraw) -> None:
    place = (photo.width // 4, photo.height // 2)
    draw.text(place, "© SOMEBODY", (235, 235, 235), ImageFont.load_default(photo.height // 14))


def _logo(photo: Image.Image, draw: ImageDraw.ImageDraw) -> None:
    side = photo.height // 8
    draw.ellipse((10, 10, 10 + side, 10 + side), fill="red", outline="white", width=3)
    draw.text((14, 10 + side // 3), "NEWS", "white", ImageFont.load_default(side // 3))


def _app(photo: Image.Image, draw: ImageDraw.ImageDraw) -> None:
    bar = photo.height // 9
    draw.rectangle((0, 0, photo.width, bar), fill=(30, 30, 30))
    draw.rectangle((0, photo.height - bar, photo.width, photo.height), fill=(30, 30, 30))
    draw.text((10, bar // 4), "12:45   Photos   LTE 83%", "white", ImageFont.load_default(bar // 2))
    for place in range(5):
        x = photo.width * (2 * place + 1) // 10
        draw.rectangle((x - 9, photo.height - bar + 8, x + 9, photo.height - 8), outline="white")


def _border(photo: Image.Image, draw: ImageDraw.ImageDraw) -> None:
    for step in range(3):
        inset = 4 + 9 * step
        box = (inset, inset, photo.width - inset, photo.height - inset)
        draw.rectangle(box, outline=("gold", "black", "white")[step], width=4)


@pytest.mark.parametrize("mark", [_stamp, _watermark, _logo, _app, _border])
def test_what_strangers_share_does_not_join_them(mark, photos_to_fit):
    # Forty windows of ten photos, none of which overlaps another one of its photo.
    marked = []
    for number, path in enumerate(sorted(photos_to_fit.glob("*.jpg"))[:40]):
        with Image.open(path) as photo:
            photo = ImageOps.fit(photo.convert("RGB"), (480, 360))
        mark(photo, ImageDraw.Draw(photo))
        marked.append((number % 10, photo))
    seen = [(source, glance(photo)) for source, photo in marked]
    joined = [
        (i, j)
        for i, j in combinations(range(len(seen)), 2)
        if seen[i][0] != seen[j][0] and places_of(seen[i][1], seen[j][1]).is_same_place
    ]
    assert joined == []
