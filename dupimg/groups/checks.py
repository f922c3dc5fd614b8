"""Check the arguments of the estimators; errors name the argument and the expected values."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data


def check_vectors(estimator: BaseEstimator, X: ArrayLike, *, reset: bool = True) -> NDArray:
    """Return vectors as float32 or float64; check the number of columns unless `reset`.

    Finiteness is checked later, part by part, so that a memory map is never read as a whole.
    """
    return validate_data(
        estimator,
        X,
        reset=reset,
        dtype=[np.float64, np.float32],
        order="C",
        ensure_all_finite=False,
    )


def check_order(order: ArrayLike | None, n_rows: int, name: str) -> NDArray[np.int64]:
    """Return an order of all rows as an array; by default the rows as they are."""
    rows = np.arange(n_rows)
    if order is None:
        return rows
    checked = np.asarray(order)
    if not np.array_equal(np.sort(checked, axis=None), rows) or checked.shape != rows.shape:
        raise ValueError(
            f"Got {name}={order!r}, expected each of the row numbers 0 to {n_rows - 1} once, best "
            "first."
        )
    return checked.astype(np.int64)


def check_marks(marks: ArrayLike | None, n_rows: int, name: str) -> NDArray[np.bool_]:
    """Return marks of rows as an array; all False by default."""
    checked = np.zeros(n_rows, dtype=bool) if marks is None else np.asarray(marks)
    if checked.shape != (n_rows,) or checked.dtype != bool:
        raise ValueError(
            f"Got {name} of shape {checked.shape} and type {checked.dtype}, expected ({n_rows},) "
            "and bool."
        )
    return checked


def check_pairs(pairs: ArrayLike | None, n_rows: int, name: str) -> NDArray[np.int64]:
    """Return pairs of different rows as an array of shape (k, 2); none by default."""
    if pairs is None or np.size(pairs) == 0:
        return np.empty((0, 2), np.int64)
    checked = np.asarray(pairs)
    expected = f"expected pairs of different row numbers from 0 to {n_rows - 1}"
    is_int = np.issubdtype(checked.dtype, np.integer)
    if checked.ndim != 2 or checked.shape[1] != 2 or not is_int:
        got = f"{name} of shape {checked.shape} and type {checked.dtype}"
        raise ValueError(f"Got {got}, {expected}.")
    i, j = checked.T
    bad = np.flatnonzero((np.minimum(i, j) < 0) | (np.maximum(i, j) >= n_rows) | (i == j))
    if bad.size:
        raise ValueError(f"Got {name} with the pair {checked[bad[0]].tolist()}, {expected}.")
    return checked.astype(np.int64)
