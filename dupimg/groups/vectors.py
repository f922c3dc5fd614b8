"""Check the input vectors of an estimator."""

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
