"""Rows that share no scene whatever their cosine."""

from __future__ import annotations

import numpy as np
import pytest

from dupimg.groups.scenes import LINKAGES, SceneGrouper


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.column_stack([np.cos(angles), np.sin(angles)])


GROUPERS = [SceneGrouper(linkage=linkage) for linkage in LINKAGES] + [
    SceneGrouper(link_threshold=0.9),
]


@pytest.mark.parametrize("grouper", GROUPERS, ids=str)
def test_rows_are_kept_apart_and_the_others_go_to_the_nearer_one(grouper):
    vectors = directions(0, 2, 20, 22, 90)
    labels = grouper.fit(vectors, cannot_link=[(0, 3)]).labels_
    assert labels[0] == labels[1]
    assert labels[2] == labels[3]
    assert len({labels[0], labels[2], labels[4]}) == 3


def test_hdbscan_is_parted_afterwards():
    vectors = directions(*np.linspace(0, 8, 8))
    grouper = SceneGrouper(method="hdbscan")
    assert grouper.fit_predict(vectors)[1] == grouper.labels_[6]
    labels = grouper.fit(vectors, cannot_link=[(1, 6)]).labels_
    assert labels[1] != labels[6]
    assert set(labels[2:6]) <= {labels[1], labels[6]}


def test_a_must_link_holds_where_a_scene_is_parted():
    vectors = directions(0, 2, 20, 22)
    labels = SceneGrouper().fit(vectors, must_link=[(1, 2)], cannot_link=[(0, 3)]).labels_
    assert labels[1] == labels[2]
    assert labels[0] != labels[3]


def test_a_cannot_link_between_scenes_changes_nothing():
    vectors = directions(0, 2, 90, 92)
    labels = SceneGrouper().fit(vectors, cannot_link=[(0, 2)]).labels_
    np.testing.assert_array_equal(labels, SceneGrouper().fit(vectors).labels_)


def test_the_order_of_rows_does_not_matter():
    vectors = directions(*np.random.default_rng(0).uniform(0, 40, 30))
    order = np.random.default_rng(1).permutation(30)
    place = np.argsort(order)
    pairs = np.array([(0, 7), (3, 12), (5, 20)])
    labels = SceneGrouper().fit(vectors, cannot_link=pairs).labels_
    again = SceneGrouper().fit(vectors[order], cannot_link=place[pairs]).labels_[place]
    same = labels[:, None] == labels
    np.testing.assert_array_equal(same, again[:, None] == again)
    assert not same[pairs[:, 0], pairs[:, 1]].any()


def test_contradictory_pairs_are_refused():
    with pytest.raises(ValueError, match=r"pair \(0, 2\) in cannot_link.*expected"):
        SceneGrouper().fit(directions(0, 1, 2), must_link=[(0, 1), (1, 2)], cannot_link=[(0, 2)])
