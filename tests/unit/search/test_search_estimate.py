import pytest

from dupimg.search.estimate import SearchEstimate, estimate_search


def test_an_estimate_obeys_the_memory():
    few, many = (estimate_search(n, 64, n_jobs=1) for n in (1_000, 1_000_000))
    assert 0 < few.seconds < many.seconds  # a million times the pairs
    assert few.bytes < many.bytes
    less = estimate_search(1_000_000, 64, n_jobs=1, memory=100_000_000)
    assert less.bytes < 250_000_000 < many.bytes


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12.4, "up to 12 s"), (119, "up to 119 s"), (120, "up to 2 min"), (7200, "up to 2.0 h")],
)
def test_it_is_said_in_units_that_a_person_reads(seconds, text):
    assert str(SearchEstimate(seconds, 900_000_000)) == f"{text}, 0.9 GB"
