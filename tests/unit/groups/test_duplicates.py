import pickle
import warnings

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils.estimator_checks import check_estimator, parametrize_with_checks

from dupimg.groups.duplicates import DuplicateFinder


def directions(*degrees):
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


def claimed_by_hand(vectors, threshold, order):
    """The star-shaped groups, written as the definition reads."""
    rows = np.asarray(vectors, dtype=np.float64)
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return claimed_in_graph(rows @ rows.T >= threshold - 1e-12, order)


def claimed_in_graph(similar, order):
    keepers = {}
    for row in order:
        if row not in keepers:
            keepers[row] = row
            for other in np.flatnonzero(similar[row]):
                keepers.setdefault(other, row)
    return [keepers[row] for row in range(len(similar))]


def near_duplicates(seed, n=60, d=8):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n // 6, d))
    rows = centres[rng.integers(len(centres), size=n)] + 0.15 * rng.standard_normal((n, d))
    rows[rng.integers(n, size=n // 5)] = rows[0]
    return rows


# Only this check feeds a row of zeros (random integers). A zero vector has no cosine to
# anything, and refusing it is a feature; other types are tested below.
ZERO_ROW = {"check_estimators_dtypes": "feeds a zero vector, which is refused on purpose"}


@parametrize_with_checks([DuplicateFinder()], expected_failed_checks=lambda estimator: ZERO_ROW)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


def test_scikit_learn_runs_its_checks():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SkipTestWarning)
        results = check_estimator(DuplicateFinder(), expected_failed_checks=ZERO_ROW)
    status = {result["check_name"]: result["status"] for result in results}
    assert len(status) >= 44
    others = {name: outcome for name, outcome in status.items() if outcome != "passed"}
    assert others == {"check_estimators_dtypes": "xfail", "check_array_api_input": "skipped"}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint8, bool])
def test_any_type_of_numbers(dtype):
    vectors = np.array([[1, 0, 1], [0, 1, 0], [1, 0, 1]], dtype=dtype)
    assert DuplicateFinder().fit_predict(vectors).tolist() == [0, 1, 0]


def test_a_chain_is_not_one_group():
    finder = DuplicateFinder(threshold=np.cos(np.radians(10))).fit(directions(0, 10, 20, 30, 40))
    assert finder.keepers_.tolist() == [0, 0, 2, 2, 4]
    assert finder.labels_.tolist() == [0, 0, 1, 1, 2]
    ten = np.cos(np.radians(10))
    np.testing.assert_allclose(finder.cosine_to_keeper_, [1, ten, 1, ten, 1], atol=1e-15)
    np.testing.assert_allclose(finder.nearest_cosine_, ten, atol=1e-15)


@pytest.mark.parametrize(
    ("order", "keepers"),
    [([1, 0, 2, 3, 4], [1, 1, 1, 3, 3]), ([2, 4, 3, 1, 0], [0, 2, 2, 2, 4])],
)
def test_keeper_order_decides_the_chain(order, keepers):
    finder = DuplicateFinder(threshold=np.cos(np.radians(10)))
    finder.fit(directions(0, 10, 20, 30, 40), keeper_order=order)
    assert finder.keepers_.tolist() == keepers


