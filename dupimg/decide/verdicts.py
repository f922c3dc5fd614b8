"""Give each photo a verdict on its most similar photo, from the evidence on the pair."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.proof import Proof
from dupimg.groups.detail_counts import DetailCounts
from dupimg.groups.duplicates import DuplicateFinder
from dupimg.groups.second_look import Laid, SecondLook, compared_rows, take_second_look


def find_verdicts(
    finder: DuplicateFinder,
    best_first: NDArray[np.int64],
    inverse: NDArray[np.int64],
    best: NDArray[np.int64],
    proof: Proof,
    details: DetailCounts,
) -> SecondLook:
    """Compare each photo with its most similar one at full size, and give a verdict.

    Parameters
    ----------
    finder : DuplicateFinder
        Fitted on k contents, with the proven keepers.
    best_first : ndarray of shape (k,), int64
        The contents, best keeper first.
    inverse, best
        See `take_second_look`.
    proof : Proof
        Proof for these contents.
    details : DetailCounts
        Matched details of the pairs of contents that were compared.

    Returns
    -------
    SecondLook
    """
    rank = np.argsort(best_first)
    others = compared_rows(finder)
    goes = finder.keepers_ != np.arange(len(others))  # maybe in favour of one of a lower rank
    pairs = [
        (int(j), int(i)) if goes[i] or rank[j] < rank[i] else (int(i), int(j))
        for i, j in enumerate(others)
    ]
    judged = finder.is_copy_
    if proof.compares_details:
        judged = judged | goes
    compared = ~np.isnan(finder.thumb_correlation_)
    identical = proof.identical([pairs[i] for i in np.flatnonzero(compared)])
    proof.of([pairs[i] for i in np.flatnonzero(judged)])
    return take_second_look(
        finder,
        inverse,
        best,
        same_pixels=np.array([pair in identical for pair in pairs], dtype=np.bool_),
        copies=np.array([proof.verdict(pair) for pair in pairs], dtype=np.str_),
        laid=Laid.of([proof.laid(i, j) for i, j in enumerate(others.tolist())]),
        details=details,
    )
