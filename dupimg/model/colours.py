"""Colours as part of how alike two photos of a scene look.

A network for object classes is made to overlook colours. To people they say much: which shirt it
is, which room. So the embedding for scenes ends with a histogram of colours.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Bins of hue, saturation and value.
_BINS = (12, 4, 4)
N_COLOURS = 12 * 4 * 4

# Changes with anything here on which vectors depend.
COLOURS = "colours1"

# Side in pixels of the picture whose pixels are counted.
_SIDE = 128

# A pixel with less saturation and more value (of 255) is white: the ground of product photos,
# receipts and drawings, which says nothing of what is shown.
_LEAST_SATURATION, _MOST_VALUE = 28, 235

# Weight of the colours beside the network's 1. Before a white ground the network finds all people
# and all things alike, and colours tell them apart.
_WEIGHT, _WEIGHT_ON_WHITE = 0.3, 8.0

# Shares of white between which the one weight becomes the other.
_LITTLE_WHITE, _MUCH_WHITE = 0.15, 0.3

# On white, this share of the squared norm is a part that a photo shares with none other: cosines
# of 0.82 count as 0.7 do elsewhere. So many random signs have a cosine of 0 ± 0.06.
_OWN_SHARE, _N_OWN = 0.15, 256

# Numbers that colours add to an embedding.
N_ADDED = N_COLOURS + _N_OWN


def white_share(picture: NDArray[np.uint8]) -> float:
    """Return the share of the pixels of a picture that are white.

    Parameters
    ----------
    picture : ndarray of shape (height, width, 3), uint8
        RGB.

    Examples
    --------
    >>> white_share(np.full((4, 4, 3), 255, np.uint8))
    1.0
    """
    _, saturation, value = _hsv(picture)
    return float(np.mean(_is_white(saturation, value)))


def with_colours(embedding: NDArray[np.float32], picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the embedding of a photo for scenes with its colours.

    Parameters
    ----------
    embedding : ndarray of shape (d,), float32
        Of norm 1.
    picture : ndarray of shape (height, width, 3), uint8
        The photo in RGB.

    Returns
    -------
    ndarray of shape (d + 192 + 256,), float32
        Of norm 1: the embedding, the square root of the histogram of the pixels that are not
        white, and what makes photos on white less alike.
    """
    hue, saturation, value = _hsv(picture)
    white = _is_white(saturation, value)
    on_white = float(np.clip((white.mean() - _LITTLE_WHITE) / (_MUCH_WHITE - _LITTLE_WHITE), 0, 1))
    weight = _WEIGHT * (_WEIGHT_ON_WHITE / _WEIGHT) ** on_white
    own_share = _OWN_SHARE * on_white
    seen = np.concatenate([embedding, np.sqrt(weight) * _histogram(hue, saturation, value, ~white)])
    seen /= np.linalg.norm(seen)
    parts = [np.sqrt(1 - own_share) * seen, np.sqrt(own_share) * _own_part(picture)]
    vector = np.concatenate(parts)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _hsv(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return hue, saturation and value of the pixels of a small copy."""
    small = Image.fromarray(picture).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    return np.asarray(small.convert("HSV")).reshape(-1, 3).T


def _is_white(saturation: NDArray[np.uint8], value: NDArray[np.uint8]) -> NDArray[np.bool_]:
    return (saturation < _LEAST_SATURATION) & (value > _MOST_VALUE)


def _histogram(
    hue: NDArray[np.uint8],
    saturation: NDArray[np.uint8],
    value: NDArray[np.uint8],
    counted: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return the square root of the shares of the bins, of norm 1 unless nothing is counted."""
    number = np.zeros(len(hue), np.int64)
    for channel, bins in zip((hue, saturation, value), _BINS, strict=True):
        number = number * bins + channel.astype(np.int64) * bins // 256
    counts = np.bincount(number[counted], minlength=N_COLOURS)
    return np.sqrt(counts / max(counts.sum(), 1))


def _own_part(picture: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return a vector of norm 1 that depends on every pixel and on nothing else."""
    digest = hashlib.blake2b(np.ascontiguousarray(picture).data, digest_size=_N_OWN // 8).digest()
    signs = np.unpackbits(np.frombuffer(digest, np.uint8)).astype(float) * 2 - 1
    return signs / np.sqrt(_N_OWN)
