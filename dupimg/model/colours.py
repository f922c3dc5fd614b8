"""Add colours to the scene embedding.

A network for object classes is trained to ignore colours, but they identify a shirt or a room. So
the scene embedding ends with a histogram of colours.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupimg.opencv import opencv

# Bins of hue, saturation and value.
_BINS = (12, 4, 4)
N_COLOURS = 12 * 4 * 4

# Part of the fingerprint: change it whenever the vectors change.
COLOURS = "colours2"

# Side in pixels of the picture for the histogram.
_SIDE = 128

# A pixel with less saturation and more value (of 255) is white: the ground of product photos,
# receipts and drawings, which does not characterize the subject.
_LEAST_SATURATION, _MOST_VALUE = 28, 228

# A white ground is detected in strips of this share of the width on the left and right. A white sky
# is above, and snow below.
_STRIP = 1 / 16

# Weights of the colours relative to the network's 1, in general and on a white ground, where the
# network finds all people and things similar, so that colours must separate them.
_WEIGHT, _WEIGHT_ON_WHITE = 0.3, 8.0

# Shares of white in the strips between which the first weight turns into the second: nine of ten
# ordinary photos have less than the first one.
_LITTLE_WHITE, _MUCH_WHITE = 0.1, 0.3

# On white, this share of the squared norm is unique to a photo, so that a cosine of 0.82 there
# becomes 0.7. The number of random signs for it: their cosines are 0 ± 0.06.
_OWN_SHARE, _N_OWN = 0.15, 256

# Numbers that colours add to an embedding.
N_ADDED = N_COLOURS + _N_OWN


def white_ground(picture: NDArray[np.uint8]) -> float:
    """Return how white the ground behind the subject of a picture is.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3), uint8
        RGB; at least 16 columns.

    Returns
    -------
    float
        0 for most photos, 1 if most of the left and right is white.

    Examples
    --------
    >>> white_ground(np.full((64, 64, 3), 255, np.uint8))
    1.0
    """
    strip = max(1, round(_STRIP * picture.shape[1]))
    sides = np.concatenate([picture[:, :strip], picture[:, -strip:]], axis=1)
    share = np.mean(_white_mask(_hsv(sides)) > 0)
    return float(np.clip((share - _LITTLE_WHITE) / (_MUCH_WHITE - _LITTLE_WHITE), 0, 1))


def with_colours(embedding: NDArray[np.float32], picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the scene embedding of a photo with its colours.

    Parameters
    ----------
    embedding : ndarray of shape (d,), float32
        Of norm 1.
    picture : ndarray of shape (height, width, 3), uint8
        The photo in RGB.

    Returns
    -------
    ndarray of shape (d + 192 + 256,), float32
        Of norm 1: the embedding, the square root of the histogram without white pixels, and a
        unique part that makes photos on white less similar.
    """
    size = (_SIDE, _SIDE)
    small = np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))
    on_white = white_ground(small)
    weight = _WEIGHT * (_WEIGHT_ON_WHITE / _WEIGHT) ** on_white
    own_share = _OWN_SHARE * on_white
    seen = np.concatenate([embedding, np.sqrt(weight) * _histogram(_hsv(small))])
    seen /= np.linalg.norm(seen)
    own = _own_part(picture) if own_share else np.zeros(_N_OWN)
    parts = [np.sqrt(1 - own_share) * seen, np.sqrt(own_share) * own]
    vector = np.concatenate(parts)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _hsv(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return hue (0 to 179), saturation and value of the pixels."""
    hsv: NDArray[np.uint8] = opencv().cvtColor(picture, opencv().COLOR_RGB2HSV)
    return hsv


def _white_mask(hsv: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return 255 for white pixels, 0 for others."""
    least, most = (0, 0, _MOST_VALUE + 1), (255, _LEAST_SATURATION - 1, 255)
    mask: NDArray[np.uint8] = opencv().inRange(hsv, least, most)
    return mask


def _histogram(hsv: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the square roots of the shares of the bins; norm 1 unless all pixels are white."""
    ranges = [0, 180, 0, 256, 0, 256]
    counts = opencv().calcHist([hsv], [0, 1, 2], ~_white_mask(hsv), _BINS, ranges)
    counts = counts.ravel().astype(np.float64)
    return np.sqrt(counts / max(counts.sum(), 1))


def _own_part(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a pseudorandom vector of norm 1 that is determined by all pixels."""
    digest = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=_N_OWN // 8).digest()
    signs = np.unpackbits(np.frombuffer(digest, np.uint8)).astype(float) * 2 - 1
    return signs / np.sqrt(_N_OWN)
