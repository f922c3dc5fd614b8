"""Find proof that two similar photos are different pictures, before details are compared."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.whole_pictures import WholePictures
from dupimg.files.photos import Photo
from dupimg.files.picture_pairs import have_one_shape
from dupimg.files.whole import Whole
from dupimg.groups.thumbnails import differ_by_a_curve

# Reasons to keep a photo that looks like another; see `dupimg.plans.reasons.spared_reason`.
FRAMES, TIMING, TRANSPARENCY = "frames", "timing", "transparency"
TIME, EXPOSURE = "time", "exposure"
RAW, PLAIN, UNREAD, UNPROVEN = "raw", "plain", "unread", "unproven"
EDITED, BRIGHTNESS, COLOUR, WHOLE = "edited", "brightness", "colour", "whole"

# Programs round times to milliseconds.
_SAME_MOMENT = timedelta(milliseconds=1)

# Largest ratio of exposure times, f-numbers and ISO values that rounding explains (1/60 is written
# as 0.016 and 0.01667; a third of a stop is 1.26), and largest difference of biases in stops.
_SAME_RATIO, _SAME_BIAS = 1.06, 0.1

# Grey levels between the darkest and the lightest cell of a thumbnail: with fewer, a picture is
# blank, and any content is too faint to be compared.
_PLAIN_RANGE = 16

# Longer side in pixels up to which a preview shows as much as the picture.
_SEEN_SMALL = 256

# Mean difference in grey levels of the thumbnails of a JPEG, which its decoder reduces, and of
# the same pixels in another format: 0.1 to 1.2 measured.
_NEAR_LEVELS = 4
_REDUCED_BY_DECODER = frozenset({"JPEG", "MPO"})


def shown_to_be_another(photo: Photo, keeper: Photo) -> str | None:
    """Return why the metadata of two photos forbids that one goes in favour of the other.

    Parameters
    ----------
    photo, keeper : Photo
        The pixels of both are not identical.

    Returns
    -------
    str or None
        "frames": one has more frames or pages; "raw": the photo is a raw file, and the other is
        not; "time", "exposure": EXIF says that they are two shots; None: no reason.
    """
    if photo.traits.frames != keeper.traits.frames:
        return FRAMES
    if photo.traits.is_raw and not keeper.traits.is_raw:
        return RAW
    if _have_other_times(photo, keeper):
        return TIME
    return EXPOSURE if _have_other_exposures(photo, keeper) else None


def is_one_exposure(photo: Photo, other: Photo) -> bool:
    """Return whether two files that differ in brightness cannot be frames of an exposure series.

    A camera writes the exposure into each frame. So one file is made from the other if both state
    the same exposure, or if only one states any.
    """
    one, two = photo.traits, other.traits
    is_one_moment = photo.taken_from == other.taken_from == "exif" and not _have_other_times(
        photo, other
    )
    if one.is_raw != two.is_raw:  # each program develops a raw file in its own way
        return is_one_moment
    if not (one.camera and two.camera):
        return bool(one.camera) != bool(two.camera)
    return is_one_moment and None not in one.exposure[:3] and one.exposure == two.exposure


def _have_other_times(photo: Photo, keeper: Photo) -> bool:
    """Return whether cameras have written different times into two photos.

    A time from elsewhere says nothing: a copy may have been sent or edited later.
    """
    if photo.taken_from != "exif" or keeper.taken_from != "exif":
        return False
    first, second = photo.taken_at, keeper.taken_at
    if not (first.microsecond and second.microsecond):  # programs drop the fraction
        first, second = first.replace(microsecond=0), second.replace(microsecond=0)
    return not any(_is_same_moment(*pair) for pair in _comparable(first, second))


def _comparable(first: datetime, second: datetime) -> list[tuple[datetime, datetime]]:
    """Return the pairs of local times and, if both are known, of UTC times: copies keep either."""
    local = first.replace(tzinfo=None), second.replace(tzinfo=None)
    return [local] if first.tzinfo is None or second.tzinfo is None else [local, (first, second)]


def _is_same_moment(first: datetime, second: datetime) -> bool:
    return abs(first - second) < _SAME_MOMENT


def _have_other_exposures(photo: Photo, keeper: Photo) -> bool:
    """Return whether one camera has written different exposures into two photos.

    Values that are missing in either file are ignored.
    """
    if not photo.traits.camera or photo.traits.camera != keeper.traits.camera:
        return False
    *ratios, biases = zip(photo.traits.exposure, keeper.traits.exposure, strict=True)
    return any(map(_is_other_ratio, *zip(*ratios, strict=True))) or _is_other_bias(*biases)


def _is_other_ratio(first: float | None, second: float | None) -> bool:
    if first is None or second is None or min(first, second) <= 0:
        return False
    return max(first, second) > _SAME_RATIO * min(first, second)


def _is_other_bias(first: float | None, second: float | None) -> bool:
    return first is not None and second is not None and abs(first - second) > _SAME_BIAS


class Pixels:
    """Compares the full pixels of pairs of contents where thumbnails cannot decide.

    Parameters
    ----------
    photos : sequence of Photo, of length k
        A photo of each content.
    thumbnails : ndarray of shape (k, side, side), uint8
    wholes : WholePictures or None
        Without it, no files are read.
    """

    def __init__(
        self,
        photos: Sequence[Photo],
        thumbnails: NDArray[np.uint8],
        wholes: WholePictures | None,
    ) -> None:
        self._photos = photos
        self._thumbnails = thumbnails
        self._wholes = wholes

    def identical(self, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Return the pairs with identical pixels, by a comparison of all pixels.

        A file is read only if sizes, frames and thumbnails agree.
        """
        wholes = self._read([pair for pair in pairs if self._may_be_identical(*pair)])
        return {
            pair
            for pair, (one, other) in wholes.items()
            if one is not None and other is not None and one.has_pixels_of(other)
        }

    def doubts(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
        """Return the reasons to keep the second content of pairs without identical pixels.

        Parameters
        ----------
        pairs : sequence of (int, int)
            The content that would stay, and the one that would go.
        """
        doubts = {}
        for keeper, i in pairs:
            if (doubt := shown_to_be_another(self._photos[i], self._photos[keeper])) is not None:
                doubts[keeper, i] = doubt
        left = [pair for pair in pairs if pair not in doubts]
        wholes = self._read([pair for pair in left if any(map(self._has_more, pair))])
        for pair, (one, other) in wholes.items():
            if one is None or other is None:
                doubts[pair] = UNREAD
            elif not one.has_frames_of(other):
                doubts[pair] = FRAMES
            elif not one.has_timing_of(other):
                doubts[pair] = TIMING
            elif not one.has_transparency_of(other):
                doubts[pair] = TRANSPARENCY
        plain = (pair for pair in left if any(map(self._is_plain, pair)))
        return dict.fromkeys(plain, PLAIN) | doubts

    def brightened(self, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
        """Return the pairs whose second picture is the first with another brightness.

        A file is read only if shapes, frames and thumbnails agree.
        """
        if self._wholes is None:
            return set()
        left = {
            (self._photos[i].digest, self._photos[j].digest): (i, j)
            for i, j in pairs
            if self._have_one_shape(i, j)
            and differ_by_a_curve(self._thumbnails[i], self._thumbnails[j])
        }
        return {left[pair] for pair in self._wholes.brightened(left)}

    def differing(self, pairs: Sequence[tuple[int, int]]) -> dict[tuple[int, int], bool | None]:
        """Return whether copies differ in a spot that their previews do not show.

        Only pairs of one shape are compared, and only if they are larger than their previews;
        other pairs are missing from the result. None means unknown.
        """
        if self._wholes is None:
            return {}
        left = {
            (self._photos[i].digest, self._photos[j].digest): (i, j)
            for i, j in pairs
            if self._have_one_shape(i, j)
            and (min(map(self._longer_side, (i, j))) > _SEEN_SMALL or self._has_pages(i))
        }
        return {left[pair]: answer for pair, answer in self._wholes.differing(left).items()}

    def _read(
        self, pairs: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], tuple[Whole | None, Whole | None]]:
        if self._wholes is None:
            return dict.fromkeys(pairs, (None, None))
        digests = {pair: tuple(self._photos[i].digest for i in pair) for pair in pairs}
        wholes = self._wholes.of(digest for both in digests.values() for digest in both)
        return {pair: (wholes[one], wholes[other]) for pair, (one, other) in digests.items()}

    def _may_be_identical(self, i: int, j: int) -> bool:
        is_reduced = {self._photos[n].traits.format in _REDUCED_BY_DECODER for n in (i, j)}
        if not self._have_one_size(i, j):
            return False
        difference = np.abs(self._thumbnails[i].astype(np.int16) - self._thumbnails[j]).mean()
        return bool(difference <= (_NEAR_LEVELS if len(is_reduced) > 1 else 0))

    def _have_one_size(self, i: int, j: int) -> bool:
        both = (self._photos[i], self._photos[j])
        return len({(p.width, p.height, p.traits.frames) for p in both}) == 1

    def _have_one_shape(self, i: int, j: int) -> bool:
        one, other = self._photos[i], self._photos[j]
        is_one = have_one_shape((one.width, one.height), (other.width, other.height))
        return is_one and one.traits.frames == other.traits.frames

    def _longer_side(self, i: int) -> int:
        return max(self._photos[i].width, self._photos[i].height)

    def _has_pages(self, i: int) -> bool:
        return self._photos[i].traits.frames > 1

    def _has_more(self, i: int) -> bool:
        """Return whether a content has frames or transparency that its thumbnail lacks."""
        traits = self._photos[i].traits
        return traits.frames > 1 or traits.has_alpha

    def _is_plain(self, i: int) -> bool:
        return int(np.ptp(self._thumbnails[i])) < _PLAIN_RANGE
