import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.cluster import AgglomerativeClustering

from dupimg.groups.linkage import average_linkage, condensed_cosine_distances, cut_linkage
from dupimg.search.similarity import number_by_first_row


def clustered(seed, n, d, spread):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((max(1, n // 20), d))
    return centres[rng.integers(len(centres), size=n)] + spread * rng.standard_normal((n, d))


def scikit_learn(vectors, threshold, linkage):
    """Labels of the whole matrix. It merges below its threshold, we at the threshold too."""
    return AgglomerativeClustering(
        n_clusters=None,
        metric="cosine",
        linkage=linkage,
        distance_threshold=np.nextafter(1 - threshold + 2e-12, 2),
    ).fit_predict(vectors)


def assert_same_partition(labels, expected):
    assert np.array_equal(number_by_first_row(labels), number_by_first_row(expected))


@pytest.mark.parametrize("n", [2, 3, 700])
def test_distances_are_those_of_scipy(n):
    vectors = clustered(0, n, 5, 0.5).astype(np.float32)
    distances = condensed_cosine_distances(vectors)
    np.testing.assert_allclose(distances, pdist(vectors.astype(np.float64), "cosine"), atol=1e-14)


def test_distances_of_identical_rows_are_not_negative():
    vectors = np.random.default_rng(0).standard_normal((20, 100)).repeat(3, axis=0)
    distances = condensed_cosine_distances(vectors)
    assert 0 <= distances.min() < 1e-15


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
@pytest.mark.parametrize("seed", range(50))
def test_matrix_equals_scikit_learn(seed, linkage):
    vectors = clustered(seed, 120, 8, 0.4)
    threshold = 0.5 + 0.009 * seed
    labels = cut_linkage(vectors, threshold, linkage=linkage)
    assert_same_partition(labels, scikit_learn(vectors, threshold, linkage))


@pytest.mark.parametrize("seed", range(50))
def test_without_matrix_equals_scikit_learn(seed):
    vectors = clustered(seed, 120, 8, 0.4)
    threshold = 0.5 + 0.009 * seed
    labels = cut_linkage(vectors, threshold, largest_matrix_rows=2)
    assert 1 < len(np.unique(labels)) < 120
    assert_same_partition(labels, scikit_learn(vectors, threshold, "average"))


@pytest.mark.parametrize(("spread", "dtype"), [(0.2, np.float64), (0.6, np.float32), (0.9, float)])
def test_3000_vectors_without_matrix_equal_scikit_learn(spread, dtype):
    vectors = clustered(1, 3000, 64, spread).astype(dtype)
    labels = average_linkage(vectors, 0.7)
    assert 10 < len(np.unique(labels)) < 2900
    assert_same_partition(labels, scikit_learn(vectors.astype(float), 0.7, "average"))


def test_a_hub_that_is_nearest_to_all():
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((300, 400)) + 1.5
    vectors[0] = 1.0
    for threshold in (0.69, 0.7, 0.72):
        labels = average_linkage(vectors, threshold)
        assert_same_partition(labels, scikit_learn(vectors, threshold, "average"))


def test_identical_rows_without_matrix():
    vectors = clustered(0, 40, 6, 0.5).repeat(50, axis=0)
    labels = average_linkage(vectors, 0.7)
    assert_same_partition(labels, scikit_learn(vectors, 0.7, "average"))


def test_rows_full_of_ties_come_to_an_end():
    grid = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * 4), axis=-1).reshape(-1, 4)
    grid = grid[np.abs(grid).sum(axis=1) > 0]
    for threshold in (0.3, 0.5, 0.9):
        labels = average_linkage(grid, threshold)
        unit = grid / np.linalg.norm(grid, axis=1, keepdims=True)
        means = np.array([unit[labels == label].mean(axis=0) for label in np.unique(labels)])
        between = means @ means.T
        np.fill_diagonal(between, 0)
        assert between.max() < threshold


@pytest.mark.parametrize("largest_matrix_rows", [2, 100])
def test_a_merge_exactly_at_the_cut_happens(largest_matrix_rows):
    vectors = np.array([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.6, -0.8, 0.0], [0.0, 0.0, 1.0]])
    rows = vectors[[0, 1, 3]]
    labels = cut_linkage(rows, 0.6, largest_matrix_rows=largest_matrix_rows)
    assert_same_partition(labels, [0, 0, 1])
    labels = cut_linkage(rows, 0.6 + 1e-9, largest_matrix_rows=largest_matrix_rows)
    assert_same_partition(labels, [0, 1, 2])


@pytest.mark.parametrize("linkage", ["complete", "single"])
def test_too_many_rows_for_a_matrix(linkage):
    with pytest.raises(ValueError, match=rf"group of 9 photos .* at most 8 .*'{linkage}'.* GiB"):
        cut_linkage(np.ones((9, 2)), 0.7, linkage=linkage, largest_matrix_rows=8)
