import sys

import benchmark
import pandas as pd
import pytest
from benchmarks.folders import STEPS, make_photos
from PIL import Image

from dupimg.cli.main import main


def test_photos_are_made_in_folders_of_fifty(tmp_path):
    make_photos(tmp_path / "in", 120)
    sizes = [len(list(folder.iterdir())) for folder in sorted((tmp_path / "in").iterdir())]
    assert sizes == [50, 50, 20]
    with Image.open(tmp_path / "in/0001/000060.jpg") as picture:
        assert picture.size == (96, 64)


def test_the_table_has_every_step(tmp_path, capsys):
    if sys.platform != "linux":
        pytest.skip("needs /proc")
    path = tmp_path / "table.csv"
    assert main(["--what=folders", "--tiny=60", f"--output={path}"], benchmark.COMMAND) == 0
    table = pd.read_csv(path)
    assert table["step"].tolist() == list(STEPS)
    assert (table["photos"] == 60).all()
    assert (table[["seconds", "cpu_seconds", "ms_per_photo", "peak_mb"]] > 0).all(axis=None)
    shown = capsys.readouterr()
    assert "plan again" in shown.out
    assert [line.split(":")[0] for line in shown.err.splitlines()] == list(STEPS)
