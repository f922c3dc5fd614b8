"""Which duplicate stays, and what goes with it, in folders as phones and programs leave them."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np
import pytest
import tifffile
from files import make_files, read_files, save
from packets import exif
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter
from sklearn.datasets import load_sample_image

from dupimg import add, apply, organize, plan, undo

CHINA = Image.fromarray(load_sample_image("china.jpg"))
FLOWER = Image.fromarray(load_sample_image("flower.jpg"))
TAKEN = "2022:05:01 10:00:00"


def jpeg(photo=CHINA, taken=TAKEN, quality=90, gps=None, **main) -> bytes:
    content = io.BytesIO()
    tags = exif({0x9003: taken} if taken else {}, gps) if taken or gps else Image.Exif()
    for tag, value in main.items():
        tags[{"make": 0x010F, "model": 0x0110, "rating": 0x4746}[tag]] = value
    photo.save(content, "JPEG", quality=quality, exif=tags)
    return content.getvalue()


def dng(photo, taken) -> bytes:
    """Return a raw file of three colours a pixel with a small preview."""
    pixels = ((np.asarray(photo) / 255) ** 2.2 * 65535).astype(np.uint16)
    matrix = (1, 1, 0, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 1, 1)
    tags = [
        (50706, "B", 4, (1, 4, 0, 0), True),
        (50708, "s", 0, "Acme", True),
        (50721, "2i", 9, matrix, True),
        (50728, "2I", 3, (1, 1, 1, 1, 1, 1), True),
        (36867, "s", 0, taken, True),
    ]
    content = io.BytesIO()
    with tifffile.TiffWriter(content) as tiff:
        small = np.asarray(photo.resize((320, 212)))
        tiff.write(small, photometric="rgb", subfiletype=1, extratags=tags, subifds=1)
        tiff.write(pixels, photometric=34892, subfiletype=0)
    return content.getvalue()


@pytest.fixture
def run(tmp_path):
    """Return a function that organizes files and returns the rows by path."""

    def organized(files, **options):
        make_files(tmp_path / "in", files)
        options = {"cache": str(tmp_path / "cache"), "quiet": True} | options
        result = organize(tmp_path / "in", tmp_path / "out", **options)
        return {row.path: row for row in result.rows}

    return organized


def kept(rows):
    return {path for path, row in rows.items() if row.action == "keep"}


def test_the_copy_that_knows_when_and_where_it_was_taken_stays(run):
    place = {1: "N", 2: (48.0, 51.0, 29.0), 3: "E", 4: (2.0, 17.0, 40.0)}
    rows = run(
        {
            "phone/IMG_1.jpg": jpeg(quality=88, gps=place, make="Apple"),
            "downloads/IMG_1.jpg": jpeg(taken="", quality=97),
        }
    )
    assert kept(rows) == {"phone/IMG_1.jpg"}
    assert "the keeper knows more of when" in str(rows["downloads/IMG_1.jpg"].reason)


def test_the_copy_with_companions_stays_and_they_with_it(run):
    live = jpeg()
    rows = run(
        {
            "Album/IMG_0001.JPG": live,
            "Photos from 2022/IMG_0001.JPG": live,
            "Photos from 2022/IMG_0001.MOV": b"\0\0\0\x14ftypqt  " + bytes(5000),
            "Photos from 2022/IMG_0001.JPG.supplemental-metadata.json": "{}",
        }
    )
    assert kept(rows) == {path for path in rows if path.startswith("Photos from 2022/")}
    assert "more files that belong to it" in str(rows["Album/IMG_0001.JPG"].reason)


def test_companions_of_a_copy_go_with_the_photo_that_stays(run, tmp_path):
    before = {
        "a/1.jpg": jpeg(taken="", quality=80),
        "a/1.xmp": "rated",
        "a/1.jpg.json": "{}",
        "b/1.jpg": jpeg(taken="", quality=85),
        "b/1.xmp": "rated",
        "c/1.jpg": jpeg(quality=80),
        "c/1.xmp": "other words",
    }
    rows = run(before, keep="metadata")
    stem = "processed/image-0001-20220501100000000"
    places = {path: rows[path].destination for path in before if path.endswith((".xmp", ".json"))}
    assert kept(rows) == {"c/1.jpg", "c/1.xmp", "a/1.xmp", "a/1.jpg.json"}
    assert places["c/1.xmp"] == f"{stem}.xmp"
    assert places["a/1.xmp"] == f"{stem}-2.xmp"
    assert places["a/1.jpg.json"] == f"{stem}.jpg.json"
    assert places["b/1.xmp"].startswith("remove/")  # its twin stays
    assert "identical bytes stay with 1.jpg" in str(rows["b/1.xmp"].reason)
    undo(tmp_path / "out", quiet=True)
    assert sorted(read_files(tmp_path / "in")) == sorted(before)


def test_a_photo_that_a_person_keeps_has_its_own_companions_back(tmp_path):
    source, out = tmp_path / "in", tmp_path / "out"
    files = {"a.jpg": jpeg(quality=80), "a.xmp": "of a", "b.jpg": jpeg(), "b.xmp": "of b"}
    make_files(source, files)
    decided = plan(source, out, keep="bytes", cache="none", quiet=True)
    assert {row.companion_of: row.goes_with for row in decided.rows if row.is_companion} == {
        "a.jpg": "b.jpg",
        "b.jpg": "b.jpg",
    }
    with (out / "plan.csv").open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    for line in lines:
        if line["path"] == "a.jpg":
            line["action"] = "keep"
    with (out / "plan.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    rows = {row.path: row for row in apply(out, quiet=True).rows}
    for name in "ab":
        stem = rows[f"{name}.jpg"].destination.removesuffix(".jpg")
        assert rows[f"{name}.xmp"].destination == f"{stem}.xmp"
        assert (out / f"{stem}.xmp").read_text() == f"of {name}"


@pytest.mark.parametrize("name", ["1980", "1970", "2010"])
def test_what_the_camera_wrote_counts_more_than_the_time_of_a_file(tmp_path, name):
    times = {"1980": 315_532_800, "1970": 0, "2010": 1_262_304_000}
    save(CHINA, tmp_path / "in/phone/1.jpg", taken="2019:07:01 15:30:00", quality=80)
    save(CHINA, tmp_path / "in/stick/1.jpg", mtime=times[name], quality=80)
    result = plan(
        tmp_path / "in", tmp_path / "out", keep="oldest,pixels,bytes,path", cache="none", quiet=True
    )
    rows = {row.path: row for row in result.rows}
    assert kept(rows) == {"phone/1.jpg"}
    assert rows["phone/1.jpg"].destination == "processed/image-0001-20190701153000000.jpg"
    reason = str(rows["stick/1.jpg"].reason)
    assert reason.endswith("of the keeper it is known when it was taken")


def test_a_group_is_named_by_its_best_date(run):
    rows = run({"large.jpg": jpeg(taken=""), "small.jpg": jpeg(CHINA.resize((480, 320)))})
    large = rows["large.jpg"]
    assert large.destination == "processed/image-0001-20220501100000000.jpg"
    assert (large.taken_from, large.own_taken_from) == ("exif", "file")
    assert "has the date of small.jpg" in str(large.reason)


@pytest.mark.parametrize("mark", ["_edited", "-edited", "_bearbeitet", "-modifié", "-EFFECTS"])
def test_an_edited_version_goes_with_its_original(run, mark):
    edit = ImageEnhance.Color(CHINA).enhance(1.15)
    files = {
        "IMG_1.jpeg": jpeg(quality=85),
        f"IMG_1{mark}.jpeg": jpeg(edit, quality=96),
        "IMG_1.mov": b"\0\0\0\x14ftypqt  " + bytes(5000),
        "IMG_1.AAE": "<plist/>",
    }
    rows = run(files)
    assert kept(rows) == set(files)
    assert {row.companion_of for row in rows.values() if row.is_companion} == {"IMG_1.jpeg"}
    assert rows[f"IMG_1{mark}.jpeg"].destination.endswith(f"{mark}.jpeg")


@pytest.mark.parametrize(
    "name",
    ["IMG_1.jpg_original", "IMG_1.jpg~", "IMG_1 (1).jpg", "IMG_1 - Copy.jpg", "IMG_1.bak"],
)
def test_a_backup_or_copy_goes_although_it_has_more_bytes(run, name):
    rows = run({"IMG_1.jpg": jpeg(quality=80), name: jpeg(quality=95)})
    assert kept(rows) == {"IMG_1.jpg"}
    assert "original of this backup, copy, export or enlargement" in str(rows[name].reason)


def test_pages_count_most(run):
    several = io.BytesIO()
    CHINA.save(several, "TIFF", save_all=True, append_images=[FLOWER], compression="tiff_lzw")
    one = io.BytesIO()
    CHINA.resize((1280, 854)).save(one, "PNG")
    rows = run({"scan.tif": several.getvalue(), "page.png": one.getvalue()})
    assert rows["scan.tif"].action == "keep"
    if rows["page.png"].action == "remove":
        assert "more pages" in str(rows["page.png"].reason)


def test_raw_and_jpeg_as_pixel_names_them_and_in_two_folders(run):
    portrait = CHINA.crop((0, 0, 400, 400))
    files = {
        "PXL_20250120_221128230.RAW-01.COVER.jpg": jpeg(CHINA, "2025:01:20 22:11:28"),
        "PXL_20250120_221128230.RAW-02.ORIGINAL.dng": dng(CHINA, "2025:01:20 22:11:28"),
        "PXL_20250121_101010101.PORTRAIT-01.COVER.jpg": jpeg(portrait, "2025:01:21 10:10:10"),
        "PXL_20250121_101010101.PORTRAIT-02.ORIGINAL.jpg": jpeg(
            portrait, "2025:01:21 10:10:10", quality=80
        ),
        "RAW/IMG_9.DNG": dng(FLOWER, "2025:01:23 09:00:00"),
        "JPG/IMG_9.JPG": jpeg(FLOWER, "2025:01:23 09:00:01"),
        "RAW/IMG_8.DNG": dng(FLOWER.crop((0, 0, 300, 300)), "2025:01:23 10:00:00"),
        "JPG/IMG_8.JPG": jpeg(FLOWER.crop((300, 100, 640, 427)), "2024:01:23 10:00:00"),
    }
    rows = run(files, time_zone="UTC")
    assert kept(rows) == set(files)
    assert {path: row.companion_of for path, row in rows.items() if row.is_companion} == {
        "PXL_20250120_221128230.RAW-02.ORIGINAL.dng": "PXL_20250120_221128230.RAW-01.COVER.jpg",
        "PXL_20250121_101010101.PORTRAIT-02.ORIGINAL.jpg": (
            "PXL_20250121_101010101.PORTRAIT-01.COVER.jpg"
        ),
        "RAW/IMG_9.DNG": "JPG/IMG_9.JPG",
    }
    raw = rows["RAW/IMG_9.DNG"].destination
    assert raw == rows["JPG/IMG_9.JPG"].destination.replace(".JPG", ".DNG")


def test_preferred_and_avoided_paths_come_first(run):
    files = {"web/1.jpg": jpeg(quality=95), "best/1.jpg": jpeg(quality=70), "z/1.jpg": jpeg()}
    rows = run(files, prefer="best/", avoid="web/")
    assert kept(rows) == {"best/1.jpg"}
    assert "where you prefer it" in str(rows["z/1.jpg"].reason)


def test_paths_to_avoid_alone(run):
    rows = run({"web/1.jpg": jpeg(quality=95), "z/1.jpg": jpeg()}, avoid="web/**")
    assert kept(rows) == {"z/1.jpg"}
    assert "not where you avoid it" in str(rows["web/1.jpg"].reason)


def test_more_endings_of_companions(run):
    rows = run({"1.jpg": jpeg(), "1.jpg.cr3settings": "x", "1.notes": "y"}, companion="notes")
    assert rows["1.notes"].companion_of == "1.jpg"
    assert rows["1.jpg.cr3settings"].action == "other"


@pytest.mark.parametrize("order", list(itertools.permutations("abc"))[1:])
def test_adding_agrees_with_a_run_over_everything(tmp_path, order):
    files = {
        "a/IMG_1.jpg": jpeg(quality=70, make="Acme"),
        "b/IMG_1.jpg": jpeg(taken="", quality=95),
        "c/IMG_1.jpg": jpeg(quality=80),
        "c/IMG_1.xmp": "words",
    }
    make_files(tmp_path / "all", files)
    options = {"cache": str(tmp_path / "cache"), "quiet": True}
    once = plan(tmp_path / "all", tmp_path / "once", **options)
    source = tmp_path / "in"
    for number, folder in enumerate(order):
        make_files(source, {path: files[path] for path in files if path.startswith(folder)})
        if number == 0:
            rows = organize(source, tmp_path / "out", **options).rows
        else:
            rows = add(source, tmp_path / "out", **options).rows
    assert kept({row.path: row for row in rows}) == kept({row.path: row for row in once.rows})


def test_the_best_shot_of_a_burst_is_recommended_and_all_stay(tmp_path):
    scene = FLOWER
    shots = {
        "1.jpg": scene.filter(ImageFilter.GaussianBlur(2)),
        "2.jpg": scene,
        "3.jpg": scene.filter(ImageFilter.GaussianBlur(1.5)),
    }
    for number, (name, shot) in enumerate(shots.items()):
        save(shot, tmp_path / "in" / name, taken=f"2023:06:01 12:00:0{number}", quality=95)
    result = plan(tmp_path / "in", tmp_path / "out", cache="none", quiet=True)
    rows = {row.path: row for row in result.rows}
    assert kept(rows) == set(shots)
    recommended = {path for path, row in rows.items() if "best shot of" in str(row.reason)}
    assert recommended == {"2.jpg"}
    assert "best shot of 3 near duplicates" in str(rows["2.jpg"].reason)


def enlarged(photo, factor=2.0) -> bytes:
    size = (round(photo.width * factor), round(photo.height * factor))
    return jpeg(photo.resize(size, Image.Resampling.BICUBIC), quality=92)


def test_a_photo_stays_and_its_enlarged_copies_go(run):
    rows = run(
        {
            "original.jpg": jpeg(quality=92),
            "twice.jpg": enlarged(CHINA),
            "twin.jpg": enlarged(CHINA),
            "thrice.jpg": enlarged(CHINA, 3),
            "real.jpg": jpeg(FLOWER),
            "small.jpg": jpeg(FLOWER.resize((400, 267)), quality=80),
        }
    )
    assert kept(rows) == {"original.jpg", "real.jpg"}
    for name in ("twice.jpg", "twin.jpg", "thrice.jpg"):
        assert rows[name].keeper == "original.jpg"
        assert "enlargement" in str(rows[name].reason)


def test_a_photo_stays_and_what_was_saved_again_of_it_goes(run):
    original, other = jpeg(quality=80), jpeg(FLOWER, quality=75)
    decoded = Image.open(io.BytesIO(original))
    rows = run(
        {
            "original.jpg": original,
            "finer.jpg": jpeg(decoded, quality=97),
            "finest.jpg": jpeg(decoded, quality=99),
            "other.jpg": other,
            "coarser.jpg": jpeg(Image.open(io.BytesIO(other)), quality=40),
        }
    )
    assert kept(rows) == {"original.jpg", "other.jpg"}
    for name in ("finer.jpg", "finest.jpg"):
        assert rows[name].keeper == "original.jpg"
        assert "the keeper is the original" in str(rows[name].reason)


@pytest.mark.parametrize(("quality", "again"), [(80, 97), (95, 70)])
def test_of_an_edited_copy_and_its_original_the_original_stays(run, quality, again):
    original = jpeg(quality=quality)
    edited = Image.open(io.BytesIO(original))
    draw = ImageDraw.Draw(edited)
    draw.rectangle((200, 395, 330, 410), fill="white")
    draw.text((203, 396), "A caption is sharp", "black")
    rows = run(
        {"a.jpg": original, "b.jpg": jpeg(edited, quality=again)},
        edited_copies="remove",
        duplicate_rule="verified",
    )
    assert kept(rows) == {"a.jpg"}
    assert "edited copy" in str(rows["b.jpg"].reason)


def test_a_word_before_original_decides_about_enlarged_copies(run):
    rows = run({"a.jpg": jpeg(quality=92), "b.jpg": enlarged(CHINA)}, keep="pixels")
    assert kept(rows) == {"b.jpg"}


def saved(photo, format, **options) -> bytes:
    content = io.BytesIO()
    photo.save(content, format, **options)
    return content.getvalue()


def test_what_is_saved_without_loss_stays_unless_it_is_made_from_a_jpeg(run):
    drawn = CHINA.quantize(32).convert("RGB")  # takes fewer bytes than what compression leaves
    sent = saved(drawn, "JPEG", quality=60)
    camera = exif({0x9003: TAKEN})
    camera[0x010F] = "Acme"
    taken = jpeg(FLOWER, quality=90, make="Acme")
    decoded = Image.open(io.BytesIO(taken)).convert("RGB")
    rows = run(
        {
            "drawn.png": saved(drawn, "PNG"),
            "sent.jpg": sent,
            "sent again.png": saved(Image.open(io.BytesIO(sent)), "PNG"),
            "taken.jpg": taken,
            "screen.png": saved(decoded, "PNG"),
            "with notes.png": saved(decoded, "PNG", exif=camera),
        }
    )
    reasons = {path: str(row.reason) for path, row in rows.items()}
    assert kept(rows) == {"drawn.png", "taken.jpg"}
    assert reasons["sent.jpg"].endswith("the keeper is saved without loss")
    assert reasons["sent again.png"].endswith("converted from a picture that was saved with loss")
    assert "the keeper knows more" in reasons["screen.png"]
    assert reasons["with notes.png"].startswith("identical pixels; this one is converted from")


@pytest.mark.parametrize(("blur", "stays"), [(1, "soft.jpg"), (3, "sharp.jpg")])
def test_of_two_shots_the_clearly_sharper_one_stays_whatever_its_bytes(run, blur, stays):
    soft = FLOWER.filter(ImageFilter.GaussianBlur(blur))
    rows = run(
        {"soft.jpg": jpeg(soft, quality=100), "sharp.jpg": jpeg(FLOWER, quality=40)},
        duplicate_rule="cosine",
        duplicate_threshold=0.5,
        scene_threshold=0.5,
    )
    assert kept(rows) == {stays}
    (gone,) = rows.keys() - {stays}
    assert ("sharper" if blur > 1 else "more bytes") in str(rows[gone].reason)


def test_a_screenshot_is_made_of_a_photo_only_if_a_camera_took_it(run):
    page = FLOWER.resize((320, 212)).resize((600, 400))
    photo = jpeg(make="Acme")
    rows = run(
        {
            "Screenshot 2024-05-01 at 10.11.12.png": saved(page, "PNG"),
            "IMG-20240502-WA0001.jpg": saved(page, "JPEG", quality=60),
            "IMG_1.jpg": photo,
            "Screenshot_20220502-081502.png": saved(Image.open(io.BytesIO(photo)), "PNG"),
        }
    )
    assert kept(rows) == {"Screenshot 2024-05-01 at 10.11.12.png", "IMG_1.jpg"}
    assert "saved without loss" in str(rows["IMG-20240502-WA0001.jpg"].reason)


def test_a_part_goes_for_the_whole_and_the_reason_says_so(run):
    part = CHINA.crop((0, 0, 512, 342)).resize((1280, 855), Image.Resampling.LANCZOS)
    files = {"part.jpg": jpeg(part, taken=""), "whole.jpg": jpeg(taken="")}
    rows = run(files, duplicate_rule="verified")
    why = "cropped copy: a part of the keeper; nothing proves the keeper a copy of this one"
    assert str(rows["part.jpg"].reason) == why


def test_a_copy_that_stays_for_its_cosine_alone_says_so(run):
    rows = run({"whole.jpg": jpeg(taken=""), "grey.jpg": jpeg(CHINA.convert("L"), taken="")})
    row, whole = rows["grey.jpg"], rows["whole.jpg"]
    assert (row.action, row.verdict, row.compared_with) == ("keep", "copy", "whole.jpg")
    percent = int(100 * row.nearest_cosine)
    assert 70 < percent < 95
    why = f"stays: a copy of whole.jpg, but only {percent} % alike; the rule “verified” would"
    assert why in str(row.reason)
    assert f"grey.jpg is a copy of it, and stays: only {percent} % alike" in str(whole.reason)


def test_of_two_photos_that_one_is_like_the_reason_names_the_compared_one(run):
    """A shot of its own is no copy of the better photo, nor of the nearest one."""
    shots = {
        "best.jpg": jpeg(quality=95, taken="2022:05:01 10:00:00"),
        "next.jpg": jpeg(ImageEnhance.Brightness(CHINA).enhance(1.1), taken="2022:05:01 10:00:02"),
        "last.jpg": jpeg(ImageEnhance.Brightness(CHINA).enhance(1.12), taken="2022:05:01 10:00:04"),
    }
    rows = run(shots)
    assert kept(rows) == set(shots)
    named = [row for row in rows.values() if "stays" in str(row.reason)]
    assert named
    assert [row for row in named if f"than {row.compared_with}" not in str(row.reason)] == []


@pytest.mark.parametrize("new", ["original.jpg", "twice.jpg", "small.jpg"])
def test_an_added_photo_is_compared_with_enlarged_copies(tmp_path, new):
    files = {
        "original.jpg": jpeg(quality=92),
        "twice.jpg": enlarged(CHINA),
        "small.jpg": jpeg(CHINA.resize((320, 214)), quality=80),
    }
    options = {"cache": str(tmp_path / "cache"), "quiet": True}
    make_files(tmp_path / "in", {name: files[name] for name in files if name != new})
    make_files(tmp_path / "new", {new: files[new]})
    organize(tmp_path / "in", tmp_path / "out", **options)
    result = add(tmp_path / "new", tmp_path / "out", **options)
    kept = [row.path for row in result.rows if row.action == "keep"]
    assert [path.rpartition("/")[2] for path in kept] == ["original.jpg"]
