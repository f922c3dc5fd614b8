"""Folders with known truth are simulated, and answered about as a person would."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dupimg.tuning.pair_sampling import STEP, Neighbours, sample_pairs
from dupimg.tuning.precision_model import (
    FEWEST_ANSWERS,
    expected_gain,
    fit_curve,
    precision_table,
    recommend,
)
from dupimg.tuning.questions import ANSWERS, DIFFERENT, SAME_PHOTO, SAME_SCENE, Scale, choose_pair

NO_PAIRS = np.empty((0, 2), np.int64)


def folder(seed: int, n_groups: int = 90) -> np.ndarray:
    """Unit vectors in groups of one to five, with cosines of all sizes within groups."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_groups):
        center = rng.standard_normal(24)
        for _ in range(rng.integers(1, 6)):
            rows.append(center + rng.uniform(0.05, 0.8) * rng.standard_normal(24))
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def all_cosines(vectors: np.ndarray) -> np.ndarray:
    cosines = (vectors @ vectors.T).astype(float)
    np.fill_diagonal(cosines, -1)
    return cosines


def true_precision(cosines: np.ndarray, right: np.ndarray, threshold: float) -> float:
    """Return the mean over photos of the share of right ones among those this similar."""
    similar = cosines >= threshold - 1e-7
    having = similar.any(axis=1)
    return ((similar & right).sum(axis=1)[having] / similar.sum(axis=1)[having]).mean()


def draw_truth(cosines: np.ndarray, chance: np.ndarray, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).random(cosines.shape) < chance
    return np.triu(drawn, 1) | np.triu(drawn, 1).T


def ask(scales: list[Scale], answer, n_pairs: int) -> tuple[np.ndarray, list[str]]:
    pairs, answers = NO_PAIRS, []
    for _ in range(n_pairs):
        pair = choose_pair(scales, pairs, answers, 0.9)
        pairs = np.vstack([pairs, pair])
        answers.append(answer(*pair))
    return pairs, answers


def told_by(same_scene: np.ndarray, same_photo: np.ndarray | None = None):
    """Return a person who knows the truth, as matrices of all pairs."""

    def answer(i: int, j: int) -> str:
        if same_photo is not None and same_photo[i, j]:
            return SAME_PHOTO
        return SAME_SCENE if same_scene[i, j] else DIFFERENT

    return answer


CHANCES = {
    "step": lambda cosines: (cosines > 0.72).astype(float),
    "gentle": lambda cosines: 1 / (1 + np.exp(-(cosines - 0.68) / 0.03)),
    "high": lambda cosines: 1 / (1 + np.exp(-(cosines - 0.82) / 0.02)),
    "low": lambda cosines: 1 / (1 + np.exp(-(cosines - 0.58) / 0.03)),
    "never quite": lambda cosines: 0.97 / (1 + np.exp(-(cosines - 0.7) / 0.02)),
}


@pytest.mark.parametrize("kind", CHANCES)
def test_the_interval_covers_the_truth_and_the_recommendation_keeps_its_promise(kind):
    inside, kept, recommended = [], [], []
    for seed in range(6):
        vectors = folder(seed)
        cosines = all_cosines(vectors)
        right = draw_truth(cosines, CHANCES[kind](cosines), seed)
        scale = Scale.of(vectors, (SAME_SCENE,), 0.7, floor=0.5)
        pairs, answers = ask([scale], told_by(right), 30)
        judgement = scale.judge(pairs, answers, 0.9)
        table = judgement.table[judgement.table["threshold"] >= judgement.cosines.min()]
        truth = [true_precision(cosines, right, t) for t in table["threshold"]]
        inside.append(table["low"].le(truth) & table["high"].ge(truth))
        if judgement.recommended is not None:
            recommended.append(judgement.recommended)
            kept.append(true_precision(cosines, right, judgement.recommended) >= 0.9)
    # 90 % promised over the thresholds that were asked about; measured 0.88 to 0.95.
    assert np.concatenate(inside).mean() >= 0.82
    assert len(recommended) >= 4
    assert np.mean(kept) >= 0.8


@pytest.mark.parametrize("step", [0.62, 0.72, 0.82])
def test_the_recommended_threshold_is_near_the_right_one(step):
    vectors = folder(1)
    cosines = all_cosines(vectors)
    right = cosines > step
    scale = Scale.of(vectors, (SAME_SCENE,), 0.7, floor=0.5)
    pairs, answers = ask([scale], told_by(right), 30)
    thresholds = scale.sample.neighbours.thresholds
    lowest = min(t for t in thresholds if true_precision(cosines, right, t) >= 0.9)
    assert lowest <= scale.judge(pairs, answers, 0.9).recommended <= lowest + 0.06


