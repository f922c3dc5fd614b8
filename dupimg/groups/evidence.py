"""What two pictures show of one another: the same place, or the very same picture.

Pictures are laid over each other by the affine map of their matched details, or as they are, and
compared where they overlap: in windows by correlation, and by their colours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from dupimg.groups.details import Details, Match, match_details, opencv

# --- The same place -------------------------------------------------------------------------

# Of 3,500 pairs of unrelated photos one had so many matched details, and it shows one place.
_FEWEST_DETAILS = 8

# Before a white ground the details are those of a person or of a stand: there more of them are
# asked for, and the colours around them must agree.
_WHITE, _FEWEST_DETAILS_ON_WHITE = 0.2, 10

# Largest share of the overlap whose hue differs: anywhere, and on white.
_MOST_OTHER_HUE, _MOST_OTHER_HUE_ON_WHITE = 0.6, 0.15
_LEAST_LIGHT_CORRELATION_ON_WHITE = 0.7

# Matched details that all lie in less than this share of a picture are those of a logo or a date,
# and not of a place: of pairs of one place 3 % have less.
_LEAST_SPREAD = 0.015

# Details in this margin of both pictures are those of a border or of the frame of an app.
_FRAME = 0.12

# Pictures whose details lie at the same places may share no more than a watermark, a border or the
# frame of an app. Then their middles (without this share on each side) must correlate, too.
_SAME_PLACES, _MARGIN, _LEAST_LIGHT_CORRELATION = 0.02, 0.16, 0.5

# --- The same picture ------------------------------------------------------------------------

# Side in pixels of the windows that are compared, and standard deviation of the blur before.
_WINDOW, _BLUR = 13, 1.0

# Grey levels: windows with less contrast are plain; a difference needs more.
_PLAIN, _CLEAR = 4.0, 8.0

# A window with a lower correlation shows something else.
_LEAST_CORRELATION = 0.3

# Largest share of such windows in a copy. Recompressed, resized, cropped and turned copies have
# up to 0.8 % of them (19 of 20), forms filled in differently 1 % and more.
_MOST_DIFFERING = 0.008

# A picture with fewer windows that are not plain has nothing to compare.
_LEAST_TEXTURE = 0.02

# Grey levels by which the brightness of a copy may differ: a third of a stop is 20.
_MOST_OTHER_TONE = 6.0

# Share of the cells of a copy whose color no change of white balance, brightness or saturation
# explains: at most 2.6 % after the strongest compression, 5 % and more for another shirt.
_MOST_OTHER_COLOUR = 0.03

# Side of the grid of cells whose colours are compared.
CELLS = 32

# Largest stretch of one axis of a copy against the other.
_MOST_SHEAR = 1.35

# A copy covers at least this share of one of the two pictures.
_LEAST_OVERLAP = 0.6

# Sides whose ratios differ by less are of pictures with one frame.
_SAME_RATIO = 0.03


@dataclass(frozen=True, eq=False)
class Picture:
    """A small picture of a photo, upright.

    Attributes
    ----------
    grey : ndarray of shape (height, width), uint8
    colours : ndarray of shape (32, 32, 3), uint8
        The whole photo in RGB, squashed to a square.
    white : float
        Share of its pixels that are white.
    """

    grey: NDArray[np.uint8]
    colours: NDArray[np.uint8]
    white: float

    @property
    def mirrored(self) -> Picture:
        """The same picture with left and right exchanged."""
        grey, colours = (np.ascontiguousarray(p[:, ::-1]) for p in (self.grey, self.colours))
        return Picture(grey, colours, self.white)


@dataclass(frozen=True)
class PlaceEvidence:
    """What matched details say of two photos; all numbers are floats, to be kept as such.

    Attributes
    ----------
    n_details : float
        Number of matched details, but for those in the margins of both.
    spread : float
        Share of the picture in which they lie, of the picture with the smaller share.
    other_hue : float
        Share of the overlap in which hues differ, white ground left out.
    light_correlation : float
        Of the overlap, white ground left out.
    white : float
        Share of white in the picture that has less of it.
    middle_correlation : float
        Correlation of the middles of the pictures if all details lie at the same places in both,
        else 1.
    """

    n_details: float = 0
    spread: float = 0
    other_hue: float = 1
    light_correlation: float = 0
    white: float = 0
    middle_correlation: float = 1

    @property
    def is_same_place(self) -> bool:
        """Whether the photos show one place, thing or person in one outfit."""
        if self.n_details < _FEWEST_DETAILS or self.spread < _LEAST_SPREAD:
            return False
        if self.middle_correlation < _LEAST_LIGHT_CORRELATION:
            return False
        if self.white < _WHITE:
            return self.other_hue <= _MOST_OTHER_HUE
        return (
            self.n_details >= _FEWEST_DETAILS_ON_WHITE
            and self.other_hue <= _MOST_OTHER_HUE_ON_WHITE
            and self.light_correlation >= _LEAST_LIGHT_CORRELATION_ON_WHITE
        )


@dataclass(frozen=True)
class CopyEvidence:
    """What laying one picture over the other says; all numbers are floats, to be kept as such.

    Attributes
    ----------
    overlap : float
        Share of the smaller picture that the other covers.
    texture : float
        Share of the overlap that is not plain.
    differing : float
        Share of that which shows something else.
    other_tone : float
        Median difference of brightness, in grey levels.
    other_colour : float
        Share of the overlap whose colours no global change explains.
    lost_colour : float
        1 if the first picture is grey and the second has colours.
    """

    overlap: float = 0
    texture: float = 0
    differing: float = 1
    other_tone: float = 255
    other_colour: float = 1
    lost_colour: float = 0

    @property
    def is_copy(self) -> bool:
        """Whether the second picture may go in favour of the first one."""
        return (
            self.overlap >= _LEAST_OVERLAP
            and self.texture >= _LEAST_TEXTURE
            and self.differing <= _MOST_DIFFERING
            and self.other_tone <= _MOST_OTHER_TONE
            and self.other_colour <= _MOST_OTHER_COLOUR
            and not self.lost_colour
        )


def compare_places(first: Picture, second: Picture, match: Match) -> PlaceEvidence:
    """Look at what the matched details of two photos lie on.

    Parameters
    ----------
    first, second : Picture
    match : Match
        Of their details.

    Returns
    -------
    PlaceEvidence
    """
    if match.n_details < _FEWEST_DETAILS:
        return PlaceEvidence(match.n_details)
    n_inside = _count_inside(match, first, second)
    if n_inside < _FEWEST_DETAILS:
        return PlaceEvidence(n_inside)
    cv2 = opencv()
    spread = min(_spread(match.places[:, :2], first), _spread(match.places[:, 2:], second))
    here, there, seen = _overlaid_cells(first, second, match.affine)
    lab = [cv2.cvtColor(c.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for c in (here, there)]
    ground = np.logical_and(*((c[..., 0] > 92) & (np.hypot(c[..., 1], c[..., 2]) < 8) for c in lab))
    a, b = (c[seen & ~ground] for c in lab)
    white, middle = min(first.white, second.white), _middle_correlation(lab[0], lab[1], match)
    if len(a) < _FEWEST_DETAILS:
        return PlaceEvidence(n_inside, spread, white=white, middle_correlation=middle)
    shift = b[:, 1:] - a[:, 1:]
    shift -= np.median(shift, axis=0)
    other_hue = float(np.mean(np.hypot(*shift.T) > 15))
    light = _correlation(a[:, 0], b[:, 0])
    return PlaceEvidence(n_inside, spread, other_hue, light, white, middle)


def _count_inside(match: Match, first: Picture, second: Picture) -> int:
    """Count the matched details that do not lie in the margins of both pictures."""
    is_inside = np.zeros(match.n_details, dtype=bool)
    for picture, places in ((first, match.places[:, :2]), (second, match.places[:, 2:])):
        height, width = np.array(picture.grey.shape) / max(picture.grey.shape)
        shares = places / [width, height]
        is_inside |= (np.minimum(shares, 1 - shares) > _FRAME).all(axis=1)
    return int(np.count_nonzero(is_inside))


def _middle_correlation(
    here: NDArray[np.float32], there: NDArray[np.float32], match: Match
) -> float:
    """Correlate the middles of pictures whose details lie at the same places; 1 for others."""
    moved = np.abs(match.places[:, :2] - match.places[:, 2:])
    if np.median(moved.max(axis=1)) > _SAME_PLACES:
        return 1.0
    margin = round(_MARGIN * CELLS)
    middle = slice(margin, CELLS - margin)
    return _correlation(here[middle, middle, 0].ravel(), there[middle, middle, 0].ravel())


def compare_copies(
    first: Picture, second: Picture, first_details: Details, second_details: Details
) -> CopyEvidence:
    """Lay two pictures over each other and compare them where they overlap.

    Parameters
    ----------
    first, second : Picture
    first_details, second_details : Details

    Returns
    -------
    CopyEvidence
        Of the map under which they differ least: frame on frame, where both have one aspect
        ratio, or details on details.
    """
    found = [_overlay(first, second, affine) for affine in _frames(first, second)]
    if not found or not found[0].is_copy:
        match = match_details(first_details, second_details)
        stretch = np.linalg.svd(match.affine[:, :2], compute_uv=False)
        if match.n_details >= _FEWEST_DETAILS and stretch[0] <= _MOST_SHEAR * stretch[1]:
            found.append(_overlay(first, second, match.affine))
    return min(found, key=lambda evidence: evidence.differing, default=CopyEvidence())


def _frames(first: Picture, second: Picture) -> list[NDArray[np.float64]]:
    """Return the map of frame on frame, if both have one aspect ratio."""
    sides = [np.array(p.grey.shape[::-1]) / max(p.grey.shape) for p in (first, second)]
    ratio = sides[1] / sides[0]
    if abs(np.log(ratio[0] / ratio[1])) > _SAME_RATIO:
        return []
    return [np.column_stack([np.diag(ratio), np.zeros(2)])]


def _overlay(first: Picture, second: Picture, affine: NDArray[np.float64]) -> CopyEvidence:
    """Compare two pictures under a map of points of the first to points of the second."""
    cv2 = opencv()
    # At the resolution of the coarser one: what the finer one has beyond that is no difference.
    scale = np.sqrt(abs(np.linalg.det(affine[:, :2]))) * max(second.grey.shape)
    scale /= max(first.grey.shape)
    here = _reduced(first.grey, min(1.0, scale))
    there = _reduced(second.grey, min(1.0, 1 / max(scale, 1e-6)))
    to_pixels = affine * max(there.shape)
    to_pixels[:, :2] /= max(here.shape)
    how = {"dsize": here.shape[::-1], "borderValue": 0}
    inverse = cv2.WARP_INVERSE_MAP
    laid = cv2.warpAffine(there, to_pixels, flags=cv2.INTER_LINEAR | inverse, **how)
    seen = cv2.warpAffine(
        np.full_like(there, 255), to_pixels, flags=cv2.INTER_NEAREST | inverse, **how
    )
    seen = cv2.erode((seen > 0).astype(np.uint8), np.ones((_WINDOW, _WINDOW), np.uint8)) > 0
    covered = int(np.count_nonzero(seen))
    if not covered:
        return CopyEvidence()
    texture, differing = _differing_windows(here, laid, seen)
    tone = np.median(here[seen].astype(float) - laid[seen])
    cells = _overlaid_cells(first, second, affine)
    return CopyEvidence(
        overlap=covered / min(here.size, there.size),
        texture=texture,
        differing=differing,
        other_tone=abs(float(tone)),
        other_colour=_other_colour(*cells),
        lost_colour=float(_is_grey(first.colours) and not _is_grey(second.colours)),
    )


def _differing_windows(
    here: NDArray[np.uint8], there: NDArray[np.uint8], seen: NDArray[np.bool_]
) -> tuple[float, float]:
    """Return the share of windows that are not plain, and of these that differ."""
    cv2 = opencv()
    a, b = (cv2.GaussianBlur(p.astype(np.float32), (0, 0), _BLUR) for p in (here, there))
    window = (_WINDOW, _WINDOW)
    mean_a, mean_b = cv2.blur(a, window), cv2.blur(b, window)
    var_a = np.maximum(cv2.blur(a * a, window) - mean_a**2, 0)
    var_b = np.maximum(cv2.blur(b * b, window) - mean_b**2, 0)
    product = cv2.blur(a * b, window) - mean_a * mean_b
    contrast = np.sqrt(np.maximum(var_a, var_b))
    textured = seen & (contrast > _PLAIN)
    # Where one is plain and the other is not, rounding is all that correlates.
    low = product < _LEAST_CORRELATION * np.sqrt(var_a * var_b)
    low |= np.minimum(var_a, var_b) < 0.5
    n_textured = int(np.count_nonzero(textured))
    n_differing = int(np.count_nonzero(low & seen & (contrast > _CLEAR)))
    differing = n_differing / max(n_textured, 1)
    return n_textured / int(np.count_nonzero(seen)), differing


def _overlaid_cells(
    first: Picture, second: Picture, affine: NDArray[np.float64]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.bool_]]:
    """Return the cells of the first picture, of the second laid on it, and which overlap."""
    cv2 = opencv()
    to_cells = affine.copy()
    for picture, axis in ((first, 0), (second, 1)):
        height, width = np.array(picture.grey.shape) / max(picture.grey.shape)
        per_cell = np.array([width, height]) / CELLS
        if axis == 0:
            to_cells[:, :2] *= per_cell
        else:
            to_cells /= per_cell[:, None]
    to_cells[:, 2] += to_cells[:, :2] @ [0.5, 0.5] - 0.5  # from centre to centre
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (CELLS, CELLS)
    laid = cv2.warpAffine(second.colours, to_cells, size, flags=flags)
    inside = cv2.warpAffine(np.full(size, 255, np.uint8), to_cells, size, flags=flags)
    return first.colours, laid, inside > 254


def _other_colour(
    here: NDArray[np.uint8], there: NDArray[np.uint8], seen: NDArray[np.bool_]
) -> float:
    """Return the share of cells whose colours no global change explains, either way."""
    a, b = here[seen].astype(float), there[seen].astype(float)
    if len(a) < CELLS:
        return 1.0
    return min(_unexplained(a, b), _unexplained(b, a))


def _unexplained(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Return the share of colours `b` that a change of `a` misses by more than 16 levels.

    Each channel of the result grows with the same channel and with the brightness, which covers
    white balance, exposure, contrast, saturation and grey, but turns no red into green.
    """
    brightness = a @ [0.299, 0.587, 0.114]
    ones = np.ones(len(a))
    missed = np.zeros(len(a))
    for channel in range(3):
        terms = np.column_stack([a[:, channel], brightness, ones, -ones])
        weights = ones
        for _ in range(3):
            factors, _ = nnls(terms * weights[:, None], b[:, channel] * weights)
            residual = terms @ factors - b[:, channel]
            weights = 1 / np.sqrt(1 + (residual / 12) ** 2)
        missed += residual**2
    return float(np.mean(missed > 16**2))


def _is_grey(colours: NDArray[np.uint8]) -> bool:
    """Return whether a picture has no colours."""
    return bool(np.mean(np.ptp(colours.astype(int), axis=2)) < 4)


def _spread(points: NDArray[np.float32], picture: Picture) -> float:
    """Return the share of a picture that the middle of its matched details covers."""
    low, high = np.quantile(points, [0.1, 0.9], axis=0)
    height, width = np.array(picture.grey.shape) / max(picture.grey.shape)
    return float(np.prod(high - low) / (width * height))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if a.std() < 1 or b.std() < 1:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _reduced(picture: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    if scale >= 1:
        return picture
    height, width = (max(1, round(side * scale)) for side in picture.shape)
    cv2 = opencv()
    return cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
