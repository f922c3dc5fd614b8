import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dupimg.groups.duplicates import DuplicateFinder
from dupimg.search import sketches as sketches_module
from dupimg.search.rows import Rows, rounding_margin
from dupimg.search.similarity import connected_groups, cosine_graph
from dupimg.search.sketches import (
    arrangements,
    hard_lines,
    make_sketches,
    principal_directions,
    project,
)


@pytest.fixture(scope="module")
def always():
    """Let searches of any size look at sketches, whether or not that pays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketches_module, "FEWEST_ROWS", 0)
        patch.setattr(sketches_module, "_SIZES", (1, 3, 8))
        patch.setattr(sketches_module, "MOST_DIRECTIONS", 8)
        patch.setattr(sketches_module, "_WORTHWHILE", np.inf)
        yield


def low_rank(seed, n=300, d=40, rank=4, noise=0.1):
    """Rows of all lengths near a subspace, in clusters; some are repeated."""
    rng = np.random.default_rng(seed)
    basis = rng.standard_normal((rank, d))
    centres = rng.standard_normal((n // 6, rank)) @ basis
    rows = centres[rng.integers(len(centres), size=n)] + noise * rng.standard_normal((n, d))
    rows[:: n // 10] = rows[1]
    return rows * rng.uniform(0.1, 10, size=(n, 1))


def exact_cosines(vectors):
    rows = np.asarray(vectors, dtype=np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


def assert_same_with_and_without(vectors, threshold, memory=200_000):
    """Compare a search with sketches to one without."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sketches_module, "FEWEST_ROWS", np.inf)
        expected = cosine_graph(vectors, threshold)
        groups = connected_groups(vectors, threshold)
        keepers = DuplicateFinder(threshold=threshold).fit(vectors).keepers_
    graph = cosine_graph(vectors, threshold, memory=memory)
    assert np.array_equal(graph.pairs.indptr, expected.pairs.indptr)
    assert np.array_equal(graph.pairs.indices, expected.pairs.indices)
    assert np.array_equal(graph.pairs.data, expected.pairs.data)
    assert np.array_equal(graph.nearest_cosine, expected.nearest_cosine)
    assert np.array_equal(graph.nearest_index, expected.nearest_index)
    assert np.array_equal(connected_groups(vectors, threshold, memory=memory), groups)
    finder = DuplicateFinder(threshold=threshold, memory=memory).fit(vectors)
    assert np.array_equal(finder.keepers_, keepers)
    return expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0.3, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0, 10.0])
def test_no_pair_is_missed(noise, threshold, dtype, always):
    vectors = low_rank(int(10 * noise), noise=noise).astype(dtype)
    assert make_sketches_of(vectors) is not None
    assert_same_with_and_without(vectors, threshold)


def make_sketches_of(vectors):
    data = Rows.of(vectors)
    return make_sketches(data, principal_directions(data, 10**9), np.ones(len(vectors)))


@given(
    seed=st.integers(0, 2**32 - 1),
    exponents=st.lists(st.integers(-40, 0), min_size=16, max_size=16),
    threshold=st.sampled_from([0.5, 0.95, 1.0]),
)
@settings(max_examples=25, deadline=None)
def test_no_pair_is_missed_whatever_the_spectrum(always, seed, exponents, threshold):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((60, 16)) * 2.0 ** np.array(exponents)
    # Some are the same up to rounding, some are opposite, some exactly at the threshold.
    rows[40:50] = rows[:10] * (1 + 1e-7 * rng.standard_normal((10, 16)))
    rows[50:55] = -rows[:5]
    across = rows[5:10] - (rows[5:10] * rows[:5]).sum(axis=1, keepdims=True) * rows[:5] / (
        rows[:5] ** 2
    ).sum(axis=1, keepdims=True)
    unit = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (rows[:5], across)]
    if np.isfinite(unit[1]).all():
        rows[55:] = threshold * unit[0] + np.sqrt(1 - threshold**2) * unit[1]
    assert_same_with_and_without(rows.astype(rng.choice([np.float32, np.float64])), threshold)


@pytest.mark.parametrize("k", [1, 4, 16])
@pytest.mark.parametrize("noise", [0.0, 1e-6, 0.1, 3.0])
def test_products_of_sketches_bound_the_cosines(noise, k, always):
    vectors = low_rank(k, noise=noise).astype(np.float32)
    directions = np.linalg.qr(np.random.default_rng(k).standard_normal((40, k)))[0]
    sketches = project(Rows.of(vectors), directions)
    bounds = sketches @ sketches.T
    assert (bounds - exact_cosines(vectors) >= -rounding_margin(40)).all()
    assert bounds.max() <= 1 + rounding_margin(40)


def test_sketches_are_left_where_they_do_not_pay(monkeypatch):
    monkeypatch.setattr(sketches_module, "FEWEST_ROWS", 0)
    monkeypatch.setattr(sketches_module, "_SIZES", (32, 64))
    monkeypatch.setattr(sketches_module, "MOST_DIRECTIONS", 64)
    monkeypatch.setattr(sketches_module, "_WORTHWHILE", 0.75)
    rng = np.random.default_rng(0)
    everywhere = Rows.of(rng.standard_normal((3000, 256)))
    narrow = Rows.of(rng.standard_normal((3000, 20)) @ rng.standard_normal((20, 256)))
    for data, limit, pays in ((everywhere, 0.5, False), (narrow, 0.9, True)):
        directions = principal_directions(data, 10**9)
        sketches = make_sketches(data, directions, np.full(3000, limit))
        assert (sketches is not None) == pays
    assert sketches.shape == (3000, 33)
    assert principal_directions(narrow, 4 * 33 * 3000).shape == (256, 32)
    assert principal_directions(narrow, 4 * 33 * 3000 - 1) is None
    monkeypatch.setattr(sketches_module, "FEWEST_ROWS", 3001)
    assert principal_directions(narrow, 10**9) is None
    assert make_sketches(narrow, None, np.full(3000, 0.9)) is None


def test_sketches_can_be_left_out(monkeypatch, always):
    vectors = low_rank(0)
    monkeypatch.setattr(sketches_module, "_sample", None)  # without it there are no directions
    for search in (cosine_graph, connected_groups):
        search(vectors, 0.9, sketches=False)
        with pytest.raises(TypeError):
            search(vectors, 0.9)


def test_arrangements_put_similar_rows_side_by_side(always):
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((64, 40))
    member = rng.integers(64, size=4096)
    vectors = centres[member] + 0.05 * rng.standard_normal((4096, 40))
    data = Rows.of(vectors)
    orders = list(arrangements(data, principal_directions(data, 10**9)))
    assert len(orders) == 2
    for order in orders:
        assert np.array_equal(np.sort(order), np.arange(4096))
        beside = member[order[:-1]] == member[order[1:]]
        assert beside.mean() > 0.2 > 10 / 64
    assert not np.array_equal(*orders)


def test_hard_lines_are_those_with_many_candidates():
    mask = np.zeros((200, 300), bool)
    mask[7, :5] = True  # 5 * 64 > 300
    mask[8, :4] = True
    mask[:, 9] = True
    rows, columns = hard_lines(mask)
    assert np.flatnonzero(rows).tolist() == [7, 8]
    assert np.flatnonzero(columns).tolist() == [9]
