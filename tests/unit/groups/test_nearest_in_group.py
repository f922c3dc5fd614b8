from __future__ import annotations

import numpy as np
import pytest

from dupimg.groups.nearest_in_group import nearest_in_group


def expected(vectors, labels):
    units = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = np.where(labels[:, None] == labels, units @ units.T, np.nan)
    np.fill_diagonal(cosines, np.nan)
    return np.array([np.nan if np.isnan(row).all() else np.nanmax(row) for row in cosines])


@pytest.fixture
def vectors():
    return np.random.default_rng(0).standard_normal((60, 8))


def test_the_nearest_is_looked_for_in_the_group_of_a_row(vectors):
    labels = np.random.default_rng(1).integers(0, 40, len(vectors))
    found, rows = nearest_in_group(vectors, labels)
    np.testing.assert_allclose(found, expected(vectors, labels), atol=1e-12)
    assert np.isnan(found).any() and not np.isnan(found).all()
    assert (labels[rows[rows >= 0]] == labels[rows >= 0]).all()
    np.testing.assert_array_equal(rows < 0, np.isnan(found))


@pytest.mark.parametrize("n_new", [0, 1, 7, 60])
def test_new_rows_are_compared_with_all_and_change_what_was_known(vectors, n_new):
    known = np.full(len(vectors), np.nan)
    known[n_new:] = nearest_in_group(vectors[n_new:])[0] if n_new < 60 else []
    found, rows = nearest_in_group(vectors, known=known)
    cosines, nearest = nearest_in_group(vectors)
    np.testing.assert_array_equal(found, cosines)
    is_news = ~(known == cosines)
    np.testing.assert_array_equal(rows, np.where(is_news, nearest, -1))


def test_there_may_be_no_rows_or_one():
    assert nearest_in_group(np.empty((0, 3)), [])[0].shape == (0,)
    assert np.isnan(nearest_in_group(np.ones((1, 3)))[0]).tolist() == [True]
