"""Photos with the features that a network computed from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dupimg.decide.evidence import Evidence
from dupimg.decide.whole_pictures import WholePictures
from dupimg.files.photos import Photo
from dupimg.model.features import THUMBNAIL_SIZE, Features


@dataclass(frozen=True, eq=False)
class Embedded:
    """Photos and the features of their contents, which byte-identical photos share.

    Attributes
    ----------
    photos : tuple of Photo, of length n
    features : Features
        Features of k contents.
    inverse : ndarray of shape (n,), int64
        Row of `features` for each photo.
    evidence : Evidence or None
        Compares pictures; without it only vectors and thumbnails are compared.
    wholes : WholePictures or None
        Reads all pixels of contents; without it no pixels count as identical.
    """

    photos: tuple[Photo, ...]
    features: Features
    inverse: NDArray[np.int64]
    evidence: Evidence | None = field(default=None, kw_only=True)
    wholes: WholePictures | None = field(default=None, kw_only=True)

    @classmethod
    def of(
        cls,
        photos: Sequence[Photo],
        features: Mapping[str, Features],
        evidence: Evidence | None = None,
        wholes: WholePictures | None = None,
    ) -> Embedded:
        """Join photos with the features of their contents.

        Parameters
        ----------
        photos : sequence of Photo
        features : mapping of str to Features
            Features by digest.
        """
        digests = list(dict.fromkeys(photo.digest for photo in photos))
        rows = {digest: row for row, digest in enumerate(digests)}
        inverse = np.array([rows[photo.digest] for photo in photos], dtype=np.int64)
        if not digests:
            return cls((), _NOTHING, inverse)
        stacked = Features.stack([features[digest] for digest in digests])
        return cls(tuple(photos), stacked, inverse, evidence=evidence, wholes=wholes)

    def __getitem__(self, rows: NDArray[np.int64]) -> Embedded:
        """Return a selection of the photos, with their features only."""
        contents, inverse = np.unique(self.inverse[rows], return_inverse=True)
        chosen = tuple(self.photos[i] for i in rows)
        features = self.features[contents]
        return Embedded(chosen, features, inverse, evidence=self.evidence, wholes=self.wholes)

    @property
    def digests(self) -> list[str]:
        """The digests of the k contents, in the order of `features`."""
        digests = [""] * len(self.features)
        for photo, content in zip(self.photos, self.inverse.tolist(), strict=True):
            digests[content] = photo.digest
        return digests

    @property
    def of_each_photo(self) -> Features:
        """The features of all n photos; byte-identical ones have equal rows."""
        return self.features[self.inverse]

    def content_pairs(self, digests: Sequence[tuple[str, str]]) -> NDArray[np.int64]:
        """Return pairs of digests as pairs of rows of `features`.

        Parameters
        ----------
        digests : sequence of (str, str), of length n_pairs
            Digests of photos in this collection.

        Returns
        -------
        ndarray of shape (n_pairs, 2), int64
        """
        row = {photo.digest: i for photo, i in zip(self.photos, self.inverse, strict=True)}
        pairs = [(row[one], row[other]) for one, other in digests]
        return np.array(pairs, dtype=np.int64).reshape(-1, 2)


_NO_VECTORS = np.empty((0, 1), np.float32)
_NOTHING = Features(
    _NO_VECTORS, _NO_VECTORS, np.empty((0, THUMBNAIL_SIZE, THUMBNAIL_SIZE), np.uint8)
)
