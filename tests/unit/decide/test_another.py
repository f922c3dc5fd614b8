"""Photos that look alike and are not the same picture stay, and the report says why."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import numpy as np
import pytest
from files import sample, save
from PIL import Image, ImageDraw, ImageEnhance

from dupimg import add, organize
from dupimg.decide.another import is_one_exposure, shown_to_be_another
from dupimg.files.photos import Photo
from dupimg.files.traits import Traits
from dupimg.plans.report import read_report
from dupimg.runs.plan import plan

NOON = datetime(2024, 5, 1, 12)
CAMERA = "Maker One"


def photo(taken=NOON, taken_from="exif", **traits):
    return Photo("a.jpg", 9, "d", 40, 30, taken, taken_from, traits=Traits(**traits))


def shot(*exposure, camera=CAMERA):
    return photo(camera=camera, exposure=exposure)


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        (photo(), photo(), None),
        (photo(frames=2), photo(frames=3), "frames"),
        (photo(frames=2), photo(), "frames"),
        (photo(format="RAW"), photo(format="JPEG"), "raw"),
        (photo(format="JPEG"), photo(format="RAW"), None),
        (photo(format="RAW"), photo(format="RAW"), None),
        (photo(), photo(NOON + timedelta(seconds=1)), "time"),
        (photo(), photo(NOON + timedelta(seconds=1), "file"), None),
        (photo(), photo(NOON.replace(microsecond=300_000)), None),
        (photo(NOON.replace(microsecond=1000)), photo(NOON.replace(microsecond=3000)), "time"),
        (photo(NOON.replace(microsecond=1200)), photo(NOON.replace(microsecond=1000)), None),
        (
            photo(NOON.replace(tzinfo=timezone.utc)),
            photo((NOON + timedelta(hours=2)).replace(tzinfo=timezone(timedelta(hours=2)))),
            None,
        ),
        (shot(0.01, 2.8, 100, 0), shot(0.01, 2.8, 100, 0), None),
        (shot(0.01, 2.8, 100, 0), shot(0.02, 2.8, 100, 0), "exposure"),
        (shot(0.01, 2.8, 100, 0), shot(0.01, 4.0, 100, 0), "exposure"),
        (shot(0.01, 2.8, 100, 0), shot(0.01, 2.8, 125, 0), "exposure"),
        (shot(0.01, 2.8, 100, 0), shot(0.01, 2.8, 100, -1 / 3), "exposure"),
        (shot(1 / 60, 2.8, 100, 0), shot(0.016, 2.81, 100, 0.01), None),
        (shot(0.01, 2.8, 100, 0), shot(None, None, None, None), None),
        (shot(0.01, 2.8, 100, 0), shot(0.02, 2.8, 100, 0, camera="Maker Two"), None),
        (shot(0.01, 2.8, 100, 0, camera=""), shot(0.02, 2.8, 100, 0, camera=""), None),
    ],
)
def test_shown_to_be_another(one, other, code):
    assert shown_to_be_another(one, other) == code


def animation(path, *frames, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    how = {"duration": 200, "loop": 0, **how}
    frames[0].save(path, save_all=True, append_images=frames[1:], **how)


@pytest.fixture(scope="module")
def pictures():
    def read(name):
        with Image.open(sample(name)) as opened:
            return Image.fromarray(np.asarray(opened.convert("RGB"))).resize((320, 240))

    names = ("coffee.png", "chelsea.png", "rocket.jpg", "astronaut.png")
    return {name.partition(".")[0]: read(name) for name in names}


def decided(folder, tmp_path, rule, **options):
    result = plan(
        folder, tmp_path / "out", quiet=True, cache="none", duplicate_rule=rule, **options
    )
    return {row.path: row for row in read_report(result.report)}, result.summary()


def exif(taken="2024:05:01 12:00:00", exposure=0.01):
    tags = Image.Exif()
    tags[0x010F], tags[0x0110] = CAMERA.split()
    tags.get_ifd(0x8769).update({0x9003: taken, 0x829A: exposure})
    return tags


RULES = pytest.mark.parametrize("rule", ["careful", "verified"])


@RULES
def test_animations(pictures, tmp_path, rule):
    folder = tmp_path / "in"
    title, black = pictures["coffee"], Image.new("RGB", (320, 240))
    cat, rocket, face = (pictures[name] for name in ("chelsea", "rocket", "astronaut"))
    animation(folder / "holiday.gif", title, cat, rocket)
    animation(folder / "birthday.gif", title, cat, rocket, face)
    animation(folder / "launch.webp", black, rocket, face)
    animation(folder / "cat.webp", black, cat, face)
    animation(folder / "a.png", face, cat)
    save(face.resize((640, 480)), folder / "still of a.jpg", quality=95)
    animation(folder / "again.webp", face, cat, lossless=True)
    animation(folder / "slow.webp", face, cat, lossless=True, duration=300)
    animation(folder / "once.png", face, cat, loop=1)
    rows, _ = decided(folder, tmp_path, rule)
    identical = {name for name, row in rows.items() if row.verdict == "identical pixels"}
    assert {name: row.keeper for name, row in rows.items() if row.keeper} == {"again.webp": "a.png"}
    assert "again.webp" in identical
    assert identical <= {"again.webp", "a.png"}
    assert "stays: other frames or pages than a.png" in str(rows["still of a.jpg"].reason)
    for name in ("slow.webp", "once.png"):
        assert "stays: an animation of another speed than a.png" in str(rows[name].reason)


@RULES
def test_white_drawings_on_nothing(tmp_path, rule):
    folder = tmp_path / "in"
    for name, box in (("left", (20, 20, 180, 380)), ("right", (220, 20, 380, 380))):
        for copy in ("", " again"):
            drawing = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
            ImageDraw.Draw(drawing).ellipse(box, fill="white")
            save(drawing, folder / f"{name}{copy}.png", compress_level=1 if copy else 9)
    rows, _ = decided(folder, tmp_path, rule)
    removed = {name: (row.keeper, row.verdict) for name, row in rows.items() if row.keeper}
    assert removed == {
        "left.png": ("left again.png", "identical pixels"),
        "right.png": ("right again.png", "identical pixels"),
    }
    assert "stays: transparent in other places than" in " ".join(
        str(row.reason) for row in rows.values()
    )


@RULES
def test_black_and_white_pictures(tmp_path, rule):
    folder = tmp_path / "in"
    noise = np.random.default_rng(1)
    for number in range(2):
        cap = Image.fromarray(noise.integers(0, 6, (300, 400, 3), dtype=np.uint8))
        save(cap, folder / f"cap {number}.jpg")
    save(cap, folder / "cap.png")
    save(cap, folder / "cap.webp", lossless=True)
    rows, _ = decided(folder, tmp_path, rule)
    removed = {name: row.verdict for name, row in rows.items() if row.action == "remove"}
    assert list(removed.values()) == ["identical pixels"]
    assert set(removed) <= {"cap.png", "cap.webp"}


@RULES
def test_shots_that_only_their_metadata_tells_apart(pictures, tmp_path, rule):
    folder = tmp_path / "in"
    cat = pictures["chelsea"]
    save(cat, folder / "a.jpg", quality=95, exif=exif())
    save(cat, folder / "b.jpg", quality=90, exif=exif(exposure=0.02))
    save(cat, folder / "c.jpg", quality=85, exif=exif("2024:05:01 12:00:01"))
    save(cat, folder / "copy.jpg", quality=80, exif=exif())
    rows, _ = decided(folder, tmp_path, rule)
    assert {name: row.keeper for name, row in rows.items() if row.keeper} == {"copy.jpg": "a.jpg"}
    assert str(rows["b.jpg"].reason).startswith("no duplicate; stays: another exposure than a.jpg")
    assert str(rows["c.jpg"].reason).startswith(
        f"no duplicate; stays: taken at another time than {rows['c.jpg'].compared_with}"
    )


@RULES
def test_of_a_brightened_copy_the_one_with_its_highlights_stays(tmp_path, rule):
    folder = tmp_path / "in"
    with Image.open(sample("china.jpg")) as photo:
        photo.load()
    save(photo, folder / "photo.jpg", quality=90, exif=exif())
    brightened = ImageEnhance.Brightness(photo).enhance(1.25)  # a third is white now
    save(brightened, folder / "brightened.jpg", quality=98, exif=exif())
    rows, _ = decided(folder, tmp_path, rule)
    assert rows["photo.jpg"].action == "keep"
    brightened = rows["brightened.jpg"]
    assert (brightened.action, brightened.verdict, brightened.keeper) == (
        "remove",
        "copy",
        "photo.jpg",
    )


@RULES
def test_identical_pixels_are_never_another_shot(pictures, tmp_path, rule):
    folder = tmp_path / "in"
    save(pictures["chelsea"], folder / "a.png", exif=exif())
    save(pictures["chelsea"], folder / "b.png", exif=exif("2024:05:02 12:00:00", 0.5))
    rows, _ = decided(folder, tmp_path, rule)
    assert {row.verdict for row in rows.values()} == {"identical pixels"}
    assert sum(row.action == "remove" for row in rows.values()) == 1


def test_a_picture_that_differs_in_one_pixel_is_a_copy(pictures, tmp_path):
    folder = tmp_path / "in"
    other = pictures["chelsea"].copy()
    other.putpixel((7, 7), (255, 0, 255))
    save(pictures["chelsea"], folder / "a.png")
    save(other, folder / "b.png")
    rows, _ = decided(folder, tmp_path, "careful")
    assert {row.verdict for row in rows.values()} == {"copy"}


def test_a_file_that_is_gone_is_not_compared(pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "dupimg.decide.whole_pictures.WholePictures._ask",
        lambda self, function, contents: ((digests, None) for digests in contents),
    )
    folder = tmp_path / "in"
    for name in ("a.png", "b.webp"):
        animation(folder / name, pictures["chelsea"], pictures["rocket"])
    rows, _ = decided(folder, tmp_path, "careful")
    assert {row.action for row in rows.values()} == {"keep"}
    assert "could not be compared with" in " ".join(str(row.reason) for row in rows.values())


def test_each_other_rule_is_counted(pictures, tmp_path):
    folder = tmp_path / "in"
    save(pictures["chelsea"], folder / "a.jpg", quality=95, exif=exif())
    save(pictures["chelsea"], folder / "b.jpg", quality=90, exif=exif(exposure=0.02))
    _, careful = decided(folder, tmp_path, "careful")
    assert "1 photo stays although it looks like another" in careful
    assert "--duplicate_rule=cosine would have removed 1 more photo" in careful
    assert "--duplicate_rule=verified" not in careful


def test_what_is_added_is_compared_with_what_was_there(pictures, tmp_path):
    cat, rocket = pictures["chelsea"], pictures["rocket"]
    animation(tmp_path / "in/a.png", cat, rocket)
    save(pictures["coffee"], tmp_path / "in/b.jpg", exif=exif())
    options = {"quiet": True, "cache": "none"}
    organize(tmp_path / "in", tmp_path / "out", **options)
    animation(tmp_path / "new/other.png", cat, pictures["coffee"])
    save(pictures["coffee"].resize((160, 120)), tmp_path / "new/c.jpg", exif=exif(exposure=0.5))
    result = add(tmp_path / "new", tmp_path / "out", **options)
    assert {row.action for row in result.rows} == {"keep"}


def test_a_second_run_reads_no_picture_again(pictures, tmp_path, monkeypatch):
    cache = str(tmp_path / "cache.sqlite")
    for name in ("a.png", "b.webp"):
        animation(tmp_path / "in" / name, pictures["chelsea"], pictures["rocket"])
    first = plan(tmp_path / "in", tmp_path / "one", quiet=True, cache=cache)

    def read_new(*_):
        raise AssertionError("a picture was read again")

    monkeypatch.setattr("dupimg.decide.whole_pictures.read_whole", read_new)
    second = plan(tmp_path / "in", tmp_path / "two", quiet=True, cache=cache)
    assert read_report(first.report) == read_report(second.report)


def test_a_raw_and_what_was_developed_from_it_may_differ_in_brightness():
    taken = datetime(2024, 5, 4, 12)

    def shot(format: str, seconds: int = 0) -> Photo:
        at = taken + timedelta(seconds=seconds)
        return Photo("a", 1, "a", 4, 3, at, "exif", traits=Traits(format=format))

    assert is_one_exposure(shot("RAW"), shot("JPEG"))
    assert not is_one_exposure(shot("RAW"), shot("JPEG", seconds=1))
    assert not is_one_exposure(shot("JPEG"), shot("JPEG"))
