"""Find and match local features ("details"), which prove that two photos show the same place.

A network measures how similar two photos look. Details show whether the same things are in them,
and where: corners are found at several sizes and described by the edges around them, mutual nearest
descriptors are matched, and an affine map fitted by RANSAC separates true matches from chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dupimg.opencv import opencv

# 300 details find 3 % fewer pairs of one scene; 320 or 362 pixels find no more.
LONGEST_SIDE, MOST_DETAILS = 256, 400

# Details are found at the longest side and at smaller sizes, each smaller by this factor.
_LEVELS, _STEP = 4, 0.5**0.5

# Small pictures are enlarged, as in SIFT, so that corners have enough surroundings.
_MOST_ENLARGED = 2.0

# Blur against noise, side of corner windows in pixels, and least contrast of a corner: the smaller
# eigenvalue of its structure tensor, for grey levels from 0 to 1.
_BLUR, _CORNER, _LEAST_CONTRAST = 0.8, 5, 1e-5

# A descriptor has 4 x 4 cells at this distance in pixels, with 8 edge directions in each, averaged
# with these two windows.
_SPACING, _WINDOWS = 6, (3, 7)
_DIRECTIONS = ((1, 0), (1, 1), (0, 1), (-1, 1))
_CELLS = np.array([(y, x) for y in (-1.5, -0.5, 0.5, 1.5) for x in (-1.5, -0.5, 0.5, 1.5)])
_OFFSETS = (_CELLS * _SPACING).astype(np.int64)
_MARGIN = int(_OFFSETS.max()) + 2

# Largest share of one number in a descriptor (Lowe 2004, section 6.1).
_LARGEST_NUMBER = np.float32(0.2)

# A number in a descriptor of norm 1 is rarely above half; a quarter of float32's space suffices.
_BYTES_OF_ONE = np.float32(510)

# The permutation of a descriptor when the picture is turned by 90°.
_TURNED = np.roll(np.rot90(np.arange(128).reshape(4, 4, 8), -1), 2, axis=2).ravel()

# Largest ratio of the nearest to the second nearest distance (Lowe 2004, section 7.1).
_DISTANCE_RATIO = 0.88

# Largest error of a match under the affine map, in pixels at `LONGEST_SIDE`.
_REACH = 3.5

# Fewer matches prove nothing and are not worth a fit: 1,183 pairs that share a place had 15 and
# more, half of all others up to 11.
_FEWEST_MATCHES = 12


@dataclass(frozen=True, eq=False)
class Details:
    """The details of one photo.

    Attributes
    ----------
    points : ndarray of shape (n, 2), float32
        Positions (x, y) in units of the longer side of the photo.
    descriptors : ndarray of shape (n, 128), uint8
        The cosine of two rows is the similarity of two details.
    """

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]

    def __len__(self) -> int:
        """Return the number of details."""
        return len(self.points)

    def turned(self, times: int) -> Details:
        """Return the same details with the descriptors of the picture turned by `times` × 90°."""
        descriptors = self.descriptors
        for _ in range(times):
            descriptors = descriptors[:, _TURNED]
        return Details(self.points, descriptors)


@dataclass(frozen=True, eq=False)
class Match:
    """The matched details of two photos.

    Attributes
    ----------
    n_details : int
        Number of matched details that one affine map explains.
    affine : ndarray of shape (2, 3), float64
        Maps a point of the first photo to the second, both in units of their longer sides.
    places : ndarray of shape (n_details, 4), float32
        Positions of the matched details: x and y in the first photo, x and y in the second.
    """

    n_details: int
    affine: NDArray[np.float64]
    places: NDArray[np.float32]


NO_MATCH = Match(0, np.eye(2, 3), np.empty((0, 4), np.float32))


def find_details(picture: NDArray[np.uint8], *, most: int = MOST_DETAILS) -> Details:
    """Find the details of a photo.

    Parameters
    ----------
    picture : ndarray of shape (height, width), uint8
        Grey and upright; it is resized to 256 pixels, a small one to at most twice its size.
    most : int, default=400
        Approximate number of the strongest details to return.

    Returns
    -------
    Details
        Finest first, each size in order of strength; empty for a picture without contrast.

    Notes
    -----
    Corners (Shi and Tomasi 1994), with descriptors that are laid out and normalized like those of
    SIFT (Lowe 2004; Arandjelović and Zisserman 2012) but not turned, as photos are upright. They
    take 4 ms of one core, a quarter of SIFT's time, and find as many pairs of one scene.
    """
    found = [_details_of_level(level, share) for level, share in _levels(picture, most)]
    points = [(at + 0.5) / shape[::-1] * picture.shape[::-1] for at, _, shape in found]
    if not points:
        return Details(np.empty((0, 2), np.float32), np.empty((0, 128), np.uint8))
    units = np.vstack(points) / max(picture.shape)
    return Details(units.astype(np.float32), np.vstack([numbers for _, numbers, _ in found]))


def _levels(picture: NDArray[np.uint8], most: int) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Yield a picture in several sizes, with the number of details for each."""
    cv2 = opencv()
    scale = min(_MOST_ENLARGED, LONGEST_SIDE / max(picture.shape))
    total = sum(_STEP ** (2 * k) for k in range(_LEVELS))
    for k in range(_LEVELS):
        height, width = (round(side * scale * _STEP**k) for side in picture.shape)
        if min(height, width) < 2 * (_MARGIN + 2):
            return
        level = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        yield cv2.GaussianBlur(level, (5, 5), _BLUR), round(most * _STEP ** (2 * k) / total)


