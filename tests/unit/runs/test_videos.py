"""Videos on their own: in order beside the photos of their folder, or among the other files."""

from __future__ import annotations

import json
import struct
from datetime import datetime, timedelta

import pytest
from files import make_files, read_files, save
from packets import box, film
from PIL import Image
from sklearn.datasets import load_sample_image

from dupimg import add, organize, plan, undo

PHOTO = Image.fromarray(load_sample_image("china.jpg"))
FLOWER = Image.fromarray(load_sample_image("flower.jpg"))
NOON = datetime(2023, 6, 1, 12)


def recorded(moment: datetime, seconds: float = 40, **apple) -> bytes:
    """Return a film with its time in UTC and its length."""
    since = int((moment - datetime(1904, 1, 1)).total_seconds())
    content = bytearray(film(since, **apple))
    at = content.index(b"mvhd") + 4 + 12
    content[at : at + 8] = struct.pack(">II", 600, int(600 * seconds))
    return bytes(content) + box(b"mdat", bytes(99))


def options(tmp_path, **more):
    return {"cache": str(tmp_path / "cache"), "quiet": True, "time_zone": "UTC"} | more


@pytest.fixture
def folder(tmp_path):
    source = tmp_path / "in"
    save(PHOTO, source / "trip/IMG_1.jpg", taken="2023:06:01 12:00:00")
    save(FLOWER, source / "trip/IMG_2.jpg", taken="2023:06:01 12:30:00")
    make_files(
        source,
        {
            "trip/VID_1.mp4": recorded(NOON + timedelta(minutes=9)),
            "trip/VID_2.MOV": recorded(NOON + timedelta(minutes=39)),
            "trip/VID_3.mp4": recorded(NOON + timedelta(hours=3)),
            "trip/again/VID_3 copy.mp4": recorded(NOON + timedelta(hours=3)),
            "elsewhere/VID_4.mp4": recorded(NOON),
            "trip/VID_1.THM": b"small",
            "trip/film.avi": b"RIFF\0\0\0\0AVI ",
        },
    )
    return source


def test_videos_stand_in_the_scene_of_the_photo_nearest_in_time_in_their_folder(tmp_path, folder):
    before = read_files(folder)
    result = organize(folder, tmp_path / "out", **options(tmp_path))
    rows = {row.path: row for row in result.rows}
    scene = {path: row.scene for path, row in rows.items()}
    assert scene["trip/VID_1.mp4"] == scene["trip/IMG_1.jpg"] == scene["trip/VID_1.THM"]
    assert scene["trip/VID_2.MOV"] == scene["trip/IMG_2.jpg"]
    alone = [scene[path] for path in ("trip/VID_3.mp4", "elsewhere/VID_4.mp4", "trip/film.avi")]
    assert len({*alone, scene["trip/IMG_1.jpg"], scene["trip/IMG_2.jpg"]}) == 5
    first = rows["trip/VID_1.mp4"]
    number = f"{first.scene:04}"
    assert first.destination == f"processed/image-{number}-20230601120900000.mp4"
    assert rows["trip/VID_1.THM"].destination == first.destination.replace(".mp4", ".THM")
    assert first.taken_from == "quicktime"
    copy = rows["trip/again/VID_3 copy.mp4"]
    assert (copy.action, copy.keeper) == ("remove", "trip/VID_3.mp4")
    assert "identical bytes" in str(copy.reason)
    assert (result.counts.photos, result.counts.videos, result.counts.other) == (2, 6, 0)
    assert "6 of these files are videos" in result.summary()
    undo(tmp_path / "out", quiet=True)
    assert read_files(folder) == before


def test_videos_may_stay_among_the_other_files(tmp_path, folder):
    result = plan(folder, tmp_path / "out", **options(tmp_path, videos="other"))
    actions = {row.path: row.action for row in result.rows}
    assert {actions[path] for path in actions if not path.endswith(".jpg")} == {"other"}
    assert result.counts.videos == 0


@pytest.mark.parametrize(
    ("minutes", "seconds", "ids", "together"),
    [
        pytest.param(0, 3, None, True, id="seconds, at that time"),
        pytest.param(540, 3, None, True, id="in another time zone"),
        pytest.param(0, 90, None, False, id="a minute and a half"),
        pytest.param(5, 3, None, False, id="at another time: counters come round"),
        pytest.param(5, 90, ("one", "one"), True, id="Apple says so"),
        pytest.param(0, 3, ("one", "other"), False, id="Apple says that it is of another photo"),
    ],
)
def test_a_video_is_half_of_a_live_photo_only_if_it_fits(tmp_path, minutes, seconds, ids, together):
    source = tmp_path / "in"
    more = {"content_identifier": ids[1]} if ids else {}
    save(PHOTO, source / "IMG_1.jpg", taken="2023:06:01 12:00:00")
    if ids:
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = "2023:06:01 12:00:00"
        text = ids[0].encode().ljust(36, b"\0")
        note = b"Apple iOS\0\0\1MM" + struct.pack(">HHHIII", 1, 0x11, 2, len(text), 32, 0) + text
        exif.get_ifd(0x8769)[0x927C] = note
        PHOTO.save(source / "IMG_1.jpg", exif=exif)
    moment = NOON + timedelta(minutes=minutes)
    make_files(source, {"IMG_1.MOV": recorded(moment, seconds, **more)})
    result = plan(source, tmp_path / "out", **options(tmp_path))
    (video,) = (row for row in result.rows if row.path == "IMG_1.MOV")
    assert (video.companion_of == "IMG_1.jpg") == together
    assert video.action == "keep"


def test_a_video_has_the_date_of_its_sidecar_or_its_name(tmp_path):
    source = tmp_path / "in"
    make_files(
        source,
        {
            "a.mp4": b"film",
            "a.mp4.supplemental-metadata.json": json.dumps(
                {"title": "a.mp4", "photoTakenTime": {"timestamp": "1436011200"}}
            ),
            "VID_20170102_030405.mp4": b"another",
        },
    )
    result = plan(source, tmp_path / "out", **options(tmp_path))
    taken = {row.path: (row.taken_at[:10], row.taken_from) for row in result.rows if row.is_video}
    assert taken == {
        "a.mp4": ("2015-07-04", "takeout"),
        "VID_20170102_030405.mp4": ("2017-01-02", "name"),
    }


def test_videos_that_are_added_join_the_scenes_of_the_photos_beside_them(tmp_path, folder):
    late = folder / "trip" / "VID_2.MOV"
    content = late.read_bytes()
    late.unlink()
    organize(folder, tmp_path / "out", **options(tmp_path))
    late.write_bytes(content)
    make_files(folder, {"trip/VID_1 copy.mp4": (folder / "trip/VID_1.mp4").read_bytes()})
    result = add(folder, tmp_path / "out", cache=str(tmp_path / "cache"), quiet=True)
    rows = {row.path: row for row in result.rows}
    assert rows["trip/VID_2.MOV"].scene == rows["trip/IMG_2.jpg"].scene
    copy = rows["trip/VID_1 copy.mp4"]
    assert (copy.action, copy.keeper) == ("remove", "trip/VID_1.mp4")
    assert (tmp_path / "out" / rows["trip/VID_2.MOV"].destination).read_bytes() == content
