"""Check the vectors that an estimator is given."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data


def check_vectors(estimator: BaseEstimator, X: ArrayLike, *, reset: bool = True) -> NDArray:
    """Return vectors as float32 or float64, as many columns as in `fit` unless `reset`.

    Whether they are finite is checked later, part by part: of a memory map, no more than a part
    is to be in memory.
    """
    return validate_data(
        estimator,
        X,
        reset=reset,
        dtype=[np.float64, np.float32],
        order="C",
        ensure_all_finite=False,
    )