def _details_of_level(
    level: NDArray[np.uint8], most: int
) -> tuple[NDArray[np.float32], NDArray[np.uint8], tuple[int, int]]:
    """Return the positions (x, y) of corners in pixels, their descriptors and the level's size."""
    y, x, shift = _corners(level, most)
    return np.column_stack([x, y]) + shift, _descriptors(level, y, x), level.shape


def _corners(
    level: NDArray[np.uint8], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Return rows and columns of the strongest corners, and their subpixel offsets."""
    cv2 = opencv()
    strength = cv2.cornerMinEigenVal(level, _CORNER, ksize=3)
    around = cv2.dilate(strength, np.ones((5, 5), np.uint8))
    inside = slice(_MARGIN, -_MARGIN)
    is_corner = strength[inside, inside] == np.maximum(around, _LEAST_CONTRAST)[inside, inside]
    y, x = np.nonzero(is_corner)
    y, x = y + _MARGIN, x + _MARGIN
    strongest = np.argsort(-strength[y, x], kind="stable")[:most]
    y, x = y[strongest], x[strongest]
    sides = ((strength[y, x - 1], strength[y, x + 1]), (strength[y - 1, x], strength[y + 1, x]))
    # The maximum of a parabola through three pixels.
    shifts = [
        0.5 * (a - b) / np.minimum(a + b - 2 * strength[y, x], np.float32(-1e-12)) for a, b in sides
    ]
    return y, x, np.clip(np.column_stack(shifts), -0.5, 0.5)


def _descriptors(
    level: NDArray[np.uint8], y: NDArray[np.int64], x: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Return descriptors of pixels: the gradients around them in each of eight directions."""
    cv2 = opencv()
    height, width = level.shape
    padded = cv2.copyMakeBorder(level, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    ends = [
        [padded[1 + down * way :, 1 + right * way :][:height, :width] for way in (1, -1)]
        for right, down in _DIRECTIONS
    ]
    rising = cv2.merge([cv2.subtract(*pair[::way]) for way in (1, -1) for pair in ends])
    for side, depth in zip(_WINDOWS, (cv2.CV_16U, cv2.CV_32F), strict=True):
        rising = cv2.boxFilter(rising, depth, (side, side), normalize=False)
    cells = (y[:, None] + _OFFSETS[:, 0]) * width + x[:, None] + _OFFSETS[:, 1]
    numbers = rising.reshape(-1, 8)[cells]
    numbers[..., 1::2] *= np.float32(0.5**0.5)  # diagonal pixels are further apart
    numbers = numbers.reshape(len(y), 128)
    norms = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))[:, None]
    np.minimum(numbers, _LARGEST_NUMBER * norms, out=numbers)
    numbers = np.sqrt(numbers / np.maximum(numbers.sum(axis=1, keepdims=True), np.float32(1e-6)))
    return np.minimum(np.rint(numbers * _BYTES_OF_ONE), 255).astype(np.uint8)


def match_details(first: Details, second: Details) -> Match:
    """Match the details of two photos.

    Parameters
    ----------
    first, second : Details

    Returns
    -------
    Match
        `NO_MATCH` for fewer than twelve matches, or if no affine map explains any.

    Notes
    -----
    Deterministic: OpenCV's RANSAC starts with the same random numbers each time. 0.3 ms of one
    core for 300 details each.
    """
    matches = _mutual_nearest(first, second)
    if len(matches) < _FEWEST_MATCHES:
        return NO_MATCH
    places = np.hstack([first.points[matches[:, 0]], second.points[matches[:, 1]]])
    affine, fitting = opencv().estimateAffine2D(
        places[:, :2] * LONGEST_SIDE,
        places[:, 2:] * LONGEST_SIDE,
        ransacReprojThreshold=_REACH,
        maxIters=1000,
        confidence=0.99,
        refineIters=5,
    )
    if affine is None:
        return NO_MATCH
    affine[:, 2] /= LONGEST_SIDE
    fitting = fitting.ravel().astype(bool)
    return Match(int(fitting.sum()), affine, places[fitting])


@lru_cache(maxsize=32)  # the pairs of a photo usually come one after the other
def _unit_descriptors(details: Details) -> NDArray[np.float32]:
    """Return descriptors of norm 1."""
    numbers = details.descriptors.astype(np.float32)
    norms = np.sqrt(np.einsum("ij,ij->i", numbers, numbers))
    return numbers / np.maximum(norms, np.float32(1))[:, None]


def _mutual_nearest(first: Details, second: Details) -> NDArray[np.int64]:
    """Return the pairs of rows whose descriptors are clearly nearest to each other."""
    if len(first) < 2 or len(second) < 2:
        return np.empty((0, 2), np.int64)
    likeness = _unit_descriptors(first) @ _unit_descriptors(second).T
    nearest = likeness.argmax(axis=1)
    best = likeness[np.arange(len(first)), nearest]
    rows = np.flatnonzero(best == likeness.max(axis=0)[nearest])
    columns = nearest[rows]
    likeness, best = likeness[rows], best[rows]
    each = np.arange(len(rows))
    likeness[each, columns] = -1
    second_best = likeness.max(axis=1)
    clear = np.maximum(2 - 2 * best, 0) < _DISTANCE_RATIO**2 * (2 - 2 * second_best)
    return np.column_stack([rows[clear], columns[clear]])
