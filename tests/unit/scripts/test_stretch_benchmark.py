import benchmark
import numpy as np
import pandas as pd
import pytest
from benchmarks import vectors as vectors_module
from benchmarks.stretch import begin_search
from benchmarks.vectors import make_vectors, write_vectors

from dupimg.cli.main import main
from dupimg.errors import UsageError


def test_vectors_lie_as_embeddings_do():
    vectors = make_vectors(4000)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    assert 0.28 < cosines.mean() < 0.38
    assert 0.02 < (cosines.max(axis=1) > 0.95).mean() < 0.3
    assert (cosines.max(axis=1) > 0.7).mean() > 0.4
    lengths = np.linalg.svd(vectors[::2], compute_uv=False) ** 2 / 2000
    assert 0.6 < lengths[:128].sum() < 0.85


def test_vectors_that_are_made_part_by_part_lie_together(tmp_path, monkeypatch):
    monkeypatch.setattr(vectors_module, "_ROWS_AT_ONCE", 1500)
    write_vectors(tmp_path / "vectors.npy", 4000)
    vectors = np.load(tmp_path / "vectors.npy")
    assert vectors.shape == (4000, 1280)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert len(np.unique(vectors, axis=0)) == 4000
    across = vectors[:1500] @ vectors[3000:].T
    assert 0.28 < across.mean() < 0.38


def test_no_room_for_the_vectors(tmp_path):
    with pytest.raises(UsageError, match=r"Got stretch=1000000000, .* room for 5120\.0 GB in"):
        write_vectors(tmp_path / "vectors.npy", 10**9)
    assert not list(tmp_path.iterdir())


def test_a_stretch_ends_after_some_seconds(tmp_path):
    write_vectors(tmp_path / "vectors.npy", 6000)
    little, most = (begin_search(tmp_path / "vectors.npy", None, s) for s in (0, 600))
    assert 0 < little["share"] < 0.2
    assert 0.9 < most["share"] < 1  # all but the first block
    for row in (little, most):
        assert row["hours"] > row["seconds_before"] / 3600 > 0


def test_the_table_of_a_stretch(tmp_path, capsys):
    path = tmp_path / "table.csv"
    options = ["--what=search", "--stretch=3000", "--minutes=1", f"--output={path}"]
    assert main(options, benchmark.COMMAND) == 0
    shown = capsys.readouterr().out.splitlines()
    table = pd.read_csv(path)
    assert shown[0].split() == table.columns.tolist()
    assert len(shown) == 1 + len(table)
    assert table["vectors"].tolist() == [3000, 3000]
    assert table["memory_gb"][1] == 2
    assert (table["hours"] > 0).all()
    assert table["gb"].between(0.01, 1).all()
