from __future__ import annotations

import json
import os

import pytest
from files import make_files, save
from packets import xmp
from PIL import Image

from dupimg.files.cache import Cache
from dupimg.files.capture_time import Dating
from dupimg.files.companions import pair_companions
from dupimg.files.photos import find_files
from dupimg.files.reading import read_files
from dupimg.files.sidecars import date_by_sidecars, read_sidecar, read_takeout

PICTURE = Image.new("RGB", (8, 6), "teal")
JULY = 1436011200  # 4 July 2015, 12:00 in UTC


def takeout(seconds: int | str = JULY, **more) -> str:
    return json.dumps({"photoTakenTime": {"timestamp": str(seconds)}} | more)


def dated(folder, zone="UTC", cache=None):
    dating = Dating.of(zone)
    listing = read_files(
        folder,
        find_files(folder),
        max_pixels=10**9,
        jobs=1,
        advance=lambda: None,
        cache=cache,
        dating=dating,
    )
    photos = date_by_sidecars(folder, pair_companions(listing), dating, jobs=1, cache=cache).photos
    return [(photo.path, str(photo.taken_at), photo.taken_from) for photo in photos]


def test_a_sidecar_counts_more_than_exif_and_takeout_less(tmp_path):
    for name in ("a.jpg", "b.jpg"):
        save(PICTURE, tmp_path / name, taken="2012:01:02 03:04:05")
    save(PICTURE, tmp_path / "c.jpg")
    make_files(
        tmp_path,
        {
            "a.jpg.xmp": xmp(exif_DateTimeOriginal="1988-06-01T12:00:00"),
            "b.jpg.xmp": xmp(photoshop_DateCreated="1988-06-01", xmp_CreateDate="1988-06-01"),
            "b.jpg.json": takeout(),
            "c.jpg.json": takeout(),
        },
    )
    assert dated(tmp_path, "Asia/Tokyo") == [
        ("a.jpg", "1988-06-01 12:00:00", "sidecar"),
        ("b.jpg", "2012-01-02 03:04:05", "exif"),
        ("c.jpg", "2015-07-04 21:00:00+09:00", "takeout"),
    ]


def test_takeout_counts_more_than_a_name_and_its_place_tells_the_zone(tmp_path):
    save(PICTURE, tmp_path / "IMG-20190512-WA0003.jpg")
    place = {"latitude": 39.1, "longitude": -108.4}
    nowhere = {"latitude": 0.0, "longitude": 0.0}
    content = takeout(geoDataExif=nowhere, geoData=place)
    make_files(tmp_path, {"IMG-20190512-WA0003.jpg.json": content})
    assert dated(tmp_path) == [
        ("IMG-20190512-WA0003.jpg", "2015-07-04 06:00:00-06:00", "takeout"),
    ]


def test_a_timestamp_of_zero_is_passed_over(tmp_path):
    save(PICTURE, tmp_path / "IMG-20190512-WA0003.jpg")
    make_files(tmp_path, {"IMG-20190512-WA0003.jpg.json": takeout(0)})
    assert dated(tmp_path) == [("IMG-20190512-WA0003.jpg", "2019-05-12 00:00:00", "name")]


@pytest.mark.parametrize("how", ["rewritten", "in place, with its old time", "removed", "added"])
def test_a_sidecar_that_changes_between_runs_is_seen(tmp_path, how):
    folder = tmp_path / "in"
    save(PICTURE, folder / "a.jpg", taken="2012:01:02 03:04:05")
    before, after = (xmp(exif_DateTimeOriginal=f"198{year}-06-01T12:00:00") for year in (8, 9))
    sidecar = folder / "a.jpg.xmp"
    if how != "added":
        make_files(folder, {"a.jpg.xmp": before})
    with Cache(tmp_path / "cache.sqlite") as cache:
        first = dated(folder, cache=cache)
        assert dated(folder, cache=cache) == first
        if how == "removed":
            sidecar.unlink()
        else:
            sidecar.write_bytes(after)
            mtime = 1e9 + (how == "rewritten")
            os.utime(sidecar, (mtime, mtime))
        second = dated(folder, cache=cache)
    exif = "2012-01-02 03:04:05"
    assert first[0][1] == (exif if how == "added" else "1988-06-01 12:00:00")
    assert second[0][1] == (exif if how == "removed" else "1989-06-01 12:00:00")


def test_a_date_corrected_in_place_with_its_old_time_is_seen(tmp_path):
    path = tmp_path / "in" / "a.jpg"
    save(PICTURE, path, taken="2012:01:02 03:04:05")
    size = path.stat().st_size
    with Cache(tmp_path / "cache.sqlite") as cache:
        assert dated(path.parent, cache=cache) == [("a.jpg", "2012-01-02 03:04:05", "exif")]
        content = path.read_bytes().replace(b"2012:01:02", b"2022:05:01")
        with path.open("r+b") as file:
            file.write(content)
        os.utime(path, (1e9, 1e9))
        assert path.stat().st_size == size
        assert dated(path.parent, cache=cache) == [("a.jpg", "2022-05-01 03:04:05", "exif")]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"null", b'{"photoTakenTime": 3}', b'{"photoTakenTime": {}}', b"[" * 10**5,
     takeout("9" * 5000).encode(), takeout("x").encode(), takeout(-(10**15)).encode(), b"\xff\xfe"],
)  # fmt: skip
def test_json_of_other_programs_says_nothing(content):
    assert read_takeout(content).stamps == ()


def test_a_huge_sidecar_says_nothing(tmp_path):
    make_files(tmp_path, {"a.json": takeout() + " " * 10**6, "a.xmp": xmp(xmp_CreateDate="2001")})
    assert read_sidecar(tmp_path / "a.json").stamps == ()
    assert len(read_sidecar(tmp_path / "a.xmp").stamps) == 1
    assert read_sidecar(tmp_path / "not there.xmp").stamps == ()
