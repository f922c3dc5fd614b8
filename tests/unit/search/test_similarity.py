import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components
from threadpoolctl import threadpool_limits

from dupimg.search import similarity
from dupimg.search.rows import paired_dots, rounding_margin, squared_norms, unit_rows
from dupimg.search.similarity import (
    connected_groups,
    cosine_graph,
    cosine_neighbours,
    number_by_first_row,
)


def brute_force(vectors):
    """All cosines in float64, -inf on the diagonal."""
    rows = np.asarray(vectors, dtype=np.float64)
    rows = rows / np.sqrt((rows**2).sum(axis=1, keepdims=True))
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    return cosines


def clustered(seed, n=200, d=16, dtype=np.float64):
    """Rows of all lengths around a few centres, some of them repeated."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, n // 8), d))
    rows = centres[rng.integers(len(centres), size=n)] + 0.25 * rng.standard_normal((n, d))
    rows[n // 2 :: 5] = rows[0]
    return (rows * rng.uniform(0.01, 100, size=(n, 1))).astype(dtype)


def at_cosine(cosine):
    return np.array([[1.0, 0.0], [cosine, np.sqrt(1 - cosine**2)]])


def assert_equals_brute_force(graph, vectors, threshold):
    expected = brute_force(vectors)
    similar = expected >= threshold - 1e-12
    assert np.array_equal(graph.pairs.toarray() != 0, similar)
    np.testing.assert_allclose(graph.pairs.toarray()[similar], expected[similar], atol=1e-12)
    np.testing.assert_allclose(graph.nearest_cosine, expected.max(axis=1), atol=1e-12)
    chosen = expected[np.arange(len(expected)), graph.nearest_index]
    np.testing.assert_allclose(chosen, expected.max(axis=1), atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("threshold", [0.3, 0.7, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_graph_equals_brute_force(seed, threshold, dtype):
    vectors = clustered(seed, dtype=dtype)
    graph = cosine_graph(vectors, threshold)
    assert_equals_brute_force(graph, vectors, threshold)
    _, expected = connected_components(graph.pairs, directed=False)
    assert np.array_equal(connected_groups(vectors, threshold), number_by_first_row(expected))


@pytest.mark.parametrize("memory", [1, 10_000, 100_000, 10**9])
def test_result_does_not_depend_on_memory(memory):
    vectors = clustered(0, n=101, dtype=np.float32)
    expected = cosine_graph(vectors, 0.7)
    graph = cosine_graph(vectors, 0.7, memory=memory)
    assert np.array_equal(graph.pairs.indptr, expected.pairs.indptr)
    assert np.array_equal(graph.pairs.indices, expected.pairs.indices)
    assert np.array_equal(graph.pairs.data, expected.pairs.data)
    assert np.array_equal(graph.nearest_cosine, expected.nearest_cosine)
    assert np.array_equal(graph.nearest_index, expected.nearest_index)
    groups = connected_groups(vectors, 0.7, memory=memory)
    assert np.array_equal(groups, connected_groups(vectors, 0.7))


def test_result_does_not_depend_on_threads():
    vectors = clustered(0, n=600, d=300, dtype=np.float32)
    with threadpool_limits(limits=1):
        alone = cosine_graph(vectors, 0.7)
    graph = cosine_graph(vectors, 0.7)
    assert graph.pairs.nnz > 0
    assert np.array_equal(graph.pairs.data, alone.pairs.data)
    assert np.array_equal(graph.pairs.indices, alone.pairs.indices)
    assert np.array_equal(graph.nearest_cosine, alone.nearest_cosine)
    assert np.array_equal(graph.nearest_index, alone.nearest_index)


def test_memory_bounds_the_blocks():
    vectors = clustered(0, n=100)
    blocks = []
    cosine_graph(vectors, 0.7, memory=1, progress=blocks.append)
    assert len(blocks) == 100 * 101 // 2
    blocks.clear()
    cosine_graph(vectors, 0.7, progress=blocks.append)
    assert blocks == [100 * 99 // 2]


@pytest.mark.parametrize("name", ["memory", "n_jobs"])
def test_memory_and_jobs_that_cannot_be(name):
    with pytest.raises(ValueError, match=f"Got {name}=0, expected None or a positive integer"):
        cosine_graph(np.eye(2), 0.5, **{name: 0})
    with pytest.raises(TypeError, match=f"Got {name}='4GB', expected None or a positive integer"):
        connected_groups(np.eye(2), 0.5, **{name: "4GB"})


@pytest.mark.parametrize("search", [cosine_graph, connected_groups])
def test_progress_counts_every_pair_once(search):
    done = []
    search(clustered(0, n=101), 0.7, memory=50_000, progress=done.append)
    assert len(done) > 1
    assert sum(done) == 101 * 100 // 2


@pytest.mark.parametrize("cosine", [0.95, 0.7, 1 / 3, 0.1])
@pytest.mark.parametrize("scale", [1.0, 3.0, 1e-30, 1e30])
def test_a_pair_exactly_at_the_threshold_counts(cosine, scale):
    vectors = at_cosine(cosine) * [[1.0], [scale]]
    assert cosine_graph(vectors, cosine).pairs.nnz == 2
    assert connected_groups(vectors, cosine).tolist() == [0, 0]


@pytest.mark.parametrize("gap", [1e-11, 1e-9, 1e-7, 1e-5])
def test_a_pair_just_below_the_threshold_does_not_count(gap):
    vectors = at_cosine(0.95 - gap)
    assert cosine_graph(vectors, 0.95).pairs.nnz == 0
    assert connected_groups(vectors, 0.95).tolist() == [0, 1]
    # Float32 cannot tell the first three of these pairs from one at the threshold.
    assert cosine_graph(at_cosine(0.95 + gap), 0.95).pairs.nnz == 2


def test_borders_are_decided_by_the_vectors_as_given():
    vectors = at_cosine(0.95).astype(np.float32)
    cosine = brute_force(vectors)[0, 1]
    assert 1e-12 < abs(cosine - 0.95) < 1e-8
    assert cosine_graph(vectors, 0.95).pairs.nnz == (2 if cosine >= 0.95 else 0)


def test_many_pairs_at_the_border_in_many_dimensions():
    # Every row has cosine 0.95 to the first, plus or minus what float32 cannot resolve.
    rng = np.random.default_rng(0)
    across = rng.standard_normal((400, 1280))
    across[:, 0] = 0
    across /= np.linalg.norm(across, axis=1, keepdims=True)
    cosines = 0.95 + rng.choice([-1e-10, 0.0, 1e-10], size=400)
    vectors = np.sqrt(1 - cosines**2)[:, None] * across
    vectors[:, 0] = cosines
    vectors[0] = np.eye(1, 1280)
    expected = cosines >= 0.95
    expected[0] = False
    assert np.array_equal(cosine_graph(vectors, 0.95).pairs[[0]].toarray()[0] != 0, expected)


def test_identical_rows_have_cosine_one_exactly():
    vectors = np.repeat(np.random.default_rng(0).standard_normal((1, 1280)), 3, axis=0)
    graph = cosine_graph(vectors.astype(np.float32), 1.0)
    assert graph.pairs.data.tolist() == [1.0] * 6
    assert graph.nearest_index.tolist() == [1, 0, 0]


def test_one_row():
    graph = cosine_graph(np.ones((1, 3)), 0.5)
    assert graph.pairs.shape == (1, 1)
    assert graph.pairs.nnz == 0
    assert np.isnan(graph.nearest_cosine).tolist() == [True]
    assert graph.nearest_index.tolist() == [-1]
    assert connected_groups(np.ones((1, 3)), 0.5).tolist() == [0]


def test_nearest_of_opposite_and_of_tied_rows():
    opposite = cosine_graph(np.array([[1.0, 0.0], [-2.0, 0.0]]), 0.5)
    assert opposite.nearest_cosine.tolist() == [-1.0, -1.0]
    tied = cosine_graph(np.eye(5), 0.5, memory=1)
    assert tied.nearest_index.tolist() == [1, 0, 0, 0, 0]


@given(st.lists(st.lists(st.integers(-3, 3), min_size=3, max_size=3), min_size=2, max_size=30))
@settings(max_examples=100, deadline=None)
def test_small_integers_full_of_ties(rows):
    vectors = np.array([row for row in rows if any(row)] or [[1, 0, 0]], dtype=np.float64)
    for threshold in (0.5, np.sqrt(0.5), 1.0):
        graph = cosine_graph(vectors, threshold, memory=300)
        expected = brute_force(vectors) >= threshold - 1e-12
        assert np.array_equal(graph.pairs.toarray() != 0, expected)


@pytest.mark.parametrize(
    ("threshold", "error"), [(0, ValueError), (1.01, ValueError), (float("nan"), ValueError)]
)
def test_thresholds_outside_the_range(threshold, error):
    with pytest.raises(error, match=rf"Got threshold={threshold}, expected .* in \(0, 1\]"):
        cosine_graph(np.eye(2), threshold)


@pytest.mark.parametrize("threshold", ["0.9", None, True])
def test_thresholds_that_are_no_number(threshold):
    with pytest.raises(TypeError, match="Got threshold="):
        connected_groups(np.eye(2), threshold)


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf, 1e-200, 1e200])
def test_rows_without_a_direction(value):
    vectors = np.ones((4, 2))
    vectors[2:] = value
    with pytest.raises(ValueError, match=r"in row 2 \(2 such rows\), expected .* Leave"):
        cosine_graph(vectors, 0.5)


@pytest.mark.parametrize("d", [2, 64, 1280])
def test_rounding_margin_bounds_float32_products(d):
    rng = np.random.default_rng(d)
    vectors = rng.standard_normal((300, d))
    unit = unit_rows(vectors, squared_norms(vectors), dtype=np.float32)
    error = np.abs(unit @ unit.T - brute_force(vectors))
    np.fill_diagonal(error, 0)
    assert 0 < error.max() < rounding_margin(d) < 1e-6 * (d + 8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_paired_dots_have_the_same_bits_in_any_company(dtype):
    vectors = clustered(0, n=300, d=1001, dtype=dtype)
    i, j = np.random.default_rng(1).integers(300, size=(2, 1000))
    together = paired_dots(vectors, i, j)
    assert np.array_equal(together, paired_dots(vectors, j, i))
    alone = [paired_dots(vectors, i[[k]], j[[k]])[0] for k in range(0, 1000, 50)]
    assert np.array_equal(together[::50], alone)


@pytest.mark.parametrize("memory", [None, 50_000])
def test_select_keeps_some_of_the_pairs_and_changes_nothing_else(memory):
    vectors = np.random.default_rng(4).standard_normal((120, 6))
    whole = cosine_graph(vectors, 0.5)
    seen = []

    def select(i, j, cosines):
        seen.append(len(i))
        assert (i < j).all()
        assert (cosines >= 0.5).all()
        return (i + j) % 3 == 0

    some = cosine_graph(vectors, 0.5, select=select, memory=memory)
    pairs = whole.pairs.tocoo()
    wanted = (pairs.row + pairs.col) % 3 == 0
    expected = np.zeros((120, 120))
    expected[pairs.row[wanted], pairs.col[wanted]] = pairs.data[wanted]
    np.testing.assert_array_equal(some.pairs.toarray(), expected)
    np.testing.assert_array_equal(some.nearest_index, whole.nearest_index)
    assert sum(seen) == whole.pairs.nnz // 2


def assert_same_nearest(cosine, index, expected):
    """Compare with the nearest of each row of a matrix of cosines."""
    np.testing.assert_allclose(cosine, expected.max(axis=1), atol=1e-12)
    np.testing.assert_allclose(expected[np.arange(len(index)), index], cosine, atol=1e-12)


@pytest.mark.parametrize("memory", [None, 1, 20_000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(5))
def test_neighbours_have_the_bits_of_the_whole_graph(seed, dtype, memory):
    vectors = clustered(seed, n=120, dtype=dtype)
    graph = cosine_graph(vectors, 0.7)
    found = cosine_neighbours(vectors[:40], vectors[40:], 0.7, memory=memory)
    whole = graph.pairs[:40, 40:]
    assert found.pairs.nnz > 0
    assert np.array_equal(found.pairs.indptr, whole.indptr)
    assert np.array_equal(found.pairs.indices, whole.indices)
    assert np.array_equal(found.pairs.data, whole.data)
    cosines = brute_force(vectors)[:40, 40:]
    assert_same_nearest(found.query_nearest_cosine, found.query_nearest_index, cosines)
    assert_same_nearest(found.vector_nearest_cosine, found.vector_nearest_index, cosines.T)
    # The nearest of a row is either a query or a vector.
    within = cosine_graph(vectors[:40], 0.7)
    np.testing.assert_array_equal(
        np.maximum(within.nearest_cosine, found.query_nearest_cosine), graph.nearest_cosine[:40]
    )


def test_the_first_of_tied_neighbours_is_the_nearest():
    found = cosine_neighbours(np.eye(3)[[0, 0, 1]], np.eye(3)[[2, 0, 0]], 0.5, memory=1)
    assert found.query_nearest_index.tolist() == [1, 1, 0]
    assert found.vector_nearest_index.tolist() == [0, 0, 0]
    assert found.pairs.toarray().tolist() == [[0, 1, 1], [0, 1, 1], [0, 0, 0]]


def test_neighbours_of_nothing():
    found = cosine_neighbours(np.empty((0, 2)), np.eye(2), 0.5)
    assert found.pairs.shape == (0, 2)
    assert found.vector_nearest_index.tolist() == [-1, -1]
    assert np.isnan(found.vector_nearest_cosine).all()
    assert cosine_neighbours(np.eye(2), np.empty((0, 2)), 0.5).query_nearest_index.tolist() == [
        -1,
        -1,
    ]


def test_neighbours_count_their_pairs_and_check_their_columns():
    done = []
    cosine_neighbours(
        clustered(0, n=50), clustered(1, n=70), 0.5, memory=9999, progress=done.append
    )
    assert len(done) > 1
    assert sum(done) == 50 * 70
    with pytest.raises(ValueError, match=r"Got queries with 3 columns, expected 2 as the vectors"):
        cosine_neighbours(np.eye(3), np.eye(2), 0.5)


def test_equally_near_rows_are_not_all_looked_at(monkeypatch):
    looked_at = []
    exact = similarity.pair_cosines

    def count(*args):
        looked_at.append(len(args[1]))
        return exact(*args)

    monkeypatch.setattr(similarity, "pair_cosines", count)
    vectors = np.ones((3000, 4)) + np.random.default_rng(0).normal(size=(3000, 4)) * 1e-5
    pairs = similarity.nearest_neighbours(vectors, 3, 0.9)
    assert sum(looked_at) <= 3000 * 4 * 8
    assert np.bincount(pairs.ravel()).min() >= 3


@pytest.mark.parametrize("n_neighbours", [1, 3, 50])
def test_nearest_neighbours_are_those_of_all_cosines(n_neighbours, monkeypatch):
    rng = np.random.default_rng(n_neighbours)
    vectors = rng.normal(size=(40, 6))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    np.fill_diagonal(cosines, -2)
    wanted = set()
    for i, row in enumerate(cosines):
        for j in np.argsort(-row, kind="stable")[:n_neighbours]:
            if row[j] >= 0.2:
                wanted.add((min(i, j), max(i, j)))
    monkeypatch.setattr(similarity, "_PRODUCTS_AT_ONCE", 7 * 40)
    pairs = similarity.nearest_neighbours(vectors, n_neighbours, 0.2)
    assert set(map(tuple, pairs.tolist())) == wanted
    assert similarity.nearest_neighbours(vectors[:1], n_neighbours, 0.2).shape == (0, 2)