@pytest.mark.parametrize("threshold", [0.7, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(10))
def test_groups_equal_the_definition(seed, threshold):
    vectors = near_duplicates(seed)
    order = np.random.default_rng(seed).permutation(len(vectors))
    finder = DuplicateFinder(threshold=threshold).fit(vectors, keeper_order=order)
    assert finder.keepers_.tolist() == claimed_by_hand(vectors, threshold, order)


@pytest.mark.parametrize("seed", range(10))
def test_every_removed_row_is_similar_to_its_keeper(seed):
    vectors = near_duplicates(seed)
    finder = DuplicateFinder(threshold=0.9).fit(vectors)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (unit * unit[finder.keepers_]).sum(axis=1)
    np.testing.assert_allclose(finder.cosine_to_keeper_, cosines, atol=1e-12)
    removed = finder.keepers_ != np.arange(len(vectors))
    assert removed.any()
    assert (finder.cosine_to_keeper_[removed] >= 0.9 - 1e-12).all()
    assert (finder.cosine_to_keeper_[~removed] == 1).all()
    # Keepers keep themselves, and no two of them are duplicates.
    keepers = np.flatnonzero(~removed)
    assert np.array_equal(finder.keepers_[finder.keepers_], finder.keepers_)
    assert finder.pair_graph(vectors)[keepers][:, keepers].nnz == 0


@pytest.mark.parametrize("seed", range(20))
def test_permuting_the_rows_permutes_the_result(seed):
    vectors = near_duplicates(seed)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(vectors))
    moved = rng.permutation(len(vectors))
    place = np.argsort(moved)  # where each row went
    before = DuplicateFinder(threshold=0.9).fit(vectors, keeper_order=order)
    after = DuplicateFinder(threshold=0.9).fit(vectors[moved], keeper_order=place[order])
    assert np.array_equal(after.keepers_, place[before.keepers_[moved]])
    assert np.array_equal(after.cosine_to_keeper_, before.cosine_to_keeper_[moved])
    assert np.array_equal(after.nearest_cosine_, before.nearest_cosine_[moved])


def test_labels_are_numbered_by_first_row():
    finder = DuplicateFinder().fit(directions(0, 90, 0, 45, 90), keeper_order=[4, 3, 2, 1, 0])
    assert finder.labels_.tolist() == [0, 1, 0, 2, 1]
    assert finder.keepers_.tolist() == [2, 4, 2, 3, 4]
    assert finder.labels_.dtype == finder.keepers_.dtype == np.int64


def test_one_row_and_two_rows():
    assert DuplicateFinder().fit_predict([[2.0, 0.0]]).tolist() == [0]
    assert DuplicateFinder().fit_predict([[2.0, 0.0], [5.0, 0.0]]).tolist() == [0, 0]
    assert DuplicateFinder().fit_predict([[2.0, 0.0], [0.0, 5.0]]).tolist() == [0, 1]


def test_fit_predict_passes_the_keeper_order_on():
    vectors = directions(0, 10, 20)
    finder = DuplicateFinder(threshold=0.98)
    assert finder.fit_predict(vectors).tolist() == [0, 0, 1]
    assert finder.fit_predict(vectors, keeper_order=[1, 0, 2]).tolist() == [0, 0, 0]


def test_a_fitted_finder_pickles():
    finder = DuplicateFinder().fit(directions(0, 1, 50))
    assert pickle.loads(pickle.dumps(finder)).labels_.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    "order", [[0, 1], [0, 1, 1], [1, 2, 3], [0.5, 1, 2], [[0, 1, 2]], "abc", [0, 1, 2, 3]]
)
def test_keeper_orders_that_are_no_permutation(order):
    with pytest.raises(
        ValueError, match=r"Got keeper_order=.*expected each of the row numbers 0 to 2"
    ):
        DuplicateFinder().fit(np.eye(3), keeper_order=order)