def test_most_questions_are_near_the_threshold_and_about_different_groups():
    vectors = folder(3)
    cosines = all_cosines(vectors)
    scale = Scale.of(vectors, (SAME_SCENE,), 0.7, floor=0.5)
    pairs, _ = ask([scale], told_by(cosines > 0.7), 30)
    asked = scale.cosines(pairs)
    assert np.mean(np.abs(asked - 0.7) < 0.1) > 0.5
    assert asked.max() > 0.85  # spot checks
    assert len(np.unique(pairs)) > 40
    assert len(np.unique(pairs, axis=0)) == 30


def test_one_question_tells_about_both_thresholds():
    vectors = folder(5)
    cosines = all_cosines(vectors)
    scales = [
        Scale.of(vectors, (SAME_PHOTO,), 0.95, floor=0.8),
        Scale.of(vectors, (SAME_PHOTO, SAME_SCENE), 0.7, floor=0.5),
    ]
    pairs, answers = ask(scales, told_by(cosines > 0.66, cosines > 0.93), 40)
    duplicates, scenes = (scale.judge(pairs, answers, 0.9) for scale in scales)
    assert 0.91 <= duplicates.recommended <= 0.96
    assert 0.62 <= scenes.recommended <= 0.74
    assert set(answers) == set(ANSWERS)


def test_the_choice_is_the_same_for_the_same_answers_and_follows_them():
    scale = Scale.of(folder(2), (SAME_SCENE,), 0.7, floor=0.5)
    first, again = (ask([scale], lambda i, j: DIFFERENT, 6)[0] for _ in range(2))
    other, _ = ask([scale], lambda i, j: SAME_SCENE, 6)
    np.testing.assert_array_equal(first, again)
    assert scale.cosines(first).mean() > scale.cosines(other).mean()


def test_a_skipped_pair_is_no_evidence_and_not_shown_again():
    scale = Scale.of(folder(2), (SAME_SCENE,), 0.7, floor=0.5)
    pairs, answers = ask([scale], lambda i, j: "skipped", 20)
    assert len(np.unique(pairs, axis=0)) == 20
    assert answers == ["skipped"] * 20


def test_a_small_folder_runs_out_of_pairs():
    vectors = np.eye(4, dtype=np.float32)
    vectors[1] = [0.8, 0.6, 0, 0]
    scale = Scale.of(vectors, (SAME_SCENE,), 0.7, floor=0.5)
    assert choose_pair([scale], NO_PAIRS, [], 0.9) in [(0, 1), (1, 2)]
    assert choose_pair([scale], np.array([[0, 1], [2, 1]]), [DIFFERENT] * 2, 0.9) is None
    alone = Scale.of(vectors[:1], (SAME_SCENE,), 0.7, floor=0.5)
    assert choose_pair([alone], NO_PAIRS, [], 0.9) is None


def test_neighbours_are_counted_and_weighed_by_hand():
    # Cosines: 0-1 0.8, 0-2 0.6, 1-2 0.96; 3 has no neighbour.
    vectors = np.array([[1, 0, 0], [0.8, 0.6, 0], [0.6, 0.8, 0], [0, 0, 1]], np.float32)
    sample = sample_pairs(vectors, 0.5)
    np.testing.assert_array_equal(sample.pairs, [[0, 1], [0, 2], [1, 2]])
    neighbours = sample.neighbours
    at = {t: neighbours.bins(t) for t in (0.6, 0.8, 0.96)}
    assert neighbours.counts.sum() == 6
    assert neighbours.counts[0, at[0.6]] == neighbours.counts[0, at[0.8]] == 1
    assert neighbours.reached[[at[0.6], at[0.8], at[0.96], -1]].tolist() == [0.75, 0.75, 0.5, 0]
    weights, squares = neighbours.weights()
    # At 0.6 every photo has two neighbours, at 0.8 photo 1 two and the others one.
    assert weights[at[0.6]][[*at.values()]] == pytest.approx([1 / 3] * 3)
    assert weights[at[0.8]][[*at.values()]] == pytest.approx([0, 1.5 / 3, 1.5 / 3])
    assert squares[at[0.6]][at[0.6]] == pytest.approx((1 / 3) ** 2)
    pair, place = np.array([[0, 1]]), np.array([at[0.8]])
    alone = neighbours.pair_weights(pair, place)[:, 0]
    assert alone[[*at.values()]] == pytest.approx([1 / 3, 1.5 / 3, 0])
    weights, squares = neighbours.weights(without=pair, bins=place)
    assert weights[at[0.8]][[*at.values()]] == pytest.approx([0, 0, 1.5 / 3])
    assert squares[:, at[0.8]].max() == 0


