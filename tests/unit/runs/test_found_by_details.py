"""Copies whose cosine is low, from the plan to the undo: a part, a turned one, a screenshot."""

from __future__ import annotations

import pytest
from files import sample
from PIL import Image, ImageOps

import dupimg
from dupimg.plans.report import read_report


@pytest.fixture
def folder(tmp_path):
    photos = tmp_path / "in"
    photos.mkdir()
    with Image.open(sample("china.jpg")) as opened:
        photo = opened.convert("RGB")
    photo.save(photos / "whole.jpg", quality=95)
    photo.transpose(Image.Transpose.ROTATE_90).save(photos / "turned.jpg", quality=90)
    photo.crop((150, 90, 520, 330)).save(photos / "part.jpg", quality=90)
    ImageOps.expand(photo, (40, 160), "black").save(photos / "screen.jpg", quality=90)
    with Image.open(sample("coffee.png")) as other:
        other.convert("RGB").save(photos / "coffee.jpg")
    return photos


def test_they_go_by_the_verified_rule_and_come_back(folder, tmp_path):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    output = tmp_path / "out"
    result = dupimg.organize(
        folder, output, duplicate_rule="verified", process_mode="move", cache="none", quiet=True
    )
    rows = {row.path: row for row in result.rows}
    assert {name: row.keeper for name, row in rows.items() if row.action == "remove"} == {
        "turned.jpg": "whole.jpg", "part.jpg": "whole.jpg", "screen.jpg": "whole.jpg"
    }  # fmt: skip
    assert rows["part.jpg"].verdict == "cropped copy"
    assert -1 <= rows["part.jpg"].thumb_correlation <= 1
    assert (output / "report.html").exists()
    report = read_report(output / "report.csv")
    assert not [row for row in report if "nan" in map(str, vars(row).values())]
    seen = {row.path: (row.overlap, row.difference, row.shared_details) for row in report}
    assert seen["coffee.jpg"] == (None, None, None)
    for name, covered in (("part.jpg", 1), ("screen.jpg", 640 * 427 / (720 * 747))):
        overlap, difference, details = seen[name]
        assert overlap == pytest.approx(covered, abs=0.02)
        assert difference < 0.001
        assert details > 20
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "again.jpg").write_bytes(before["whole.jpg"] + b" ")
    dupimg.add(tmp_path / "new", output, cache="none", quiet=True)
    added = {row.path: row for row in read_report(output / "report.csv")}
    again = next(row for path, row in added.items() if path.endswith("again.jpg"))
    assert (again.verdict, again.overlap, again.difference) == ("identical pixels", 1, 0)
    for name in ("part.jpg", "screen.jpg", "turned.jpg"):  # which follow the better keeper
        row = added[name]
        assert (row.keeper, row.compared_with) == (again.path, again.path)
        assert (row.overlap, row.difference) == seen[name][:2]
        assert row.shared_details > 20
    dupimg.undo(output, quiet=True)
    dupimg.undo(output, quiet=True)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_default_rule_leaves_them(folder, tmp_path):
    rows = dupimg.plan(folder, tmp_path / "out", cache="none", quiet=True).rows
    assert {row.action for row in rows if row.path in ("part.jpg", "turned.jpg")} == {"keep"}


@pytest.mark.parametrize("late", ["turned.jpg", "part.jpg", "screen.jpg"])
def test_a_copy_that_looks_little_like_its_original_is_found_when_it_is_added(
    folder, tmp_path, late
):
    (tmp_path / "new").mkdir()
    (folder / late).rename(tmp_path / "new" / late)
    options = {"cache": "none", "quiet": True}
    dupimg.organize(folder, tmp_path / "out", duplicate_rule="verified", **options)
    rows = dupimg.add(tmp_path / "new", tmp_path / "out", **options).rows
    (added,) = [row for row in rows if row.path.endswith(late)]
    assert (added.action, added.keeper.endswith("whole.jpg")) == ("remove", True)
