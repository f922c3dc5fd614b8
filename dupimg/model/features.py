"""`Features`: the embeddings, the thumbnail and the preview of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dupimg.model.colours import N_ADDED

THUMBNAIL_SIZE = 32  # pixels


@dataclass(frozen=True, eq=False)
class Features:
    """Embeddings and thumbnails of one photo, or of n photos.

    Attributes
    ----------
    vector : ndarray of shape (embedding_size,) or (n, embedding_size), float32
        The embedding of norm 1 by which duplicates are found.
    scene_vector : ndarray of shape (scene_size,) or (n, scene_size), float32
        The embedding of norm 1 by which scenes are found; the same as `vector` where the
        network has no scene head.
    thumbnail : ndarray of shape (32, 32) or (n, 32, 32), uint8
        The whole photo upright and grey, squashed to a square.
    preview : bytes
        The preview of a single photo that was just decoded; otherwise empty.
    sharpness : float or ndarray of shape (n,), float32
        See `measure_sharpness`.
    """

    vector: NDArray[np.float32]
    scene_vector: NDArray[np.float32]
    thumbnail: NDArray[np.uint8]
    preview: bytes = b""
    sharpness: NDArray[np.float32] | float = 0.0

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self.vector)

    def __getitem__(self, rows: NDArray) -> Features:
        """Return the features of a selection of the photos."""
        return Features(
            self.vector[rows],
            self.scene_vector[rows],
            self.thumbnail[rows],
            sharpness=np.broadcast_to(self.sharpness, len(self))[rows],
        )

    @property
    def scene_without_colours(self) -> NDArray[np.float32]:
        """The scene embedding without its colours; rows of any norm but zero.

        Frames of an exposure series have different colours but the same shapes.
        """
        if self.scene_vector.shape == self.vector.shape:
            return self.scene_vector
        return self.scene_vector[..., :-N_ADDED]

    @classmethod
    def stack(cls, photos: Sequence[Features]) -> Features:
        """Join the features of single photos, at least one, into those of n photos."""
        return cls(
            np.stack([photo.vector for photo in photos]),
            np.stack([photo.scene_vector for photo in photos]),
            np.stack([photo.thumbnail for photo in photos]),
            sharpness=np.array([photo.sharpness for photo in photos], np.float32),
        )

    def to_bytes(self) -> bytes:
        """Pack the features of one photo without its preview, for `from_bytes`.

        Examples
        --------
        >>> one = np.ones(1, np.float32)
        >>> photo = Features(one, one, np.zeros((32, 32), np.uint8))
        >>> len(photo.to_bytes())
        1036
        """
        floats = (self.vector, self.scene_vector, np.array([self.sharpness]))
        return b"".join(v.astype("<f4").tobytes() for v in floats) + self.thumbnail.tobytes()

    @classmethod
    def from_bytes(cls, content: bytes, embedding_size: int) -> Features:
        """Unpack the bytes of `to_bytes`, with `embedding_size` values in `vector`.

        Raises
        ------
        ValueError
            The content has the wrong length.
        """
        n_floats = (len(content) - THUMBNAIL_SIZE**2) // 4
        if n_floats <= embedding_size + 1 or len(content) != 4 * n_floats + THUMBNAIL_SIZE**2:
            raise ValueError(
                f"Got {len(content)} bytes, expected two vectors, the first of "
                f"{embedding_size} values, a sharpness and a thumbnail."
            )
        floats = np.frombuffer(content, "<f4", n_floats).astype(np.float32, copy=False)
        thumbnail = np.frombuffer(content, np.uint8, offset=4 * n_floats)
        shape = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
        return cls(
            floats[:embedding_size],
            floats[embedding_size:-1],
            thumbnail.reshape(shape),
            sharpness=float(floats[-1]),
        )