def test_a_burst_weighs_no_more_than_its_photos():
    """20 photos of a burst make 190 wrong pairs, 20 pairs of photos make 20 right ones."""
    rng = np.random.default_rng(0)
    centers = rng.standard_normal((21, 200))
    rows = [centers[0]] * 20 + [center for center in centers[1:] for _ in range(2)]
    vectors = (np.array(rows) + 0.1 * rng.standard_normal((60, 200))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scale = Scale.of(vectors, (SAME_PHOTO,), 0.95, floor=0.8)
    burst = {*range(20)}
    pairs, answers = ask([scale], lambda i, j: DIFFERENT if {i, j} <= burst else SAME_PHOTO, 24)
    table = scale.judge(pairs, answers, 0.9).table.set_index("threshold")
    assert table.loc[0.95, "low"] < 40 / 60 < table.loc[0.95, "high"]


def test_large_folders_are_sampled():
    rng = np.random.default_rng(0)
    centers = np.repeat(rng.standard_normal((1500, 16)), 2, axis=0)
    vectors = (centers + 0.1 * rng.standard_normal(centers.shape)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    sample = sample_pairs(vectors, 0.9)
    assert len(sample.neighbours.rows) == 2000
    assert len(np.unique(sample.neighbours.rows)) == 2000
    assert sample.neighbours.reached[0] > 0.99
    assert len(sample.pairs) > 100


def test_all_pairs_known_leaves_no_doubt():
    vectors = folder(4, n_groups=6)
    cosines = all_cosines(vectors)
    pairs = np.argwhere(np.triu(cosines, 1) > 0.5)
    scale = Scale.of(vectors, (SAME_SCENE,), 0.7, floor=0.5)
    answers = [SAME_SCENE if cosines[i, j] > 0.75 else DIFFERENT for i, j in pairs]
    table = scale.judge(pairs, answers, 0.9).table
    truth = [true_precision(cosines, cosines > 0.75, t) for t in table["threshold"]]
    for column in ("low", "precision", "high"):
        np.testing.assert_allclose(table[column], truth, atol=1e-9)


def test_few_answers_recommend_nothing():
    cosines = np.linspace(0.6, 0.99, FEWEST_ANSWERS)
    table = pd.DataFrame({"threshold": [0.5, 0.7, 0.9], "low": [0.95, 0.95, 0.97]})
    assert recommend(table, cosines[1:], 0.9) is None
    assert recommend(table, cosines, 0.9) == 0.7  # nothing is known of what lies below 0.6
    assert recommend(table, cosines, 0.96) == 0.9
    assert recommend(table, cosines, 0.98) is None


def test_without_answers_the_interval_is_wide_and_more_answers_narrow_it():
    neighbours = Neighbours(
        np.arange(50), np.ones((50, 100), np.int64), np.arange(100) * STEP + 0.5
    )
    widths = []
    for n_answers in (0, 10, 40):
        cosines = np.linspace(0.5, 0.99, n_answers)
        curve = fit_curve(cosines, cosines > 0.7, 0.7)
        table = precision_table(
            curve, neighbours, np.full((n_answers, 2), -1), cosines, cosines > 0.7
        )
        widths.append((table["high"] - table["low"]).mean())
    assert widths[0] > 0.4 > widths[1] > 0.15 > widths[2]


def test_gain_is_highest_where_the_answer_is_open():
    scale = Scale.of(folder(6), (SAME_SCENE,), 0.7, floor=0.5)
    cosines = np.concatenate([np.linspace(0.5, 0.64, 12), np.linspace(0.72, 0.98, 12)])
    curve = fit_curve(cosines, cosines > 0.7, 0.7)
    neighbours = scale.sample.neighbours
    gain = expected_gain(curve, neighbours, 0.9)
    assert 0.62 < neighbours.thresholds[gain.argmax()] < 0.74
    assert (gain >= 0).all()
