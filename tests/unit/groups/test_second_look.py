"""The second look, from photos on disk to the report."""

import numpy as np
import pytest
from files import sample, save
from PIL import Image, ImageOps

from dupimg.plans.report import read_report
from dupimg.runs.plan import plan


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    with Image.open(sample("chelsea.png")) as cat, Image.open(sample("coffee.png")) as coffee:
        save(cat, folder / "day/cat.png", taken="2024:05:01 10:00:00")
        save(cat, folder / "day/cat.webp", lossless=True)
        save(cat, folder / "day/again.png", taken="2024:05:01 10:00:00")
        save(cat.convert("L"), folder / "day/grey.jpg", quality=30)
        save(ImageOps.mirror(cat), folder / "day/mirrored.jpg", quality=90)
        save(coffee, folder / "coffee.jpg", quality=95)
    for number, side in enumerate(("left", "right")):
        with Image.open(sample(f"motorcycle_{side}.png")) as view:
            name = f"garage{number}/{side}.jpg"
            save(view.convert("RGB"), folder / name, taken=f"2024:05:0{1 + number} 10:00:00")
    return folder


def rows_of(folder, tmp_path, **options):
    options = {"duplicate_rule": "cosine"} | options
    result = plan(folder, tmp_path / "out", quiet=True, cache="none", **options)
    return {row.path: row for row in read_report(result.report)}, result.summary()


def test_verdicts(folder, tmp_path):
    rows, summary = rows_of(folder, tmp_path)
    found = {
        name: (row.action, row.compared_with, row.verdict)
        for name, row in rows.items()
        if row.verdict
    }
    assert found == {
        "day/again.png": ("keep", "day/cat.png", "identical bytes"),
        "day/cat.png": ("remove", "day/again.png", "identical bytes"),
        "day/cat.webp": ("remove", "day/again.png", "identical pixels"),
        # A copy by its thumbnail, though its cosine says no duplicate.
        "day/grey.jpg": ("keep", "day/again.png", "copy"),
        "day/mirrored.jpg": ("remove", "day/again.png", "near duplicate"),
        "garage0/left.jpg": ("keep", "garage1/right.jpg", "same scene"),
        "garage1/right.jpg": ("keep", "garage0/left.jpg", "same scene"),
    }
    assert rows["day/cat.webp"].thumb_correlation == 1
    assert 0.97 < rows["day/grey.jpg"].thumb_correlation <= 1
    assert rows["day/mirrored.jpg"].thumb_correlation < 0.9
    assert rows["coffee.jpg"].thumb_correlation is None
    assert (rows["day/cat.webp"].overlap, rows["day/cat.webp"].difference) == (1, 0)
    assert rows["garage0/left.jpg"].overlap is None  # neither lies within the other
    assert rows["garage0/left.jpg"].shared_details >= 8
    assert rows["garage1/right.jpg"].shared_details == rows["garage0/left.jpg"].shared_details
    assert "--duplicate_rule=verified would have removed at least 1 more photo" in summary
    assert "--duplicate_rule=verified would have spared 1 photo" in summary


def test_the_verified_rule_removes_copies_only(folder, tmp_path):
    rows, summary = rows_of(folder, tmp_path, duplicate_rule="verified")
    removed = {name for name, row in rows.items() if row.action == "remove"}
    assert removed == {"day/cat.png", "day/cat.webp", "day/grey.jpg"}
    assert {rows[name].verdict for name in removed} <= {
        "identical bytes",
        "identical pixels",
        "copy",
    }
    assert "--duplicate_rule=cosine would have removed 1 more photo and spared 1" in summary


def test_mirrored_copies_where_asked(folder, tmp_path):
    rows, _ = rows_of(folder, tmp_path, duplicate_rule="verified", mirrored=True)
    assert (rows["day/mirrored.jpg"].action, rows["day/mirrored.jpg"].verdict) == ("remove", "copy")


def test_pictures_of_one_colour_have_identical_pixels_only_in_one_size(tmp_path):
    for name, size in (("a.bmp", (80, 60)), ("b.png", (80, 60)), ("c.png", (60, 80))):
        save(Image.new("RGB", size), tmp_path / "photos" / name)
    rows, _ = rows_of(tmp_path / "photos", tmp_path)
    assert rows["b.png"].action == rows["c.png"].action == "remove"
    assert (rows["b.png"].verdict, rows["c.png"].verdict) == (
        "identical pixels",
        "near duplicate",
    )


@pytest.mark.parametrize(
    ("options", "together"),
    [
        ({}, True),
        ({"scene_gap": "1d"}, True),
        ({"scene_gap": "23h"}, False),
        ({"same_folder": True}, False),
    ],
)
def test_views_apart_in_time_or_place(folder, tmp_path, options, together):
    rows, _ = rows_of(folder, tmp_path, **options)
    assert (rows["garage0/left.jpg"].scene == rows["garage1/right.jpg"].scene) is together
    # The cats share a folder, and only one of them says when it was taken.
    assert rows["day/grey.jpg"].scene == rows["day/again.png"].scene


def test_a_head_of_ones_own(folder, tmp_path, fitted_head):
    rows, _ = rows_of(folder, tmp_path, scene_head=str(fitted_head))
    assert rows["garage0/left.jpg"].scene == rows["garage1/right.jpg"].scene
    assert rows["garage0/left.jpg"].scene != rows["coffee.jpg"].scene
    assert len({row.scene for row in rows.values()}) == 3
    assert np.isfinite(rows["garage0/left.jpg"].nearest_cosine)
