"""What a second look at two similar photos says: one a copy of the other, or another moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.duplicates import DuplicateFinder

IDENTICAL_BYTES = "identical bytes"
IDENTICAL_PIXELS = "identical pixels"
COPY = "copy"
NEAR_DUPLICATE = "near duplicate"
SAME_SCENE = "same scene"


@dataclass(frozen=True, eq=False)
class SecondLook:
    """What became of the comparison of each of n photos with one other.

    Attributes
    ----------
    compared_with : ndarray of shape (n,), int64
        The keeper of a photo that is removed, the most similar photo of one that stays; -1 where
        no photo is similar enough to be compared.
    thumb_correlation : ndarray of shape (n,), float64
        Correlation of the two thumbnails; NaN where none were compared.
    verdicts : ndarray of shape (n,), str
        "identical bytes"; "identical pixels", as far as size, embedding and thumbnail show; "copy",
        by the thumbnails as a whole and in their parts; "near duplicate", from the threshold of
        duplicates on: bursts and brackets, for example; "same scene"; or "" where none were
        compared.
    other_rule_removes : ndarray of shape (n,), bool
        Whether the other rule for duplicates would remove the photo.
    """

    compared_with: NDArray[np.int64]
    thumb_correlation: NDArray[np.float64]
    verdicts: NDArray[np.str_]
    other_rule_removes: NDArray[np.bool_]


def take_second_look(
    finder: DuplicateFinder,
    vectors: NDArray[np.float32],
    thumbnails: NDArray[np.uint8],
    inverse: NDArray[np.int64],
    best: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> SecondLook:
    """Say of each photo what the other is that it is most like.

    Parameters
    ----------
    finder : DuplicateFinder
        Fitted on the contents, with thumbnails.
    vectors : ndarray of shape (k, d), float32
        Of k contents; byte-identical photos have one.
    thumbnails : ndarray of shape (k, size, size), uint8
    inverse : ndarray of shape (n,), int64
        The content of each photo.
    best : ndarray of shape (k,), int64
        The photo that stands for each content.
    sizes : ndarray of shape (k, 2), int64
        Width and height of each content in pixels.

    Returns
    -------
    SecondLook
    """
    photos = np.arange(len(inverse))
    other = np.where(
        finder.keepers_ == np.arange(len(best)), finder.nearest_index_, finder.keepers_
    )
    verdicts = _verdicts(finder, vectors, thumbnails, other, sizes)[inverse]
    compared_with = np.where(verdicts == "", -1, best[other[inverse]])
    correlation = finder.thumb_correlation_[inverse]
    # A photo of the same content is nearer than any other; it is the keeper unless that is of
    # another content.
    twin = _twins(inverse, best)
    stays = best[finder.keepers_[inverse]] == photos
    same_bytes = (twin >= 0) & (stays | (best[finder.keepers_[inverse]] == twin))
    return SecondLook(
        compared_with=np.where(same_bytes, twin, compared_with),
        thumb_correlation=np.where(same_bytes, 1.0, correlation),
        verdicts=np.where(same_bytes, IDENTICAL_BYTES, verdicts),
        other_rule_removes=best[finder.other_rule_keepers_[inverse]] != photos,
    )


def _verdicts(
    finder: DuplicateFinder,
    vectors: NDArray[np.float32],
    thumbnails: NDArray[np.uint8],
    other: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> NDArray[np.str_]:
    """Judge each content and the other one that it was compared with."""
    rows = np.arange(len(other))
    cosines = np.where(finder.keepers_ == rows, finder.nearest_cosine_, finder.cosine_to_keeper_)
    same_pixels = np.fromiter(
        (
            np.array_equal(sizes[i], sizes[j])
            and np.array_equal(vectors[i], vectors[j])
            and np.array_equal(thumbnails[i], thumbnails[j])
            for i, j in zip(rows, other, strict=True)
        ),
        bool,
    )
    return np.select(
        [
            np.isnan(finder.thumb_correlation_),
            same_pixels,
            finder.is_copy_,
            cosines >= finder.threshold,
        ],
        ["", IDENTICAL_PIXELS, COPY, NEAR_DUPLICATE],
        default=SAME_SCENE,
    )


def _twins(inverse: NDArray[np.int64], best: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return another photo of the same content, the best one if it is another; -1 without."""
    photos = np.arange(len(inverse))
    twins = best[inverse]
    others = photos != twins
    first_other = np.full(len(best), -1)
    # Backwards, so that the first photo of a content is written last.
    first_other[inverse[others][::-1]] = photos[others][::-1]
    return np.where(others, twins, first_other[inverse])
