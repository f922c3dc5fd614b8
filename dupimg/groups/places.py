"""Judge whether the matched details of two photos prove that both show the same place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupimg.groups.details import Match
from dupimg.groups.pictures import CELLS, Glance, overlaid_cells
from dupimg.opencv import opencv

# Of 1,243 pairs of similar photos of different places none had seven matched details, 6 had six.
_FEWEST_DETAILS = 8

# On a white ground the details may belong to a model or a stand: then more of them are required,
# and the colours around them must agree.
_WHITE, _FEWEST_DETAILS_ON_WHITE = 0.5, 12

# Largest share of the overlap with another hue: in general, and on a white ground.
_MOST_OTHER_HUE, _MOST_OTHER_HUE_ON_WHITE = 0.6, 0.1
_LEAST_LIGHT_CORRELATION_ON_WHITE = 0.8

# Matched details within less than this share of a picture are those of a logo or a date; 3 % of
# the pairs of one place have less.
_LEAST_SPREAD = 0.015

# Details in this margin of both pictures belong to a border or the frame of an app.
_FRAME = 0.12

# Pictures with details at the same positions may only share a watermark, a border or the frame of
# an app. Then their centres (without this share on each side) must correlate, too.
_SAME_PLACES, _MARGIN, _LEAST_LIGHT_CORRELATION = 0.02, 0.16, 0.5

# Copies of 48 photos, some with bars or in screenshots, correlate by more; two thirds of the pairs
# of different views of a place by less.
_LEAST_LIGHT_CORRELATION_OF_COPIES = 0.8


@dataclass(frozen=True)
class PlaceEvidence:
    """Evidence that two photos show one place; all fields are floats, for the cache.

    Attributes
    ----------
    n_details : float
        Number of matched details, without those in the margins of both.
    spread : float
        The smaller of the shares of the two pictures that contain them.
    other_hue : float
        Share of the overlap with another hue, without white ground.
    light_correlation : float
        Correlation of brightness in the overlap, without white ground.
    white : float
        How white the grounds behind the subjects are; the smaller of both values.
    middle_correlation : float
        Correlation of the centres of the pictures if all details have the same positions in both,
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
        """Whether it is worth the time to align the pictures exactly."""
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
    """Return the evidence of the matched details of two photos.

    Parameters
    ----------
    first, second : Glance
    match : Match
        Their matched details.

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
    """Correlate the centres of pictures with details at the same positions; 1 for others."""
    moved = np.abs(match.places[:, :2] - match.places[:, 2:])
    if np.median(moved.max(axis=1)) > _SAME_PLACES:
        return 1.0
    margin = round(_MARGIN * CELLS)
    middle = slice(margin, CELLS - margin)
    return _correlation(here[middle, middle, 0].ravel(), there[middle, middle, 0].ravel())


def _spread(points: NDArray[np.float32], glance: Glance) -> float:
    """Return the share of a picture that its matched details cover, without outliers."""
    ends = np.sort(points, axis=0)
    low, high = ends[len(ends) // 10], ends[-1 - len(ends) // 10]
    return float(np.prod((high - low) / glance.sides))


def _correlation(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    a, b = a - a.mean(), b - b.mean()
    norms = np.sqrt(a @ a), np.sqrt(b @ b)
    if min(norms) < np.sqrt(len(a)):  # a standard deviation below one
        return 0.0
    return float(a @ b / (norms[0] * norms[1]))
