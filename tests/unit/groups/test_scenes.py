import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import AgglomerativeClustering
from sklearn.exceptions import SkipTestWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from dupimg.groups import linkage as linkage_module
from dupimg.groups import nearest_scene
from dupimg.groups import scenes as scenes_module
from dupimg.groups.scenes import SceneGrouper
from dupimg.search.similarity import connected_groups, number_by_first_row

# Only this check feeds a row of zeros (random integers). A zero vector has no cosine to
# anything, and refusing it is a feature; other types are tested below.
ZERO_ROW = {"check_estimators_dtypes": "feeds a zero vector, which is refused on purpose"}

GROUPERS = [
    SceneGrouper(),
    SceneGrouper(linkage="average"),
    SceneGrouper(linkage="complete"),
    SceneGrouper(linkage="single"),
    SceneGrouper(method="hdbscan"),
]


def photos_of_scenes(seed, n=100, d=16, spread=0.45):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n // 10, d))
    return centres[rng.integers(len(centres), size=n)] + spread * rng.standard_normal((n, d))


def directions(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


@parametrize_with_checks(GROUPERS[:4], expected_failed_checks=lambda estimator: ZERO_ROW)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("grouper", GROUPERS, ids=str)
def test_scikit_learn_runs_its_checks(grouper):
    expected_failures = dict(ZERO_ROW)
    if grouper.method == "hdbscan":
        # Scores the labels of three blobs in a plane, where cosine sees angles only.
        expected_failures["check_clustering"] = "hdbscan splits flat blobs into many regions"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = check_estimator(grouper, expected_failed_checks=expected_failures)
    assert len(results) >= 46
    others = {r["check_name"]: r["status"] for r in results if r["status"] != "passed"}
    assert others == {
        **dict.fromkeys(expected_failures, "xfail"),
        "check_array_api_input": "skipped",
    }


@pytest.mark.parametrize("linkage", ["average", "complete", "single"])
@pytest.mark.parametrize("seed", range(50))
def test_components_equal_scikit_learn_on_the_whole_matrix(seed, linkage):
    vectors = photos_of_scenes(seed)
    threshold = 0.6 + 0.007 * seed
    expected = AgglomerativeClustering(
        n_clusters=None,
        metric="cosine",
        linkage=linkage,
        distance_threshold=np.nextafter(1 - threshold + 2e-12, 2),
    ).fit_predict(vectors)
    labels = SceneGrouper(threshold=threshold, linkage=linkage).fit_predict(vectors)
    assert 1 < labels.max() < len(vectors) - 1
    assert np.array_equal(labels, number_by_first_row(expected))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8, bool])
@pytest.mark.parametrize("grouper", GROUPERS, ids=str)
def test_any_type_of_numbers(grouper, dtype):
    vectors = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=dtype)
    labels = grouper.fit_predict(vectors)
    assert labels.tolist() == [0, 1, 0]
    assert labels.dtype == np.int64


@pytest.mark.parametrize("grouper", GROUPERS, ids=str)
def test_one_row_and_two_rows(grouper):
    assert grouper.fit_predict([[3.0, 0.0]]).tolist() == [0]
    assert grouper.fit_predict([[3.0, 0.0], [0.7, np.sqrt(1 - 0.7**2)]]).tolist() == [0, 0]
    assert grouper.fit_predict([[3.0, 0.0], [0.69, np.sqrt(1 - 0.69**2)]]).tolist() == [0, 1]


def test_linkages_differ_on_a_chain():
    angles = np.radians([0, 10, 21, 33])
    chain = np.column_stack([np.cos(angles), np.sin(angles)])

    def scenes(linkage, angle):
        grouper = SceneGrouper(threshold=np.cos(np.radians(angle)), linkage=linkage)
        return grouper.fit_predict(chain).tolist()

    assert scenes("single", 22) == [0, 0, 0, 0]
    assert scenes("average", 22) == [0, 0, 1, 1]
    assert scenes("average", 24) == [0, 0, 0, 0]
    assert scenes("complete", 24) == [0, 0, 1, 1]


@pytest.mark.parametrize("grouper", GROUPERS, ids=str)
@given(
    rows=st.lists(st.tuples(*[st.integers(-2, 2)] * 3).filter(any), min_size=1, max_size=25),
    randomness=st.randoms(use_true_random=False),
)
@settings(max_examples=60, deadline=None)
def test_permuting_rows_full_of_ties_permutes_the_scenes(grouper, rows, randomness):
    vectors = np.array(rows, dtype=np.float64)
    moved = np.array(randomness.sample(range(len(rows)), len(rows)))
    labels = grouper.fit_predict(vectors)
    assert np.array_equal(grouper.fit_predict(vectors[moved]), number_by_first_row(labels[moved]))
    for row in np.unique(vectors, axis=0):
        assert len(set(labels[(vectors == row).all(axis=1)])) == 1


