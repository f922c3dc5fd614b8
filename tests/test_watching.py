import numpy as np

from dupimg.options import RunOptions
from dupimg.search import watching
from dupimg.search.watching import watched_search


def test_a_long_search_is_announced(monkeypatch, capsys):
    monkeypatch.setattr(watching, "_FEWEST_ROWS", 10)
    vectors = np.ones((2000, 64), np.float32)
    with watched_search("comparing", vectors, RunOptions()) as progress:
        progress(2000 * 1999 // 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(watching, "_SECONDS_WORTH_SAYING", 0)
    with watched_search("comparing", vectors, RunOptions(quiet=True)):
        pass
    assert capsys.readouterr().err == ""
    with watched_search("comparing", vectors, RunOptions()):
        pass
    assert capsys.readouterr().err.startswith("comparing 2,000 photos: up to 0 s, 0.")
    groups = ["a"] * 1500 + ["b"] * 500
    with watched_search("scenes", vectors, RunOptions(memory="50MB"), groups):
        pass
    assert capsys.readouterr().err.startswith("scenes 1,500 photos: up to")