def test_vectors_that_are_refused():
    with pytest.raises(ValueError, match="vector of length 0 in row 1"):
        DuplicateFinder().fit([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="NaN"):
        DuplicateFinder().fit([[1.0, np.nan]])
    with pytest.raises(ValueError, match="2D array"):
        DuplicateFinder().fit([1.0, 2.0])
    with pytest.raises(ValueError, match=r"Got threshold=95, expected"):
        DuplicateFinder(threshold=95).fit(np.eye(2))


def photos_and_copies(seed, n=80, side=8):
    """Vectors and thumbnails of photos, copies of them, and other moments of their scenes."""
    rng = np.random.default_rng(seed)
    source = rng.integers(n // 4, size=n)
    moment = rng.integers(2, size=n)
    vectors = rng.standard_normal((n // 4, 12))[source] + 0.2 * rng.standard_normal((n, 12))
    pictures = rng.integers(200, size=(n // 4, 2, side, side))[source, moment]
    noise = rng.integers(20, size=(n, side, side))
    return vectors, (pictures + noise).astype(np.uint8)


def verified_by_hand(vectors, thumbnails, order, candidate=0.8, copy=0.97):
    """The verified rule, written as the definition reads."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = (unit @ unit.T >= candidate) & (
        np.corrcoef(thumbnails.reshape(len(vectors), -1)) >= copy
    )
    parts = thumbnails.reshape(-1, 4, 2, 4, 2).swapaxes(2, 3).reshape(len(vectors), 16, 4)
    similar &= np.mean([np.corrcoef(parts[:, k]) for k in range(16)], axis=0) >= 0.9
    return claimed_in_graph(similar, order)


@pytest.mark.parametrize("seed", range(20))
def test_verified_rule_equals_brute_force(seed):
    vectors, thumbnails = photos_and_copies(seed)
    order = np.random.default_rng(seed).permutation(len(vectors))
    by_cosine = DuplicateFinder().fit(vectors, keeper_order=order)
    fits = {
        rule: DuplicateFinder(rule=rule).fit(vectors, keeper_order=order, thumbnails=thumbnails)
        for rule in ("cosine", "verified")
    }
    expected = verified_by_hand(vectors, thumbnails, order)
    assert fits["verified"].keepers_.tolist() == expected
    assert fits["cosine"].other_rule_keepers_.tolist() == expected
    # Thumbnails change nothing by the rule that does not look at them.
    np.testing.assert_array_equal(fits["cosine"].keepers_, by_cosine.keepers_)
    np.testing.assert_array_equal(fits["verified"].other_rule_keepers_, by_cosine.keepers_)
    np.testing.assert_array_equal(fits["cosine"].nearest_index_, by_cosine.nearest_index_)
    assert 0 < np.count_nonzero(np.array(expected) != np.arange(len(vectors))) < len(vectors)


def test_permuting_the_rows_permutes_the_second_look():
    vectors, thumbnails = photos_and_copies(3)
    order = np.arange(len(vectors))
    shuffle = np.random.default_rng(0).permutation(len(vectors))
    place = np.argsort(shuffle)
    fit = DuplicateFinder(rule="verified").fit(vectors, thumbnails=thumbnails)
    other = DuplicateFinder(rule="verified").fit(
        vectors[shuffle], keeper_order=place[order], thumbnails=thumbnails[shuffle]
    )
    np.testing.assert_array_equal(shuffle[other.keepers_][place], fit.keepers_)
    np.testing.assert_array_equal(other.thumb_correlation_[place], fit.thumb_correlation_)


def test_correlation_is_that_with_the_keeper_or_the_nearest():
    vectors = directions(0, 10, 30, 90)
    ramp = np.arange(16, dtype=np.uint8).reshape(4, 4)
    thumbnails = np.stack([ramp, 2 * ramp, ramp[::-1], ramp])
    finder = DuplicateFinder(threshold=0.98, candidate_threshold=0.9)
    fit = finder.fit(vectors, thumbnails=thumbnails)
    assert fit.keepers_.tolist() == [0, 0, 2, 3]
    # The nearest of row 2 is row 1; row 3 is too far from all to be compared.
    expected = [1, 1, np.corrcoef(ramp.ravel(), ramp[::-1].ravel())[0, 1], np.nan]
    np.testing.assert_allclose(fit.thumb_correlation_, expected)
    assert np.isnan(DuplicateFinder(threshold=0.98).fit(vectors).thumb_correlation_).all()


def test_turned_copies_are_found_from_a_lower_cosine():
    vectors = directions(0, 50)  # cosine 0.64
    picture = np.random.default_rng(0).integers(256, size=(8, 8), dtype=np.uint8)
    for turned, options in (
        (np.rot90(picture), {"rotations": True}),
        (np.rot90(picture)[:, ::-1], {"rotations": True, "mirrored": True}),
    ):
        thumbnails = np.stack([picture, turned])
        finder = DuplicateFinder(rule="verified", **options)
        assert finder.fit(vectors, thumbnails=thumbnails).keepers_.tolist() == [0, 0]
        plain = DuplicateFinder(rule="verified", candidate_threshold=0.6)
        assert plain.fit(vectors, thumbnails=thumbnails).keepers_.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("options", "thumbnails", "message"),
    [
        ({"rule": "verified"}, None, "Got no thumbnails, expected them"),
        ({"rule": "guess"}, None, "Got rule='guess', expected one of"),
        ({"copy_threshold": 97}, None, "Got copy_threshold=97, expected"),
        ({"candidate_threshold": 0}, None, "Got candidate_threshold=0, expected"),
        ({}, np.zeros((1, 4, 4), np.uint8), "Got 1 thumbnails for 2 vectors"),
    ],
)
def test_a_second_look_that_cannot_be_taken(options, thumbnails, message):
    with pytest.raises(ValueError, match=message):
        DuplicateFinder(**options).fit(directions(0, 1), thumbnails=thumbnails)


@pytest.mark.parametrize("rule", ["cosine", "verified"])
@pytest.mark.parametrize("seed", range(10))
def test_pairs_that_cannot_link_never_claim_each_other(seed, rule):
    vectors, thumbnails = photos_and_copies(seed)
    finder = DuplicateFinder(rule=rule)
    nearest = finder.fit(vectors, thumbnails=thumbnails).nearest_cosine_
    graph = finder.pair_graph(vectors, thumbnails=thumbnails)
    i, j = graph.nonzero()
    rng = np.random.default_rng(seed)
    chosen = rng.choice(len(i), size=len(i) // 3, replace=False)
    apart = np.column_stack([i, j])[chosen]
    graph = graph.tolil()
    graph[i[chosen], j[chosen]] = graph[j[chosen], i[chosen]] = 0
    linked = finder.pair_graph(vectors, thumbnails=thumbnails, cannot_link=apart)
    assert (linked != graph.tocsr()).nnz == 0
    order = rng.permutation(len(vectors))
    fitted = finder.fit(vectors, thumbnails=thumbnails, keeper_order=order, cannot_link=apart)
    assert fitted.keepers_.tolist() == claimed_in_graph(graph.toarray() > 0, order)
    claims = {*enumerate(fitted.keepers_)} | {(k, r) for r, k in enumerate(fitted.keepers_)}
    assert claims & {*zip(i, j, strict=True)}
    assert not claims & {*map(tuple, apart)}
    np.testing.assert_array_equal(fitted.nearest_cosine_, nearest)


@pytest.mark.parametrize("rule", ["cosine", "verified"])
@pytest.mark.parametrize("seed", range(10))
def test_permuting_the_rows_permutes_what_cannot_link(seed, rule):
    vectors, thumbnails = photos_and_copies(seed)
    rng = np.random.default_rng(seed)
    finder = DuplicateFinder(rule=rule)
    graph = finder.pair_graph(vectors, thumbnails=thumbnails)
    apart = np.column_stack(graph.nonzero())[:: rng.integers(2, 7)]
    order, moved = rng.permutation(len(vectors)), rng.permutation(len(vectors))
    place = np.argsort(moved)
    before = finder.fit(
        vectors, thumbnails=thumbnails, keeper_order=order, cannot_link=apart
    ).keepers_
    after = finder.fit(
        vectors[moved],
        thumbnails=thumbnails[moved],
        keeper_order=place[order],
        cannot_link=rng.permutation(place[apart])[:, ::-1],
    ).keepers_
    np.testing.assert_array_equal(after, place[before[moved]])


def test_rows_that_cannot_link_may_share_a_keeper():
    finder = DuplicateFinder(threshold=0.9)
    vectors = directions(0, 10, -10)
    assert finder.fit(vectors, cannot_link=[[2, 1]]).keepers_.tolist() == [0, 0, 0]
    assert finder.fit(vectors, cannot_link=[[0, 1], [1, 0]]).keepers_.tolist() == [0, 1, 0]
    assert finder.fit(vectors, cannot_link=[]).keepers_.tolist() == [0, 0, 0]


@pytest.mark.parametrize("threshold", [0.7, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_fitted_rows_are_predicted_to_have_their_keepers(seed, threshold):
    vectors = near_duplicates(seed)
    order = np.random.default_rng(seed).permutation(len(vectors))
    finder = DuplicateFinder(threshold=threshold, memory=50_000).fit(vectors, keeper_order=order)
    np.testing.assert_array_equal(finder.predict(vectors), finder.keepers_)


@pytest.mark.parametrize("seed", range(10))
def test_a_new_vector_gets_the_keeper_it_would_have_had_as_the_last_one(seed):
    vectors, queries = near_duplicates(seed), near_duplicates(seed + 100)
    queries[::3] = vectors[::3] + 0.05
    order = np.random.default_rng(seed).permutation(len(vectors))
    finder = DuplicateFinder(threshold=0.9).fit(vectors, keeper_order=order)
    n = len(vectors)
    expected = [
        claimed_by_hand(np.vstack([vectors, query]), 0.9, [*order, n])[n] for query in queries
    ]
    expected = np.where(np.array(expected) == n, -1, expected)
    assert {-1} < set(expected)
    np.testing.assert_array_equal(finder.predict(queries), expected)


def test_new_vectors_that_cannot_be_predicted():
    finder = DuplicateFinder().fit(directions(0, 90))
    with pytest.raises(ValueError, match="vector of length 0 in row 1"):
        finder.predict([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="3 features"):
        finder.predict(np.eye(3))
    verified = DuplicateFinder(rule="verified")
    with pytest.raises(AttributeError) as error:
        verified.fit(np.eye(2), thumbnails=np.zeros((2, 4, 4), np.uint8)).predict(np.eye(2))
    assert "expected rule='cosine': `predict` sees no thumbnails" in str(error.value.__cause__)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([[0, 3]], r"Got cannot_link with the pair \[0, 3\], expected .* from 0 to 2"),
        ([[0, 1], [-1, 1]], r"Got cannot_link with the pair \[-1, 1\], expected"),
        ([[1, 1]], r"Got cannot_link with the pair \[1, 1\], expected pairs of different"),
        ([0, 1], r"Got cannot_link of shape \(2,\) and type int64, expected"),
        ([[0, 1, 2]], r"Got cannot_link of shape \(1, 3\)"),
        ([[0.0, 1.0]], r"Got cannot_link of shape \(1, 2\) and type float64"),
    ],
)
def test_pairs_that_cannot_be(pairs, message):
    with pytest.raises(ValueError, match=message):
        DuplicateFinder().fit(np.eye(3), cannot_link=pairs)


@pytest.mark.parametrize("rule", ["cosine", "verified"])
@pytest.mark.parametrize("memory", [1, 20_000, 200_000])
def test_blocks_and_jobs_do_not_change_the_result(rule, memory):
    vectors, thumbnails = photos_and_copies(1)
    order = np.random.default_rng(0).permutation(len(vectors))
    expected = DuplicateFinder(rule=rule).fit(vectors, keeper_order=order, thumbnails=thumbnails)
    for n_jobs in (1, 3):
        finder = DuplicateFinder(rule=rule, memory=memory, n_jobs=n_jobs)
        finder.fit(vectors, keeper_order=order, thumbnails=thumbnails)
        for name, value in vars(expected).items():
            if name.endswith("_") and isinstance(value, np.ndarray):
                np.testing.assert_array_equal(getattr(finder, name), value, err_msg=name)


def test_a_memory_map_gives_the_same_duplicates(tmp_path):
    vectors = near_duplicates(0).astype(np.float32)
    np.save(tmp_path / "vectors.npy", vectors)
    mapped = np.load(tmp_path / "vectors.npy", mmap_mode="r")
    order = np.random.default_rng(0).permutation(len(vectors))
    finders = [DuplicateFinder(threshold=0.9).fit(X, keeper_order=order) for X in (vectors, mapped)]
    assert np.array_equal(finders[0].keepers_, finders[1].keepers_)
    assert np.array_equal(finders[0].nearest_index_, finders[1].nearest_index_)
    assert np.array_equal(finders[0].predict(mapped), finders[1].predict(vectors))


def test_the_first_in_keeper_order_is_the_nearest_of_several():
    vectors = directions(0, 0, 0, 90)
    finder = DuplicateFinder().fit(vectors, keeper_order=[3, 1, 2, 0])
    assert finder.nearest_index_.tolist() == [1, 2, 1, 1]


def test_progress_counts_every_pair():
    done = []
    DuplicateFinder(memory=50_000).fit(near_duplicates(0), progress=done.append)
    assert len(done) > 1
    assert sum(done) == 60 * 59 // 2