@pytest.mark.parametrize("seed", range(10))
def test_a_giant_component_gets_the_same_scenes(seed, monkeypatch):
    vectors = photos_of_scenes(seed, spread=0.6)
    grouper = SceneGrouper(threshold=0.6, linkage="average")
    expected = grouper.fit_predict(vectors)
    assert np.bincount(connected_groups(vectors, 0.6)).max() > 20
    monkeypatch.setattr(linkage_module, "LARGEST_MATRIX_ROWS", 2)
    assert np.array_equal(grouper.fit_predict(vectors), expected)
    assert SceneGrouper(threshold=0.6, linkage="single").fit_predict(vectors).max() < expected.max()
    with pytest.raises(ValueError, match=r"Got a group of \d+ photos .*'complete'.* GiB"):
        SceneGrouper(threshold=0.6, linkage="complete").fit(vectors)


def test_hdbscan_finds_the_dense_regions_of_a_component():
    rng = np.random.default_rng(0)
    centres = np.array([[1.0, 0.0, 0.0], [0.8, 0.6, 0.0], [0.8, 0.0, 0.6]])
    truth = np.repeat([0, 1, 2], 20)
    vectors = centres[truth] + 0.02 * rng.standard_normal((60, 3))
    assert connected_groups(vectors, 0.7).max() == 0
    labels = SceneGrouper(method="hdbscan", min_size=10).fit_predict(vectors)
    for scene in range(3):
        values, counts = np.unique(labels[truth == scene], return_counts=True)
        assert counts.max() >= 15
        assert not np.isin(labels[truth != scene], values[counts.argmax()]).any()


def test_hdbscan_noise_becomes_scenes_of_one_row():
    # Three similar rows, a pair and a single: the pair is smaller than a scene may be.
    vectors = np.array([[1, 0, 0], [1, 0.1, 0], [0, 1, 0], [1, 0, 0.1], [0, 1, 0.1], [0, 0, 1.0]])
    labels = SceneGrouper(method="hdbscan", min_size=3).fit_predict(vectors)
    assert labels.tolist() == [0, 0, 1, 0, 2, 3]


def test_a_component_too_large_for_hdbscan(monkeypatch):
    monkeypatch.setattr(scenes_module, "LARGEST_HDBSCAN_ROWS", 4)
    with pytest.raises(ValueError, match=r"group of 5 photos .* at most 4 .*hdbscan.* GiB\. Use"):
        SceneGrouper(method="hdbscan").fit(np.ones((5, 2)))


def test_works_at_the_end_of_a_pipeline():
    pipeline = make_pipeline(FunctionTransformer(np.negative), SceneGrouper())
    assert pipeline.fit_predict(np.eye(3)[[0, 1, 0]]).tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"threshold": 0}, ValueError, "Got threshold=0, expected a cosine"),
        ({"threshold": "high"}, TypeError, "Got threshold='high', expected a cosine"),
        ({"method": "kmeans"}, ValueError, "Got method='kmeans', expected one of"),
        ({"linkage": "ward"}, ValueError, "Got linkage='ward', expected one of"),
        ({"min_size": 1}, ValueError, "Got min_size=1, expected an integer of at least 2"),
        ({"min_size": 2.5}, TypeError, "Got min_size=2.5, expected an integer"),
    ],
)
def test_parameters_that_are_refused(parameters, error, message):
    with pytest.raises(error, match=message):
        SceneGrouper(**parameters).fit(np.eye(2))


