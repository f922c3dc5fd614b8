from __future__ import annotations

import dataclasses

from benchmarks.options import BenchmarkOptions
from benchmarks.photos import benchmark
from benchmarks.sample_photos import KINDS, make_photos
from PIL import Image


def test_the_table_has_every_way(tmp_path, monkeypatch):
    kind = dataclasses.replace(KINDS[1], size=(300, 200), times=2)
    monkeypatch.setattr("benchmarks.photos.KINDS", (kind,))
    table = benchmark(BenchmarkOptions(photos=1, output=tmp_path / "table.csv"))
    ways = table.groupby("photos", sort=False)["way"].agg(list)
    assert [photos.split(",")[0] for photos in ways.index] == ["2 web photos"]
    for way in (
        "straightforward",
        "embedding: torch",
        "embedding: openvino, float32",
        "embedding: openvino, mobilenet_v3_small",
        "organize, as a command",
        "plan again, 1 new of 3",
    ):
        assert all(way in names for names in ways)
    changes = table.loc[table["way"] == "embedding: openvino, float32", "largest_change_of_cosine"]
    assert changes.between(0, 2e-6).all()
    assert (table["seconds"] > 0).all()
    fixed = table[table["way"] == "decoding alone"]
    assert (fixed["times_decoding_alone"] == 1).all()
    assert (tmp_path / "table.csv").read_text().count("\n") == len(table) + 1


def test_the_photos_are_of_the_size_that_they_claim(tmp_path):
    camera, web = (make_photos(tmp_path / kind.name, kind, 1)[0] for kind in KINDS)
    assert 8e6 < camera.stat().st_size < 12e6
    assert 60e3 < web.stat().st_size < 160e3
    with Image.open(camera) as picture:
        assert picture.size == (6000, 4000)
