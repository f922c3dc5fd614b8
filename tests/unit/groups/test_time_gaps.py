import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dupimg.groups.time_gaps import split_by_time
from dupimg.search.similarity import number_by_first_row

NOWHEN = float("nan")


def split(seconds, limit, vectors=None):
    vectors = np.ones((len(seconds), 2)) if vectors is None else np.asarray(vectors, float)
    parts = split_by_time(vectors, np.asarray(seconds, float), limit)
    return number_by_first_row(parts).tolist()


@pytest.mark.parametrize(
    ("seconds", "parts"),
    [
        ([0, 10, 20], [0, 0, 0]),  # exactly the limit from end to end
        ([0, 10, 21], [0, 0, 1]),  # at the longest pause
        ([0, 11, 21], [0, 1, 1]),
        ([21, 0, 10], [0, 1, 1]),
        ([0, 15, 30, 45], [0, 1, 2, 2]),  # at the first of equal pauses, until it fits
        ([5], [0]),
        ([NOWHEN, NOWHEN], [0, 0]),
        ([0, 1000, NOWHEN], [0, 1, 0]),
    ],
)
def test_parts(seconds, parts):
    assert split(seconds, 20) == parts


def test_a_photo_without_time_goes_with_the_most_similar():
    vectors = [[1, 0], [0, 1], [0.2, 1], [1, 0.3]]
    assert split([0, 1000, NOWHEN, NOWHEN], 20, vectors) == [0, 1, 1, 0]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=1, max_size=12), st.integers(1, 60), st.randoms())
def test_no_two_are_too_far_apart_whatever_the_order(seconds, limit, random):
    parts = np.array(split(seconds, limit))
    times = np.array(seconds)
    for part in np.unique(parts):
        assert np.ptp(times[parts == part]) <= limit
    order = random.sample(range(len(seconds)), len(seconds))
    shuffled = split(times[order], limit)
    assert shuffled == number_by_first_row(parts[order]).tolist()
