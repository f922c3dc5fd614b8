"""What matched details of two photos lie on: whether they prove that both show one place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.details import Match
from dupimg.groups.pictures import CELLS, Glance, overlaid_cells
from dupimg.opencv import opencv

# Of 1,243 pairs of alike photos of different places none had seven matched details, 6 had six.
_FEWEST_DETAILS = 8

# Before a white ground the details are those of a person or of a stand: there more of them are
# asked for, and the colours around them must agree.
_WHITE, _FEWEST_DETAILS_ON_WHITE = 0.5, 12

# Largest share of the overlap whose hue differs: anywhere, and on white.
_MOST_OTHER_HUE, _MOST_OTHER_HUE_ON_WHITE = 0.6, 0.1
_LEAST_LIGHT_CORRELATION_ON_WHITE = 0.8

# Matched details that all lie in less than this share of a picture are those of a logo or a date,
# and not of a place: of pairs of one place 3 % have less.
_LEAST_SPREAD = 0.015

# Details in this margin of both pictures are those of a border or of the frame of an app.
_FRAME = 0.12

# Pictures whose details lie at the same places may share no more than a watermark, a border or the
# frame of an app. Then their middles (without this share on each side) must correlate, too.
_SAME_PLACES, _MARGIN, _LEAST_LIGHT_CORRELATION = 0.02, 0.16, 0.5

# Copies of 48 photos, with bars and in screenshots, too, correlate by more, two thirds of the pairs
# of other views of a place by less.
_LEAST_LIGHT_CORRELATION_OF_COPIES = 0.8


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
        How much the subjects stand before a white ground, of the picture where it is less.
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
    def may_be_copy(self) -> bool:
        """Whether it is worth the time to lay the pictures over each other exactly."""
        is_alike = self.light_correlation >= _LEAST_LIGHT_CORRELATION_OF_COPIES
        return self.n_details >= _FEWEST_DETAILS and is_alike

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


def compare_places(first: Glance, second: Glance, match: Match) -> PlaceEvidence:
    """Look at what the matched details of two photos lie on.

    Parameters
    ----------
    first, second : Glance
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
    here, there, seen = overlaid_cells(first, second, match.affine)
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


def _count_inside(match: Match, first: Glance, second: Glance) -> int:
    """Count the matched details that do not lie in the margins of both pictures."""
    is_inside = np.zeros(match.n_details, dtype=bool)
    for glance, places in ((first, match.places[:, :2]), (second, match.places[:, 2:])):
        shares = places / glance.sides
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


def _spread(points: NDArray[np.float32], glance: Glance) -> float:
    """Return the share of a picture that the middle of its matched details covers."""
    ends = np.sort(points, axis=0)
    low, high = ends[len(ends) // 10], ends[-1 - len(ends) // 10]
    return float(np.prod((high - low) / glance.sides))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    if a.std() < 1 or b.std() < 1:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])
