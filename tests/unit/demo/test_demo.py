from __future__ import annotations

import contextlib
import io
from pathlib import Path

import pytest
from files import read_files, snapshot

from dupimg.demo import demo
from dupimg.demo.demo import make_demo_photos, run_demo
from dupimg.errors import UsageError
from dupimg.files.images import read_header
from dupimg.options.tool_options import DemoOptions
from dupimg.plans.report import read_report
from dupimg.plans.rows import KEEP, OTHER, REMOVE, Row


@pytest.fixture(scope="module")
def told(tmp_path_factory) -> tuple[Path, str]:
    """The folder of one real demo and what it printed."""
    folder = tmp_path_factory.mktemp("demo") / "dupimg-demo"
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        assert run_demo(DemoOptions(folder)) == 0
    return folder, printed.getvalue()


@pytest.fixture(scope="module")
def rows(told) -> dict[str, Row]:
    return {row.path: row for row in read_report(told[0] / "sorted/report.csv")}


def paths(rows: dict[str, Row], action: str) -> list[str]:
    return sorted(row.path for row in rows.values() if row.action == action and row.width)


def test_every_file_is_accounted_for(told, rows):
    assert rows.keys() == read_files(told[0] / "photos").keys()
    assert len(rows) == 43
    assert [len(paths(rows, action)) for action in (KEEP, REMOVE, OTHER)] == [27, 13, 0]


def test_what_is_no_photo_is_in_other(told, rows):
    assert "truncated" in str(rows["Garden/P1000220.JPG"].reason)
    others = {row.path for row in rows.values() if row.action == OTHER}
    assert others >= {"Garden/P1000220.JPG", "Garden/notes.txt"}
    assert read_files(told[0] / "sorted/other").keys() == others


def test_nothing_is_lost(told):
    before, after = read_files(told[0] / "photos"), read_files(told[0] / "sorted")
    del after["report.csv"]
    assert sorted(before.values()) == sorted(after.values())


def test_copies_of_the_dahlia_are_removed_and_its_grey_one_stays(rows):
    copies = [row.path for row in rows.values() if row.keeper == "Garden/P1000217.JPG"]
    assert sorted(copies) == [
        "Garden/copy of P1000217.JPG",
        "Garden/wallpaper.png",
        "WhatsApp Images/IMG-20110819-WA0001.jpg",
    ]
    grey = rows["Garden/P1000217 grey.jpg"]
    assert grey.action == KEEP
    assert grey.scene == rows["Garden/P1000217.JPG"].scene


def test_each_copy_has_its_original_as_keeper(rows):
    keepers = {path: rows[path].keeper for path in paths(rows, REMOVE)}
    assert keepers["Camera/PXL_20210605_081502~2.jpg"] == "Camera/PXL_20210605_081502.jpg"
    assert keepers["Garden/wallpaper.png"] == "Garden/P1000217.JPG"
    assert keepers["Scans/Marbles small.jpg"] == "Scans/Marbles.jpg"


@pytest.mark.parametrize(
    "folder, n_kept",
    [("2019 Beijing", 4), ("Garden", 4), ("Lake", 3), ("City", 3), ("Holidays", 3), ("Norway", 2)],
)
def test_views_share_a_scene_of_their_own(rows, folder, n_kept):
    kept = [path for path in paths(rows, KEEP) if path.startswith(f"{folder}/")]
    scenes = {rows[path].scene for path in kept}
    assert len(kept) == n_kept
    assert [p for p in paths(rows, KEEP) if rows[p].scene in scenes] == kept
    assert len(scenes) == 1


def test_says_where_to_look(told, rows):
    folder, printed = told
    assert "found          43 files" in printed
    temple = rows["2019 Beijing/IMG_2041.JPG"].destination
    assert f"{temple}\n      is the first of the 4 views of the temple" in printed
    assert "holds 3 copies of the dahlia" in printed
    assert "its cosine is 0.86, and duplicates begin at 0.95" in printed
    for name in ("Garden/P1000220.JPG", str(folder / "sorted"), str(folder / "photos")):
        assert name in printed


def test_photos_are_the_same_each_time(told, tmp_path):
    make_demo_photos(tmp_path / "photos")
    assert snapshot(tmp_path / "photos") == snapshot(told[0] / "photos")


def test_capture_times_come_with_and_without_fractions_and_offsets(told):
    def taken(path: str) -> str:
        stamps = read_header(told[0] / "photos" / path).metadata.stamps
        return str(stamps[0].moment if stamps else None)

    assert taken("2019 Beijing/IMG_2041.JPG") == "2019-10-03 09:12:44.310000"
    assert taken("Lake/DSC_0412.JPG") == "2020-02-14 07:21:07.120000+01:00"
    assert taken("Garden/P1000217.JPG") == "2011-08-19 11:02:33"
    assert taken("Scans/Marbles.jpg") == "None"


def test_one_photo_is_stored_turned_and_stands_upright(told):
    header = read_header(told[0] / "photos/Camera/PXL_20210605_081502.jpg")
    assert header.exif[0x0112] == 6
    assert (header.width, header.height) == (960, 640)


def test_refuses_a_folder_that_is_not_empty(told):
    before = snapshot(told[0])
    with pytest.raises(UsageError, match="not empty, expected a new or an empty folder"):
        run_demo(DemoOptions(told[0]))
    assert snapshot(told[0]) == before


def test_says_what_to_install_when_samples_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(demo, "_SAMPLE_FOLDER", "nowhere")
    with pytest.raises(UsageError, match="Install it again: pip install"):
        run_demo(DemoOptions(tmp_path / "new", quiet=True))
    assert not (tmp_path / "new").exists()
