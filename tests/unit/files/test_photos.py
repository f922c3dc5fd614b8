from __future__ import annotations

import os
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from files import make_files, sample, save
from PIL import Image
from privileges import without_privileges

from dupimg.files.capture_time import Dating
from dupimg.files.photos import content_digest, find_files
from dupimg.files.reading import read_files


@pytest.fixture(scope="module")
def cat() -> Image.Image:
    return Image.open(sample("chelsea.png")).convert("RGB").resize((64, 48))


def listing_of(folder, **options):
    settings = {"max_pixels": 10**9, "jobs": 2, "advance": lambda: None}
    return read_files(folder, find_files(folder), **(settings | options))


def test_every_file_is_accounted_for(tmp_path, cat):
    save(cat, tmp_path / "a" / "photo.jpg")
    save(cat, tmp_path / "misnamed.txt", format="PNG")
    make_files(
        tmp_path, {"note.txt": "hello", "empty.jpg": "", ".DS_Store": b"\0\1", "x.jpg": "no"}
    )
    listing = listing_of(tmp_path)
    assert [photo.path for photo in listing.photos] == ["a/photo.jpg", "misnamed.txt"]
    assert {other.path: str(other.reason) for other in listing.others} == {
        ".DS_Store": "not a picture",
        "empty.jpg": "empty file",
        "note.txt": "not a picture",
        "x.jpg": "not a picture",
    }
    assert all(other.readable for other in listing.others)


def test_system_folders_are_passed_over_and_counted(tmp_path, cat):
    for folder in (".thumbnails", "@eaDir", "$RECYCLE.BIN", ".dupimg", ".Trash-1000"):
        save(cat, tmp_path / "sub" / folder / "deep" / "photo.jpg")
    save(cat, tmp_path / "photo.jpg")
    listing = listing_of(tmp_path)
    assert [photo.path for photo in listing.photos] == ["photo.jpg"]
    assert (listing.system_folders, listing.system_files) == (5, 5)


def test_a_file_named_like_a_system_folder_is_a_file(tmp_path):
    make_files(tmp_path, {".thumbnails": "text"})
    assert [other.path for other in listing_of(tmp_path).others] == [".thumbnails"]


def test_symbolic_links_and_pipes_are_reported_and_not_followed(tmp_path, cat):
    save(cat, tmp_path / "outside" / "secret.jpg")
    inside = tmp_path / "inside"
    save(cat, inside / "photo.jpg")
    (inside / "file-link.jpg").symlink_to(tmp_path / "outside" / "secret.jpg")
    (inside / "folder-link").symlink_to(tmp_path / "outside")
    (inside / "loop").symlink_to(inside)
    os.mkfifo(inside / "pipe")
    listing = listing_of(inside)
    assert [photo.path for photo in listing.photos] == ["photo.jpg"]
    assert [other.path for other in listing.others] == [
        "file-link.jpg",
        "folder-link",
        "loop",
        "pipe",
    ]
    assert [str(other.reason)[:16] for other in listing.others[:3]] == ["symbolic link to"] * 3
    assert not any(other.readable for other in listing.others)


def test_hard_links_have_one_digest(tmp_path, cat):
    save(cat, tmp_path / "a.jpg")
    os.link(tmp_path / "a.jpg", tmp_path / "b.jpg")
    first, second = listing_of(tmp_path).photos
    assert first.digest == second.digest == content_digest(tmp_path / "a.jpg")


def test_names_that_are_no_utf8_and_odd_names_survive(tmp_path, cat):
    names = [b"caf\xe9.jpg", "猫 🐈.jpg".encode(), b"new\nline.jpg", b"-x.jpg", b"a,b;c'd\".jpg"]
    for name in names:
        save(cat, tmp_path / os.fsdecode(name))
    assert {os.fsencode(photo.path) for photo in listing_of(tmp_path).photos} == set(names)


@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_order_is_what_the_clock_showed_then_path(tmp_path, cat, zone):
    tz = ZoneInfo(zone)

    def exif(time: str, fraction: str = "", offset: str = "") -> Image.Exif:
        tags = Image.Exif()
        tags.get_ifd(0x8769).update({0x9003: time, 0x9291: fraction, 0x9011: offset})
        return tags

    noon = datetime(2025, 6, 13, 12, tzinfo=tz).timestamp()
    for name, tags, mtime in (
        ("e.jpg", exif("2025:06:13 12:00:01"), 0),
        ("d.jpg", exif("2025:06:13 12:00:00", "75"), 0),
        ("c.jpg", exif("2025:06:13 12:00:00", "25"), 0),
        ("b.jpg", exif("2025:06:13 11:30:00", "", "+02:00"), 0),
        ("z.jpg", None, noon),
        ("a.jpg", None, noon),
    ):
        save(cat, tmp_path / name, exif=Image.Exif() if tags is None else tags, mtime=mtime)
    photos = listing_of(tmp_path, dating=Dating.of(zone)).photos
    assert "".join(photo.path[0] for photo in photos) == "bazcde"
    assert [photo.taken_from for photo in photos] == ["exif", "file", "file", *["exif"] * 3]
    assert photos[0].taken_at.utcoffset() == timedelta(hours=2)
    assert photos[0].local_time == datetime(2025, 6, 13, 11, 30)


def test_too_many_pixels_and_truncation_are_reasons(tmp_path, cat):
    save(cat, tmp_path / "large.png")
    listing = listing_of(tmp_path, max_pixels=64 * 48 - 1)
    assert "more than the limit" in str(listing.others[0].reason)


def test_unreadable_files_and_folders_are_reported(open_folder, cat):
    with without_privileges():
        save(cat, open_folder / "locked.jpg").chmod(0)
        save(cat, open_folder / "folder" / "photo.jpg")
        (open_folder / "folder").chmod(0)
        listing = listing_of(open_folder)
        (open_folder / "folder").chmod(0o700)
    assert [str(other.reason) for other in listing.others] == [
        "folder could not be listed: Permission denied",
        "could not be read: Permission denied",
    ]
    assert not any(other.readable for other in listing.others)


def test_what_is_excluded_is_told_by_its_path_below_the_folder_that_is_searched(tmp_path):
    folder = tmp_path / "backup/in"
    make_files(folder, {"a.jpg": "1", "b.txt": "22", "backup/c.jpg": "3", ".dupimg/d": "4"})
    found = find_files(folder, exclude=["backup", "*.TXT"], include_system=True)
    assert [path for path, _ in found.files] == ["a.jpg", "b.txt"]
    assert (found.excluded, found.passed_over) == ({"b.txt"}, 1)
    assert (found.first, found.system_folders) == ("a.jpg", 1)
    below = find_files(folder / "backup", exclude=["/backup/c.jpg"], below="backup")
    assert (below.excluded, below.first) == ({"c.jpg"}, None)
