"""What a second look at two similar photos says: one a copy of the other, or another moment."""

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
    """What laying n pictures over others says; NaN where that was not done.

    Attributes
    ----------
    overlap : ndarray of shape (n,), float64
        Share of the picture that the other one covers.
    difference : ndarray of shape (n,), float64
        Share of what overlaps, and is not plain, that shows something else.
    """

    overlap: NDArray[np.float64]
    difference: NDArray[np.float64]

    @classmethod
    def of(cls, values: Sequence[tuple[float, float] | None]) -> Laid:
        """Return overlaps and differences of n pictures; None where they are not known."""
        known = [(np.nan, np.nan) if value is None else value for value in values]
        return cls(*np.array(known, np.float64).reshape(-1, 2).T)


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
        "identical bytes"; "identical pixels", all of which were compared; "copy"; "cropped copy",
        one is a part of the other; "edited copy", a part differs; "near duplicate", from the
        threshold of duplicates on: bursts and brackets, for example; "same scene"; or "" where none
        were compared.
    laid : Laid
        What laying the one picture over the other says of each photo.
    shared_details : ndarray of shape (n,), float64
        How many matched details the two share; NaN where these were not looked for.
    """

    compared_with: NDArray[np.int64]
    thumb_correlation: NDArray[np.float64]
    verdicts: NDArray[np.str_]
    laid: Laid
    shared_details: NDArray[np.float64]

    def with_details(self, counts: DetailCounts, numbers: NDArray[np.int64]) -> SecondLook:
        """Return it with the details that were counted since.

        Parameters
        ----------
        counts : DetailCounts
        numbers : ndarray of shape (n,), int64
            What `counts` calls each photo.
        """
        others = np.where(self.compared_with < 0, -1, numbers[self.compared_with])
        found = counts.of(numbers, others)
        shared = np.where(np.isnan(found), self.shared_details, found)
        return replace(self, shared_details=shared)


def compared_rows(finder: DuplicateFinder) -> NDArray[np.int64]:
    """Return for each row of a fitted finder the other that it is compared with.

    Returns
    -------
    ndarray of shape (k,), int64
        The keeper of a row that goes, the most similar one of a row that stays; -1 for the only
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
    """Say of each photo what the other is that it is most like.

    Parameters
    ----------
    finder : DuplicateFinder
        Fitted on k contents, with thumbnails; byte-identical photos have one content.
    inverse : ndarray of shape (n,), int64
        The content of each photo.
    best : ndarray of shape (k,), int64
        The photo that stands for each content.
    same_pixels : ndarray of shape (k,), bool
        Whether each content has the pixels of the one that it is compared with, see
        `compared_rows`.
    copies : ndarray of shape (k,), str
        "copy", "cropped copy", "edited copy" or "": what the two are to each other.
    laid : Laid
        Of each content and the one that it is compared with.
    details : DetailCounts
        Of contents.

    Returns
    -------
    SecondLook
    """
    photos = np.arange(len(inverse))
    verdicts = _verdicts(finder, same_pixels, copies)[inverse]
    others = compared_rows(finder)
    compared_with = np.where(verdicts == "", -1, best[others[inverse]])
    correlation = finder.thumb_correlation_[inverse]
    # A photo of the same content is nearer than any other; it is the keeper unless that is of
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
    """Judge each content and the other one that it was compared with."""
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
    """Return another photo of the same content, the best one if it is another; -1 without."""
    photos = np.arange(len(inverse))
    twins = best[inverse]
    others = photos != twins
    first_other = np.full(len(best), -1)
    # Backwards, so that the first photo of a content is written last.
    first_other[inverse[others][::-1]] = photos[others][::-1]
    return np.where(others, twins, first_other[inverse])
