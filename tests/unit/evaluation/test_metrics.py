from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from dupimg.evaluation.metrics import (
    Truth,
    copy_figures,
    removal_figures,
    scene_figures,
    unrelated_figure,
)


def unit_vectors(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)]).astype(np.float32)


def test_scene_figures_counted_by_hand():
    # right: one pair of a, one of b; formed besides: 2 × 2 pairs of a with b, 1 of c with d
    truth = Truth.from_names(pd.Series([*"aaabbcd"]), pd.Series([""] * 7))
    scenes = np.array([0, 0, 1, 0, 0, 2, 2])
    figures = {name: (value, count) for name, value, count in scene_figures(truth, scenes)}
    v_measure, _ = figures.pop("scene V-measure")
    assert figures == {
        "scene pair precision": (2 / 7, 7),
        "scene pair recall": (2 / 4, 4),
        "scene pair F1": (pytest.approx(4 / 11), None),
    }
    assert 0 < v_measure < 1


def test_pairs_of_related_groups_are_neither_right_nor_wrong():
    # The relation is given once, from b to a, and holds both ways.
    truth = Truth.from_names(pd.Series([*"aabbc"]), pd.Series(["", "", "x; a", "x; a", ""]))
    precision, *_ = scene_figures(truth, np.zeros(5, np.int64))
    assert precision == ("scene pair precision", 2 / 6, 6)  # 10 pairs but 4 of a with b
    assert truth.n_unrelated_pairs == 4
    i, j = np.array([*combinations(range(5), 2)]).T
    assert truth.are_unrelated(i, j).tolist() == [b == 4 for _, b in combinations(range(5), 2)]


def test_groups_that_share_a_related_group_are_related():
    related = pd.Series(["place:alps", "y;place:alps", "", "place:sea", "y"])
    truth = Truth.from_names(pd.Series([*"abcde"]), related)
    assert truth.related.tolist() == [[0, 1], [1, 4]]
    precision, *_ = scene_figures(truth, np.zeros(5, np.int64))
    assert precision == ("scene pair precision", 0, 8)
    (_, _, count), *_ = scene_figures(truth[[0, 1]], np.zeros(2, np.int64))
    assert count == 0


def test_pairs_of_a_mixed_group_are_neither_right_nor_wrong():
    truth = Truth.from_names(pd.Series([*"aa???"]), pd.Series([""] * 5), mixed="?")
    figures = {name: (value, count) for name, value, count in scene_figures(truth, np.zeros(5))}
    assert figures["scene pair precision"] == (1 / 7, 7)  # 1 of a, 6 of a with others
    assert figures["scene pair recall"] == (1, 1)
    goes, keepers = np.array([1, 3, 4]), np.array([0, 2, 0])
    assert [value for _, value, _ in removal_figures(truth, goes, keepers)] == [1, 1, 1]


def test_perfect_scenes():
    truth = Truth.from_names(pd.Series([*"aabb"]), pd.Series([""] * 4))
    values = [value for _, value, _ in scene_figures(truth, np.array([7, 7, 3, 3]))]
    assert values == [1, 1, 1, pytest.approx(1)]


def test_nothing_to_measure_is_nan():
    truth = Truth.from_names(pd.Series([*"ab"]), pd.Series(["", ""]))
    values = [value for _, value, _ in scene_figures(truth, np.array([0, 1]))]
    assert all(math.isnan(value) for value in values[:3])


@pytest.mark.parametrize("seed", range(5))
def test_pair_counts_equal_a_loop_over_all_pairs(seed):
    rng = np.random.default_rng(seed)
    names = rng.choice([*"abcdefgh"], 40)
    relation = dict(zip("abcdefgh", rng.choice(["", *"abcd"], 8), strict=True))
    scenes = rng.integers(0, 6, 40)
    truth = Truth.from_names(pd.Series(names), pd.Series([relation[name] for name in names]))
    right = wrong = missed = unrelated = 0
    for i, j in combinations(range(40), 2):
        a, b = names[i], names[j]
        is_unrelated = a != b and relation[a] != b and relation[b] != a
        unrelated += is_unrelated
        right += a == b and scenes[i] == scenes[j]
        wrong += is_unrelated and scenes[i] == scenes[j]
        missed += a == b and scenes[i] != scenes[j]
    figures = {name: (value, count) for name, value, count in scene_figures(truth, scenes)}
    assert figures["scene pair precision"] == (right / (right + wrong), right + wrong)
    assert figures["scene pair recall"] == (right / (right + missed), right + missed)
    assert truth.n_unrelated_pairs == unrelated


def test_unrelated_pairs_at_the_threshold_count():
    truth = Truth.from_names(pd.Series([*"abcd"]), pd.Series(["", "", "d", ""]))
    vectors = unit_vectors(0, 60, 90, 90)  # cosine of a and b is 0.5; c and d are related
    assert unrelated_figure(truth, vectors, 0.5)[1:] == (3, 5)
    assert unrelated_figure(truth, vectors, 0.51)[1:] == (2, 5)


def test_copies_are_counted_from_their_original_by_kind():
    groups = pd.Series(["a", "a", "a", "b", "b", "c", "c"])
    kinds = pd.Series(["crop", "original", "resize", "original", "crop", "resize", "resize"])
    keepers = np.array([0, 1, 1, 3, 3, 5, 6])
    assert [*copy_figures(groups, kinds, keepers)] == [
        ("copies found", 2 / 3, 3),
        ("copies found, crop", 1 / 2, 2),
        ("copies found, resize", 1.0, 1),
    ]


def test_without_kinds_any_two_of_a_group_are_copies():
    figures = copy_figures(pd.Series([*"aaab"]), None, np.array([0, 0, 2, 3]))
    assert [*figures] == [("copies found", 1 / 3, 3)]
