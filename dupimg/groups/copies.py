"""Align two pictures and judge whether they are copies, crops or edits of each other.

Pictures are aligned frame on frame, or by the affine map of their matched details, and compared
where they overlap: by the correlation of windows, by brightness and by colours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.colour_changes import MOST_OTHER_COLOUR, other_colour
from dupimg.groups.details import Details, match_details
from dupimg.groups.overlays import (
    WINDOW,
    Affine,
    Overlay,
    compare_windows,
    frame_of,
    well_inside,
)
from dupimg.groups.pictures import Picture
from dupimg.opencv import opencv

COPY = "copy"
CROPPED_COPY = "cropped copy"
EDITED_COPY = "edited copy"

# Fewest matched details for a map, and enough of them to be sure of the orientation.
_FEWEST_DETAILS, _ENOUGH_DETAILS = 8, 24

# Most steps and least gain in correlation when a map is refined, and the largest share of differing
# windows that is worth refining.
_REFINING, _WORTH_REFINING = (30, 1e-4), 0.1

# Maps this close, in units of the longer side, are the same: 0.6 of 512 pixels.
_SAME_PLACE = 0.0012

# Largest shares of differing windows and of other colours in an edited copy.
_MOST_EDITED, _MOST_EDITED_COLOUR = 0.25, 0.15

# Largest share of differing windows in a copy: copies of 96 photos, recompressed, resized, cropped,
# turned, with bars or in a screenshot, have up to 0.03 % of them; forms filled in differently 0.4 %
# and more.
_MOST_DIFFERING = 0.001

# Least share of textured windows; with fewer there is nothing to compare.
_LEAST_TEXTURE = 0.02

# Largest difference of the brightness of a copy in grey levels (a third of a stop is 20), and
# largest ratio of contrasts: dark frames of an exposure series only differ in contrast.
_MOST_OTHER_TONE, _MOST_OTHER_CONTRAST = 3.0, 1.12

# Largest stretch of one axis of a copy relative to the other.
_MOST_SHEAR = 1.35

# A picture lies within the other one if at least this share is covered.
_WITHIN = 0.96

# Smallest share of a picture that counts as a crop of it.
_LEAST_PART = 0.2

# An edited copy differs in one part only, such as a caption or a watermark: largest share of that
# part, and least share of the differing windows in it.
_LARGEST_EDIT, _LEAST_IN_EDIT = 0.35, 0.9

# Bars around a picture: least share of one grey level, its tolerance, and the least share of the
# edge with a jump of grey levels. A cropped sky or wall continues inside without a jump.
# Without a jump they may only be bars if their grey is more uniform than anything photographed.
_ONE_GREY, _SAME_GREY, _EDGE = 0.6, 8, 0.5
_ALL_ONE_GREY, _VERY_SAME_GREY = 0.6, 1

# Tolerance of the aspect ratio for pictures with the same frame.
_SAME_RATIO = 0.03


@dataclass(frozen=True)
class CopyEvidence:
    """The comparison of two aligned pictures; all fields are floats, for storage in the cache.

    Attributes
    ----------
    covered, other_covered : float
        Shares of the first and of the second picture that the other covers.
    bars, other_bars : float
        1 if the uncovered part of the first or the second picture is bars or a screen, 0 if it is
        picture, 0.5 if it may be either, such as a black night.
    is_grey, other_is_grey : float
        1 if the first or the second picture has no colours, else 0.
    texture : float
        Share of the overlap with texture.
    differing : float
        Share of the texture that differs.
    edited : float
        Share of the overlap that holds nearly all differences.
    other_tone : float
        Difference of brightness in grey levels.
    other_contrast : float
        Ratio of contrasts, at least 1.
    other_colour : float
        Share of the overlap with colours that no global change explains.
    """

    covered: float = 0
    other_covered: float = 0
    bars: float = 0
    other_bars: float = 0
    is_grey: float = 0
    other_is_grey: float = 0
    texture: float = 0
    differing: float = 1
    edited: float = 1
    other_tone: float = 255
    other_contrast: float = 255
    other_colour: float = 1

    def swapped(self) -> CopyEvidence:
        """Return the evidence on the same pair in the other order."""
        return replace(
            self,
            covered=self.other_covered,
            other_covered=self.covered,
            bars=self.other_bars,
            other_bars=self.bars,
            is_grey=self.other_is_grey,
            other_is_grey=self.is_grey,
        )

    @property
    def verdict(self) -> str:
        """The relation of the two pictures.

        "copy", "cropped copy" (one is a part of the other), "edited copy" (a part differs), or ""
        for none of these.
        """
        if self.texture < _LEAST_TEXTURE or self.differing > _MOST_EDITED:
            return ""
        is_same = self.differing <= _MOST_DIFFERING
        within, around = self._is_within, self.swapped()._is_within
        if not (within or around):
            return ""
        if self.other_colour > (MOST_OTHER_COLOUR if is_same else _MOST_EDITED_COLOUR):
            return ""
        if not is_same:
            return EDITED_COPY if self.edited <= _LARGEST_EDIT else ""
        return COPY if within and around else CROPPED_COPY

    @property
    def is_brightened(self) -> bool:
        """Whether brightness differs, as it does in the frames of an exposure series."""
        return self.other_tone > _MOST_OTHER_TONE or self.other_contrast > _MOST_OTHER_CONTRAST

    @property
    def loses_colour(self) -> bool:
        """Whether the first picture is grey and the second is not."""
        return bool(self.is_grey and not self.other_is_grey)

    def may_go(self, *, brightened: bool = False, edited: bool = False) -> bool:
        """Whether the second picture may go in favour of the first one.

        Parameters
        ----------
        brightened : bool, default=False
            Whether its brightness may differ.
        edited : bool, default=False
            Whether it may be an edited copy.

        Notes
        -----
        A coloured picture does not go for a grey one, a whole not for a crop, and a picture not
        for one with bars or a screen around it.
        """
        return (
            self.verdict != ""
            and (edited or self.verdict != EDITED_COPY)
            and (brightened or not self.is_brightened)
            and not self.loses_colour
            and self._is_within
            and not (self.bars and self.other_bars < 1)
        )

    @property
    def _is_within(self) -> bool:
        """Whether the first picture shows all of the second."""
        if self.other_covered >= _WITHIN:
            return self.covered >= _LEAST_PART
        return self.other_bars == 1 and self.covered >= _WITHIN


NO_COPY = CopyEvidence()


def compare_copies(
    first: Picture, second: Picture, first_details: Details, second_details: Details
) -> CopyEvidence:
    """Align two pictures and compare them where they overlap.

    Parameters
    ----------
    first, second : Picture
    first_details, second_details : Details

    Returns
    -------
    CopyEvidence
        For the alignment with the least difference: frame on frame if both have one aspect ratio,
        or details on details.
    """
    return best_map(first, second, first_details, second_details)[0]


def best_map(
    first: Picture, second: Picture, first_details: Details, second_details: Details
) -> tuple[CopyEvidence, Affine | None]:
    """Return the evidence of `compare_copies`, and the map from the first picture to the second.

    The map is None if both pictures show something that the other one lacks.
    """
    best: tuple[CopyEvidence, Affine | None] = (NO_COPY, None)

    def laid(affine: Affine) -> CopyEvidence:
        nonlocal best
        found = _overlay(first, second, affine)
        if found.differing < best[0].differing:
            best = (found, affine)
        return found

    frames = _frames(first, second)
    for affine in frames:
        laid(affine)
    if best[0].differing <= _MOST_DIFFERING:
        return best
    for affine in _by_details(first_details, second_details):
        if any(_is_same_map(affine, frame) for frame in frames):
            continue
        if _MOST_DIFFERING < laid(affine).differing <= _WORTH_REFINING:
            for refined in _refined(first, second, affine):
                laid(refined)
    return best


def _frames(first: Picture, second: Picture) -> list[Affine]:
    """Return the map of frame on frame, if both have one aspect ratio."""
    ratio = frame_of(second) / frame_of(first)
    if abs(np.log(ratio[0] / ratio[1])) > _SAME_RATIO:
        return []
    return [np.column_stack([np.diag(ratio), np.zeros(2)])]


def _is_same_map(affine: Affine, frame: Affine) -> bool:
    """Return whether two maps agree within the accuracy of details."""
    corners = np.array([[0, 0, 1], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
    return bool(np.abs(corners @ (affine - frame).T).max() < _SAME_PLACE)


def _by_details(first: Details, second: Details) -> list[Affine]:
    """Return the map of details on details, if enough of them match, turned by 90° or not."""
    match = match_details(first, second)
    if match.n_details < _ENOUGH_DETAILS:
        turned = (match_details(first, second.turned(times)) for times in (1, 2, 3))
        match = max(match, *turned, key=lambda match: match.n_details)
    linear = match.affine[:, :2]
    stretch = np.linalg.svd(linear, compute_uv=False)
    # Mirrored details match on a symmetric face, too; the caller decides whether mirroring counts.
    if np.linalg.det(linear) <= 0 or stretch[0] > _MOST_SHEAR * stretch[1]:
        return []
    if match.n_details < _FEWEST_DETAILS:
        return []
    return [match.affine]


def _refined(first: Picture, second: Picture, affine: Affine) -> list[Affine]:
    """Return the nearby map with the highest correlation, if it can be found.

    Details align pictures to a pixel or two, which is too coarse for textures such as grass.
    """
    cv2 = opencv()
    pair = Overlay((first, second), "grey", affine)
    ending = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, *_REFINING)
    start = pair.affine.astype(np.float32)
    try:
        _, refined = cv2.findTransformECC(
            pair.here, pair.there, start, cv2.MOTION_AFFINE, ending, None, 5
        )
    except cv2.error:  # the search does not converge
        return []
    return [pair.points(refined)]


def _overlay(first: Picture, second: Picture, affine: Affine) -> CopyEvidence:
    """Compare two pictures under a map of points of the first to points of the second."""
    pair = Overlay((first, second), "grey", affine)
    here, inside, other_inside = pair.here, pair.inside(), pair.other_inside()
    seen = well_inside(inside)
    covered, other_covered = _share(inside), _share(other_inside)
    if max(covered, other_covered) < _WITHIN or not seen.any():
        return NO_COPY  # each shows something that the other lacks
    laid = pair.laid()
    texture, differing, edited = _differing_windows(here, laid, seen)
    found = CopyEvidence(
        covered, other_covered, texture=texture, differing=differing, edited=edited
    )
    if differing > (_MOST_DIFFERING if edited > _LARGEST_EDIT else _MOST_EDITED):
        return found  # already shown to be another picture
    mask = seen.astype(np.uint8)
    contrasts = sorted(float(opencv().meanStdDev(p, mask=mask)[1].item()) + 1 for p in (here, laid))
    return replace(
        found,
        bars=_bars(here, inside),
        other_bars=_bars(pair.there, other_inside),
        is_grey=float(first.is_grey),
        other_is_grey=float(second.is_grey),
        other_tone=abs(_median_difference(here[seen], laid[seen])),
        other_contrast=float(contrasts[1] / contrasts[0]),
        other_colour=other_colour(first, second, affine),
    )


def _share(mask: NDArray[np.uint8]) -> float:
    return float(opencv().countNonZero(mask) / mask.size)


def _median_difference(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Return the median of differences from their counts, which is faster than sorting."""
    below = np.cumsum(np.bincount(a.astype(np.int16) - b + 255))
    middle = np.searchsorted(below, [(len(a) + 1) // 2, len(a) // 2 + 1])
    return float(middle.mean()) - 255


def _differing_windows(
    here: NDArray[np.uint8], there: NDArray[np.uint8], seen: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """Return the shares of textured windows, of differing ones among them, and of their box."""
    textured, low = compare_windows(here, there, seen)
    n_textured = int(np.count_nonzero(textured))
    differing = int(np.count_nonzero(low)) / max(n_textured, 1)
    return n_textured / int(np.count_nonzero(seen)), differing, _box_share(low, seen)


def _box_share(low: NDArray[np.bool_], seen: NDArray[np.bool_]) -> float:
    """Return the share of the visible area in a box around nearly all differing windows."""
    rows, columns = np.nonzero(low)
    if not len(rows):
        return 0.0
    margin = (1 - _LEAST_IN_EDIT) / 2
    box = [np.quantile(places, [margin, 1 - margin]) for places in (rows, columns)]
    return float(np.prod([high - low + WINDOW for low, high in box]) / np.count_nonzero(seen))


def _bars(picture: NDArray[np.uint8], inside: NDArray[np.uint8]) -> float:
    """Return how surely the surroundings of a part are bars; see `CopyEvidence`."""
    around = _dilated(inside, 3) == 0
    if np.count_nonzero(around) < (1 - _WITHIN) / 2 * picture.size:
        return 0.0
    off = np.abs(picture[around] - float(np.median(picture[around])))
    if np.mean(off <= _SAME_GREY) >= _ONE_GREY and _step(picture, inside) >= _EDGE:
        return 1.0
    return 0.5 if np.mean(off <= _VERY_SAME_GREY) >= _ALL_ONE_GREY else 0.0


def _step(picture: NDArray[np.uint8], inside: NDArray[np.uint8]) -> float:
    """Return the share of the border of a part along which the picture has an edge, too.

    A map may be a pixel off, so a pixel on each side of the border is left out.
    """
    rings = (
        _dilated(inside, 5) - _dilated(inside, 1),
        _dilated(1 - inside, 5) - _dilated(1 - inside, 1),
    )
    cv2, window = opencv(), (9, 9)
    seen = [cv2.blur(ring.astype(np.float32), window) for ring in rings]
    means = [
        cv2.blur(picture * ring.astype(np.float32), window) / np.maximum(share, 1e-6)
        for ring, share in zip(rings, seen, strict=True)
    ]
    edge = (_dilated(inside, 1) > inside) & (seen[0] > 0.05) & (seen[1] > 0.05)
    return float(np.mean(np.abs(means[0] - means[1])[edge] > _SAME_GREY)) if edge.any() else 0.0


def _dilated(mask: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    return opencv().dilate(mask, np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8))
