import numpy as np

from dupimg.decide import search_progress
from dupimg.decide.search_progress import watched_search
from dupimg.options.analysis_options import RunOptions


def test_a_long_search_is_announced(monkeypatch, capsys):
    monkeypatch.setattr(search_progress, "_FEWEST_ROWS", 10)
    vectors = np.ones((2000, 64), np.float32)
    with watched_search("comparing", vectors, RunOptions()) as progress:
        progress(2000 * 1999 // 2)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(search_progress, "_SECONDS_WORTH_SAYING", 0)
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
