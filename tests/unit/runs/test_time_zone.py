"""When photos were taken, from the files to the names, in three time zones."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path

import pytest
from files import make_files, sample, save
from packets import exif
from PIL import Image

from dupimg import add, apply, organize, plan
from dupimg.cli.main import main
from dupimg.errors import UsageError
from dupimg.runs.journal import Journal

NOON = datetime(2010, 7, 1, 12, tzinfo=timezone.utc).timestamp()
TAKEOUT = json.dumps({"photoTakenTime": {"timestamp": str(int(NOON) + 86_400)}})


def picture(name: str) -> Image.Image:
    return Image.open(sample(name)).convert("RGB").resize((160, 120))


@pytest.fixture(params=["Asia/Tokyo", "UTC", "America/New_York"])
def machine(request, monkeypatch) -> str:
    monkeypatch.setenv("TZ", request.param)
    return request.param


@pytest.fixture
def photos(tmp_path) -> Path:
    """Return a folder of photos whose times are a clock's, with and without an offset, and UTC."""
    folder = tmp_path / "in"
    offset = exif({0x9003: "2024:01:01 10:00:00", 0x9011: "+09:00"})
    save(picture("chelsea.png"), folder / "phone.jpg", exif=offset)
    save(picture("coffee.png"), folder / "camera.jpg", taken="2024:01:01 10:05:00")
    save(picture("rocket.jpg"), folder / "takeout.jpg")
    save(picture("china.jpg"), folder / "file.jpg", mtime=NOON)
    make_files(folder, {"takeout.jpg.json": TAKEOUT})
    return folder


def names(result) -> dict[str, str]:
    """Return the times in the names of photos."""
    return {
        row.path: row.destination.split("-")[2].split(".")[0] for row in result.rows if row.is_photo
    }


def run(photos, tmp_path, verb=organize, **options):
    return verb(photos, tmp_path / "out", quiet=True, cache="none", **options)


def test_names_have_the_time_of_the_clock_whatever_the_zone_of_the_machine(
    photos, tmp_path, machine
):
    hours = {"Asia/Tokyo": "21", "UTC": "12", "America/New_York": "08"}
    result = run(photos, tmp_path)
    assert names(result) == {
        "file.jpg": f"20100701{hours[machine]}0000000",
        "takeout.jpg": f"20100702{hours[machine]}0000000",
        "phone.jpg": "20240101100000000",
        "camera.jpg": "20240101100500000",
    }
    assert Journal(tmp_path / "out").record.run.settings["time_zone"] == machine


def test_the_time_zone_of_the_option_places_utc_and_times_of_files(photos, tmp_path, machine):
    result = run(photos, tmp_path, time_zone="Europe/Berlin")
    assert names(result)["file.jpg"] == "20100701140000000"
    assert names(result)["takeout.jpg"] == "20100702140000000"
    taken = {row.path: (row.taken_at, row.taken_from) for row in result.rows}
    assert taken["takeout.jpg"] == ("2010-07-02T14:00:00.000+02:00", "takeout")
    assert taken["phone.jpg"] == ("2024-01-01T10:00:00.000+09:00", "exif")
    assert taken["file.jpg"] == ("2010-07-01T14:00:00.000", "file")
    assert taken["takeout.jpg.json"] == ("", "")


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_an_addition_has_capture_time_in_the_zone_of_the_run(photos, tmp_path, monkeypatch, zone):
    monkeypatch.setenv("TZ", "UTC" if zone else "Asia/Tokyo")
    run(photos, tmp_path, **({"time_zone": zone} if zone else {}))
    monkeypatch.setenv("TZ", "America/New_York")
    save(picture("flower.jpg"), tmp_path / "new/late.jpg", mtime=NOON)
    result = add(tmp_path / "new", tmp_path / "out", quiet=True, cache="none")
    assert names(result)[str(tmp_path / "new/late.jpg")] == "20100701210000000"
    assert names(result)["file.jpg"] == "20100701210000000"


def test_a_plan_is_carried_out_as_it_was_dated(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    planned = run(photos, tmp_path, plan)
    monkeypatch.setenv("TZ", "America/New_York")
    applied = apply(tmp_path / "out", quiet=True)
    assert names(applied) == names(planned)
    assert Journal(tmp_path / "out").record.run.settings["time_zone"] == "Asia/Tokyo"


def unfinished(output: Path) -> None:
    """Take back from a journal that its run is finished."""
    journal = output / ".dupimg/journal.jsonl"
    lines = journal.read_text("utf-8").splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if "applied" not in line), "utf-8")


def test_a_run_goes_on_in_the_zone_that_it_began_in(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    begun = run(photos, tmp_path)
    unfinished(tmp_path / "out")
    monkeypatch.setenv("TZ", "America/New_York")
    with pytest.raises(UsageError, match="other options"):
        run(photos, tmp_path, time_zone="Europe/Berlin")
    assert names(run(photos, tmp_path)) == names(begun)


def test_photos_of_one_trip_stay_in_order_and_in_one_scene(tmp_path, machine):
    view = Image.open(sample("china.jpg")).convert("RGB")
    for minute, offset, left in ((0, "+09:00", 0), (5, "", 60), (10, "+09:00", 120), (15, "", 180)):
        tags = exif({0x9003: f"2024:01:01 10:{minute:02}:00", 0x9011: offset})
        save(view.crop((left, 0, left + 400, 400)), tmp_path / f"in/{minute:02}.jpg", exif=tags)
    save(picture("coffee.png"), tmp_path / "in/home.jpg", taken="2023:12:31 23:30:00")
    result = run(tmp_path / "in", tmp_path, scene_gap="6h", duplicate_threshold=1)
    kept = [row for row in result.rows if row.scene == 2]
    assert [row.path for row in kept] == ["00.jpg", "05.jpg", "10.jpg", "15.jpg"]
    assert [row.destination for row in kept] == sorted(row.destination for row in kept)


def test_a_date_that_cannot_be_right_is_told(tmp_path):
    save(
        picture("coffee.png"), tmp_path / "in/IMG_20170102_030405.jpg", taken="2000:01:01 00:00:12"
    )
    result = run(tmp_path / "in", tmp_path)
    (row,) = result.rows
    assert (row.taken_at, row.taken_from) == ("2017-01-02T03:04:05.000", "name")
    told = "passed over 2000-01-01 00:00:12 from EXIF: a clock that was not set"
    assert str(row.reason) == f"no duplicate; {told}"
    assert "1 date cannot be right and was passed over" in str(result.notes[-1])


@pytest.mark.parametrize("zone", ["Europe/Berlim", "+25:00", "", "../etc/passwd"])
def test_a_zone_that_does_not_exist_is_refused(photos, tmp_path, capsys, zone):
    output = tmp_path / "out"
    assert main(["plan", str(photos), str(output), f"--time_zone={zone}"]) == 2
    error = capsys.readouterr().err
    assert "expected a time zone such as Europe/Berlin, or an offset such as +09:00" in error
    assert ("Did you mean Europe/Berlin?" in error) == (zone == "Europe/Berlim")
