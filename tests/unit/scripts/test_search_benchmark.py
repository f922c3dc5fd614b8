import pytest
from benchmarks import search as search_benchmark
from benchmarks.options import BenchmarkOptions
from benchmarks.search import WAYS, Way, benchmark_search

from dupimg.errors import UsageError


def test_all_ways_find_the_same_on_the_same_vectors(tmp_path):
    options = BenchmarkOptions(sizes="300,600", output=tmp_path / "table.csv")
    table = benchmark_search(options)
    assert table["way"].tolist() == 2 * [way.name for way in WAYS]
    measured = table[table["note"] == ""]
    assert len(measured) >= 2 * (len(WAYS) - 1)  # faiss may be missing
    assert (measured["seconds"] > 0).all()
    assert measured["peak_gb"].between(0.05, 2).all()
    assert measured["exponent"].notna().sum() == len(measured) / 2
    for what in ("duplicate pairs", "linked groups", "scenes"):
        found = measured[measured["way"].str.startswith(what)].groupby("vectors")["found"]
        assert (found.nunique() == 1).all()
        assert (found.first() > 0).all()
    bare = table[table["way"] == "bare products of all pairs"]
    assert (bare["times_bare_products"] == 1).all()
    assert (tmp_path / "table.csv").read_text().count("\n") == len(table) + 1


@pytest.mark.parametrize(
    ("way", "before", "note"),
    [
        (Way("", len, "no_such_package"), None, "needs no_such_package, of the extra bench"),
        (Way("", len, squares=8), None, "would take 8000 GB"),
        (Way("", len), {"seconds": 7.0, "vectors": 10**5}, "would take 12 min"),
        (Way("", len), {"seconds": 2.0, "vectors": 10**5}, ""),
    ],
)
def test_what_would_take_too_much_is_left_out(way, before, note):
    reason = search_benchmark._reason_against(way, 10**6, before, 5)
    assert reason.startswith(note)
    assert bool(reason) == bool(note)


@pytest.mark.parametrize("sizes", ["", "1", "20,10", "10,10", "many"])
def test_sizes_that_cannot_be(sizes):
    with pytest.raises(UsageError, match="Got sizes="):
        BenchmarkOptions(sizes=sizes)