def test_vectors_that_are_refused():
    with pytest.raises(ValueError, match="vector of length 0 in row 1"):
        SceneGrouper().fit([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="NaN"):
        SceneGrouper().fit([[1.0, np.nan]])
    with pytest.raises(ValueError, match="2D array"):
        SceneGrouper().fit([1.0, 2.0])


def chained_by_hand(vectors, threshold, link_threshold):
    """Join linked rows, then the pair of clusters with the highest mean cosine, one at a time."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit.T
    linked = connected_groups(vectors, link_threshold)
    clusters = [np.flatnonzero(linked == label) for label in range(linked.max() + 1)]
    while len(clusters) > 1:
        means = {
            (a, b): cosines[np.ix_(clusters[a], clusters[b])].mean()
            for b in range(len(clusters))
            for a in range(b)
        }
        (a, b), best = max(means.items(), key=lambda item: item[1])
        if best < threshold:
            break
        clusters[a] = np.concatenate([clusters[a], clusters.pop(b)])
    labels = np.empty(len(vectors), int)
    for label, rows in enumerate(clusters):
        labels[rows] = label
    return number_by_first_row(labels)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("link_threshold", [0.75, 0.85, 0.95])
def test_chained_linkage_equals_brute_force(seed, link_threshold):
    vectors = photos_of_scenes(seed, n=60, spread=0.5)
    grouper = SceneGrouper(threshold=0.7, linkage="chained", link_threshold=link_threshold)
    expected = chained_by_hand(vectors, 0.7, link_threshold)
    np.testing.assert_array_equal(grouper.fit_predict(vectors), expected)
    shuffle = np.random.default_rng(seed).permutation(len(vectors))
    np.testing.assert_array_equal(
        grouper.fit_predict(vectors[shuffle]), number_by_first_row(expected[shuffle])
    )


def test_chained_linkage_lies_between_average_and_single():
    vectors = np.concatenate([photos_of_scenes(seed, spread=0.6) for seed in range(3)])
    labels = {
        name: SceneGrouper(threshold=0.7, linkage=name, link_threshold=link).fit_predict(vectors)
        for name, link in (("single", 1), ("average", 1))
    }
    lowest = SceneGrouper(threshold=0.7, linkage="chained", link_threshold=0.7).fit_predict(vectors)
    np.testing.assert_array_equal(lowest, labels["single"])
    highest = SceneGrouper(threshold=0.7, linkage="chained", link_threshold=1).fit_predict(vectors)
    np.testing.assert_array_equal(highest, labels["average"])
    # A link threshold below the threshold counts as the threshold.
    below = SceneGrouper(threshold=0.7, linkage="chained", link_threshold=0.5).fit_predict(vectors)
    np.testing.assert_array_equal(below, labels["single"])
    assert labels["single"].max() < labels["average"].max()


@pytest.mark.parametrize("linkage", ["chained", "single"])
def test_rows_of_different_groups_never_share_a_scene(linkage):
    vectors = photos_of_scenes(1)
    groups = np.array(["a", "b"])[np.random.default_rng(0).integers(2, size=len(vectors))]
    labels = SceneGrouper(linkage=linkage).fit(vectors, groups=groups).labels_
    for name in "ab":
        rows = groups == name
        np.testing.assert_array_equal(
            number_by_first_row(labels[rows]),
            SceneGrouper(linkage=linkage).fit_predict(vectors[rows]),
        )
    assert not set(labels[groups == "a"]) & set(labels[groups == "b"])


def test_rows_too_far_apart_in_time_never_share_a_scene():
    vectors = np.ones((5, 3))
    times = [0, 50, 200, 260, np.nan]
    grouper = SceneGrouper(max_seconds=60)
    assert grouper.fit(vectors, times=times).labels_.tolist() == [0, 0, 1, 1, 0]
    assert grouper.fit(vectors).labels_.tolist() == [0] * 5
    assert SceneGrouper().fit(vectors, times=times).labels_.tolist() == [0] * 5


@pytest.mark.parametrize(
    ("options", "fit", "message"),
    [
        ({"link_threshold": 1.5}, {}, "Got link_threshold=1.5, expected"),
        ({"max_seconds": 0}, {}, "Got max_seconds=0, expected None or a positive number"),
        ({"max_seconds": 9}, {"times": [1]}, "inconsistent numbers of samples"),
        ({}, {"groups": [1, 2, 3]}, "inconsistent numbers of samples"),
    ],
)
def test_times_and_groups_that_do_not_fit(options, fit, message):
    with pytest.raises(ValueError, match=message):
        SceneGrouper(**options).fit(np.ones((2, 2)), **fit)


def predicted_by_hand(queries, vectors, labels, threshold):
    """The scene with the highest mean cosine, written as the definition reads."""
    new, old = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, vectors))
    cosines = new @ old.T
    means = np.column_stack([cosines[:, labels == k].mean(axis=1) for k in range(labels.max() + 1)])
    return np.where(means.max(axis=1) >= threshold, means.argmax(axis=1), -1)


@pytest.mark.parametrize("at_once", [1, 7, 1024])
@pytest.mark.parametrize("seed", range(5))
def test_a_new_vector_goes_to_the_scene_it_is_most_like(seed, at_once, monkeypatch):
    monkeypatch.setattr(nearest_scene, "_AT_ONCE", at_once)
    vectors, queries = photos_of_scenes(seed), photos_of_scenes(seed, n=150)
    grouper = SceneGrouper().fit(vectors)
    expected = predicted_by_hand(queries, vectors, grouper.labels_, 0.7)
    assert len(set(expected)) > 3
    assert -1 in expected
    np.testing.assert_array_equal(grouper.predict(queries), expected)


def test_a_new_vector_at_the_threshold_or_as_near_to_two_scenes():
    vectors = directions(0, 90)
    grouper = SceneGrouper(threshold=np.cos(np.radians(45))).fit(vectors)
    queries = directions(45, -45, 135, -45.001, 46)
    assert grouper.predict(queries).tolist() == [0, 0, 1, -1, 1]
    assert grouper.predict(vectors).tolist() == grouper.labels_.tolist() == [0, 1]
    moved = SceneGrouper(threshold=np.cos(np.radians(45))).fit(vectors[::-1])
    assert moved.predict(queries).tolist() == [0, 1, 0, -1, 0]


def test_hdbscan_cannot_predict():
    grouper = SceneGrouper(method="hdbscan").fit(np.eye(3))
    assert not hasattr(grouper, "predict")
    with pytest.raises(AttributeError) as error:
        grouper.predict(np.eye(3))
    assert "Got method='hdbscan', expected method='agglomerative'" in str(error.value.__cause__)


def scenes_of_all_sizes(seed=0):
    """Components of 2 to 400 rows."""
    rng = np.random.default_rng(seed)
    sizes = [400, 300, 120, 90, 60, *[5] * 40]
    centres = rng.standard_normal((len(sizes), 32))
    rows = np.repeat(centres, sizes, axis=0)
    return (rows + 0.5 * rng.standard_normal(rows.shape))[rng.permutation(len(rows))]


@pytest.mark.parametrize("linkage", ["average", "complete", "chained"])
def test_components_side_by_side_get_the_same_scenes(linkage, monkeypatch):
    vectors = scenes_of_all_sizes()
    assert (np.bincount(connected_groups(vectors, 0.7)) > 50).sum() >= 4
    expected = SceneGrouper(linkage=linkage, n_jobs=1).fit_predict(vectors)
    monkeypatch.setattr(scenes_module, "_LARGE", 350)
    for n_jobs in (2, 3, None):
        labels = SceneGrouper(linkage=linkage, n_jobs=n_jobs).fit_predict(vectors)
        assert np.array_equal(labels, expected)


def test_progress_counts_the_pairs_of_each_group():
    vectors, done = photos_of_scenes(0), []
    SceneGrouper().fit(vectors, progress=done.append)
    assert sum(done) == 100 * 99 // 2
    done.clear()
    SceneGrouper().fit(vectors, groups=np.arange(100) % 4, progress=done.append)
    assert sum(done) == 4 * 25 * 24 // 2


def test_a_memory_map_gives_the_same_scenes(tmp_path):
    vectors = photos_of_scenes(0).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    for linkage in ("average", "chained"):
        grouper = SceneGrouper(linkage=linkage, memory=10_000_000)
        assert np.array_equal(grouper.fit_predict(mapped), grouper.fit_predict(vectors))


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"linkage": "average"},
        {"linkage": "single"},
        {"linkage": "complete"},
        {"method": "hdbscan"},
    ],
)
def test_linked_rows_share_a_scene(how):
    angles = np.radians([0, 5, 60, 65, 120, 180])
    vectors = np.column_stack([np.cos(angles), np.sin(angles)])
    labels = SceneGrouper(**how).fit_predict(vectors, must_link=[[1, 5], [4, 2]])
    assert labels[1] == labels[5]
    assert labels[4] == labels[2]
    assert labels[0] != labels[2]
    folders = SceneGrouper(**how).fit_predict(
        vectors, must_link=[[1, 5]], groups=["a", "a", "a", "a", "b", "b"]
    )
    assert folders[1] != folders[5]


@pytest.mark.parametrize("pairs", [[[0, 0]], [[0, 9]], [0, 1], [[0.5, 1]]])
def test_links_are_pairs_of_rows(pairs):
    with pytest.raises(ValueError, match="must_link"):
        SceneGrouper().fit(np.eye(3), must_link=pairs)
