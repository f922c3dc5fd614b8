"""Give verdicts on pairs of similar photos: copies, near duplicates or the same scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.detail_counts import DetailCounts
from dupimg.groups.duplicates import DuplicateFinder

IDENTICAL_BYTES = "identical bytes"
IDENTICAL_PIXELS = "identical pixels"
NEAR_DUPLICATE = "near duplicate"
SAME_SCENE = "same scene"


@dataclass(frozen=True, eq=False)
class Laid:
    """Results of aligning n pictures with others; NaN for pictures that were not aligned.

    Attributes
    ----------
    overlap : ndarray of shape (n,), float64
        Share of the picture that the other covers.
    difference : ndarray of shape (n,), float64
        Share of the textured overlap that differs.
    """

    overlap: NDArray[np.float64]
    difference: NDArray[np.float64]

    @classmethod
    def of(cls, values: Sequence[tuple[float, float] | None]) -> Laid:
        """Build from overlaps and differences of n pictures; None if unknown."""
        known = [(np.nan, np.nan) if value is None else value for value in values]
        return cls(*np.array(known, np.float64).reshape(-1, 2).T)


@dataclass(frozen=True, eq=False)
class SecondLook:
    """The comparison of each of n photos with one other photo.

    Attributes
    ----------
    compared_with : ndarray of shape (n,), int64
        The keeper of a removed photo, or the most similar photo of one that stays; -1 if no photo
        is similar enough.
    thumb_correlation : ndarray of shape (n,), float64
        Correlation of the two thumbnails; NaN if they were not compared.
    verdicts : ndarray of shape (n,), str
        "identical bytes"; "identical pixels" (all were compared); "copy"; "cropped copy" (one is a
        part of the other); "edited copy" (a part differs); "near duplicate" (from the threshold of
        duplicates on, such as bursts and brackets); "same scene"; or "" without a comparison.
    laid : Laid
        The result of aligning the two pictures.
    shared_details : ndarray of shape (n,), float64
        Number of matched details of the two; NaN if these were not searched.
    """

    compared_with: NDArray[np.int64]
    thumb_correlation: NDArray[np.float64]
    verdicts: NDArray[np.str_]
    laid: Laid
    shared_details: NDArray[np.float64]

    def with_details(self, counts: DetailCounts, numbers: NDArray[np.int64]) -> SecondLook:
        """Return the second look with more counts of details.

        Parameters
        ----------
        counts : DetailCounts
        numbers : ndarray of shape (n,), int64
            The index of each photo in `counts`.
        """
        others = np.where(self.compared_with < 0, -1, numbers[self.compared_with])
        found = counts.of(numbers, others)
        shared = np.where(np.isnan(found), self.shared_details, found)
        return replace(self, shared_details=shared)


def compared_rows(finder: DuplicateFinder) -> NDArray[np.int64]:
    """Return the row to compare with each row of a fitted finder.

    Returns
    -------
    ndarray of shape (k,), int64
        The keeper of a row that goes, or the most similar row of one that stays; -1 for the only
        row.
    """
    stays = finder.keepers_ == np.arange(len(finder.keepers_))
    return np.where(stays, finder.nearest_index_, finder.keepers_)


def take_second_look(
    finder: DuplicateFinder,
    inverse: NDArray[np.int64],
    best: NDArray[np.int64],
    *,
    same_pixels: NDArray[np.bool_],
    copies: NDArray[np.str_],
    laid: Laid,
    details: DetailCounts,
) -> SecondLook:
    """Give each photo a verdict on its most similar photo.

    Parameters
    ----------
    finder : DuplicateFinder
        Fitted on k contents, with thumbnails; byte-identical photos have one content.
    inverse : ndarray of shape (n,), int64
        The content of each photo.
    best : ndarray of shape (k,), int64
        The photo that represents each content.
    same_pixels : ndarray of shape (k,), bool
        Whether each content has the same pixels as the one compared with it, see
        `compared_rows`.
    copies : ndarray of shape (k,), str
        "copy", "cropped copy", "edited copy" or "", for the two contents.
    laid : Laid
        The alignment of each content with the one compared with it.
    details : DetailCounts
        Numbers of matched details of pairs of contents.

    Returns
    -------
    SecondLook
    """
    photos = np.arange(len(inverse))
    verdicts = _verdicts(finder, same_pixels, copies)[inverse]
    others = compared_rows(finder)
    compared_with = np.where(verdicts == "", -1, best[others[inverse]])
    correlation = finder.thumb_correlation_[inverse]
    # A photo of the same content is the nearest; it is also the keeper, unless the keeper has
    # another content.
    twin = _twins(inverse, best)
    stays = best[finder.keepers_[inverse]] == photos
    same_bytes = (twin >= 0) & (stays | (best[finder.keepers_[inverse]] == twin))
    unknown = same_bytes | (compared_with < 0)
    shared = details.of(np.arange(len(best)), others)[inverse]
    return SecondLook(
        compared_with=np.where(same_bytes, twin, compared_with),
        thumb_correlation=np.where(same_bytes, 1.0, correlation),
        verdicts=np.where(same_bytes, IDENTICAL_BYTES, verdicts),
        laid=Laid(
            np.where(same_bytes, 1.0, np.where(unknown, np.nan, laid.overlap[inverse])),
            np.where(same_bytes, 0.0, np.where(unknown, np.nan, laid.difference[inverse])),
        ),
        shared_details=np.where(unknown, np.nan, shared),
    )


def _verdicts(
    finder: DuplicateFinder, same_pixels: NDArray[np.bool_], copies: NDArray[np.str_]
) -> NDArray[np.str_]:
    """Return the verdict on each content and the one compared with it."""
    stays = finder.keepers_ == np.arange(len(finder.keepers_))
    cosines = np.where(stays, finder.nearest_cosine_, finder.cosine_to_keeper_)
    return np.select(
        [
            same_pixels,
            copies != "",
            np.isnan(finder.thumb_correlation_),
            cosines >= finder.threshold,
        ],
        [IDENTICAL_PIXELS, copies, "", NEAR_DUPLICATE],
        default=SAME_SCENE,
    )


def _twins(inverse: NDArray[np.int64], best: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return another photo with the same content, the best one if possible, or -1."""
    photos = np.arange(len(inverse))
    twins = best[inverse]
    others = photos != twins
    first_other = np.full(len(best), -1)
    # Reversed, so that the first photo of a content overwrites the others.
    first_other[inverse[others][::-1]] = photos[others][::-1]
    return np.where(others, twins, first_other[inverse])
