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
    found = nearest_in_group(vectors, labels)
    np.testing.assert_allclose(found, expected(vectors, labels), atol=1e-12)
    assert np.isnan(found).any() and not np.isnan(found).all()


@pytest.mark.parametrize("n_new", [0, 1, 7, 60])
def test_new_rows_are_compared_with_all_and_change_what_was_known(vectors, n_new):
    known = np.full(len(vectors), np.nan)
    known[n_new:] = nearest_in_group(vectors[n_new:]) if n_new < 60 else []
    np.testing.assert_array_equal(nearest_in_group(vectors, known=known), nearest_in_group(vectors))


def test_there_may_be_no_rows_or_one():
    assert nearest_in_group(np.empty((0, 3)), []).shape == (0,)
    assert np.isnan(nearest_in_group(np.ones((1, 3)))).tolist() == [True]
