from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from benchmarks.embedding import benchmark_embedding
from benchmarks.options import BenchmarkOptions
from benchmarks.sample_photos import CAMERA, WEB, make_photos, reduce_photos
from benchmarks.stages import benchmark_stages
from files import make_files
from lean import needs_torch
from PIL import Image

import dupimg


@pytest.fixture
def small_photos(monkeypatch):
    for kind in (CAMERA, WEB):
        small = dataclasses.replace(kind, size=(300, 200))
        for module in ("stages", "embedding"):
            monkeypatch.setattr(f"benchmarks.{module}.{kind.name.upper()}", small)


def test_every_stage_and_command_is_measured(small_photos, tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.stages.TIMES", 1)
    root = Path(dupimg.__file__).parents[1]
    options = BenchmarkOptions(camera="2", web=3, against=root, output=tmp_path / "table.csv")
    table = benchmark_stages(options)
    ways = table.groupby("photos", sort=False)["way"].agg(list)
    names = [photos.split(",")[0] for photos in ways.index]
    assert names == ["2 camera photos", "3 web photos"]
    expected = ["decoding alone", "read", "decode and embed", "search and group", "details"]
    expected += ["decide", "start of Python", "organize, the command", "plan, the command"]
    assert all(of == [*expected, "plan again, from the cache"] for of in ways)
    assert (table.loc[table["way"] == "decoding alone", "times_decoding_alone"] == 1).all()
    compared = table.loc[table["times_other_checkout"].notna()]
    assert set(compared["way"]) == {"organize, the command", "plan, the command"}
    assert compared["times_other_checkout"].between(0.2, 5).all()  # it is this checkout
    assert (tmp_path / "table.csv").read_text().count("\n") == len(table) + 1


@needs_torch
def test_every_way_to_embed_is_measured(small_photos):
    table = benchmark_embedding(BenchmarkOptions(camera="2", web=3))
    for way in ("straightforward", "embedding: torch", "embedding: openvino, mobilenet_v3_small"):
        assert (table["way"] == way).sum() == 2
    changes = table.loc[table["way"] == "embedding: openvino, float32", "largest_change_of_cosine"]
    assert changes.between(0, 2e-6).all()
    assert (table["seconds"] > 0).all()


def test_the_photos_are_of_the_size_that_they_claim(tmp_path):
    camera, web = (make_photos(tmp_path / kind.name, kind, 1)[0] for kind in (CAMERA, WEB))
    assert 8e6 < camera.stat().st_size < 12e6
    assert 60e3 < web.stat().st_size < 160e3
    with Image.open(camera) as picture:
        assert picture.size == (6000, 4000)


def test_photos_of_a_folder_are_made_smaller_and_used_again(tmp_path):
    make_photos(tmp_path / "in", dataclasses.replace(CAMERA, size=(1500, 1000)), 2)
    make_files(tmp_path / "in", {"notes.txt": "no photo"})
    paths = reduce_photos(tmp_path / "in", tmp_path / "out", WEB, 6)
    assert len({path.read_bytes() for path in paths}) == len(paths) == 4
    for path in paths:
        with Image.open(path) as picture:
            assert max(picture.size) <= 1024
