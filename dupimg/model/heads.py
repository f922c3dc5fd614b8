"""The scene head, which projects pooled feature maps to vectors for scenes.

The duplicate embedding only uses the last feature map; scenes are also recognized by the textures
and colours of earlier maps. Directions in which all photos vary say little about a scene, so the
head shrinks them. It is fitted on photos without any labels.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from dupimg.errors import UsageError
from dupimg.messages import details, message
from dupimg.model.models import Model, fingerprint

# Number of components; the file stays below 1.5 MB. Pair F1 of average linkage on labelled photos
# among 2,500 hard distractors: 0.88 with 128, 0.90 with 256 and 512.
N_COMPONENTS = 384

# Components are divided by variance ** SHRINKAGE: 0 leaves them, 0.5 is whitening. 0.25 to 0.5
# did equally well.
SHRINKAGE = 0.35

# The best threshold of average linkage without the constant component, on scenes among 200 to 2,500
# other photos (0.52 to 0.56). The constant component maps it to 0.7, the threshold of the options.
_BEST_CUT, _THRESHOLD = 0.53, 0.7

_FILE_ERRORS = (OSError, KeyError, ValueError, EOFError, BadZipFile)


class HeadError(UsageError):
    """A file holds no scene head, or one that was fitted for another network."""


@dataclass(frozen=True, eq=False)
class SceneHead:
    """A projection of pooled feature maps to vectors of norm 1.

    Attributes
    ----------
    network : str
        Fingerprint of the network whose feature maps it was fitted on.
    fitted_on : str
        Description of the photos that it was fitted on.
    sizes : tuple of int
        Number of channels of each feature map.
    centre : ndarray of shape (sum(sizes),), float16
        Mean of the pooled feature maps.
    projection : ndarray of shape (sum(sizes), n_components), float16
    offset : ndarray of shape (n_components,), float16
        The projected mean of the inputs.
    """

    network: str
    fitted_on: str
    sizes: tuple[int, ...]
    centre: NDArray[np.float16]
    projection: NDArray[np.float16]
    offset: NDArray[np.float16]

    @property
    def embedding_size(self) -> int:
        """Number of values of a vector: the components and the constant."""
        return len(self.offset) + 1

    @cached_property
    def fingerprint(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of everything the vectors depend on."""
        digest = hashlib.sha256(repr((self.network, self.sizes, _BEST_CUT, _THRESHOLD)).encode())
        for array in (self.centre, self.projection, self.offset):
            digest.update(array.astype("<f2").tobytes())
        return digest.hexdigest()[:16]

    def transform(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Project pooled feature maps.

        Parameters
        ----------
        features : ndarray of shape (n, sum(sizes)), float32
            The concatenated pooled feature maps of each photo.

        Returns
        -------
        ndarray of shape (n, embedding_size), float32
            Rows of norm 1. The bits of a row do not depend on other rows.
        """
        parts = _unit_parts(features - self._centre, self.sizes)
        # Without BLAS, whose order of summation depends on the number of rows and threads.
        components = _unit(np.einsum("nf,fc->nc", parts, self._projection) - self._offset)
        # A constant component maps every cosine to (cosine + constant²) / (1 + constant²).
        squared = np.float32((_THRESHOLD - _BEST_CUT) / (1 - _THRESHOLD))
        constant = np.full((len(components), 1), np.sqrt(squared), dtype=np.float32)
        return np.hstack([components, constant]) / np.sqrt(1 + squared)

    def save(self, path: Path) -> None:
        """Write the head to a file that `load_head` reads.

        Parameters
        ----------
        path : Path
            Ends in ``.npz``.
        """
        about = {"network": self.network, "fitted_on": self.fitted_on, "sizes": self.sizes}
        np.savez(
            path,
            about=np.array(json.dumps(about)),
            centre=self.centre,
            projection=self.projection,
            offset=self.offset,
        )

    # Converted to float32 once, as numpy is slow with float16.
    @cached_property
    def _centre(self) -> NDArray[np.float32]:
        return self.centre.astype(np.float32)

    @cached_property
    def _projection(self) -> NDArray[np.float32]:
        return self.projection.astype(np.float32)

    @cached_property
    def _offset(self) -> NDArray[np.float32]:
        return self.offset.astype(np.float32)


def fit_head(
    features: NDArray[np.float32], sizes: tuple[int, ...], *, network: str, fitted_on: str
) -> SceneHead:
    """Fit a head on unlabelled photos.

    Parameters
    ----------
    features : ndarray of shape (n, sum(sizes)), float32
        Pooled feature maps of photos and preferably also of parts of them; n must exceed 384.
    sizes : tuple of int
        Number of channels of each feature map.
    network, fitted_on : str
        See `SceneHead`.

    Returns
    -------
    SceneHead

    Raises
    ------
    ValueError
        There are too few rows.

    Notes
    -----
    Each feature map is centred and scaled to norm 1, so that all maps have the same weight; the
    vector holds the principal components of the joined maps, each divided by a power of its
    variance.
    Whitening in full (Jégou and Chum 2012, "Negative evidences and co-occurences in image
    retrieval") would amplify the noise of the last components.
    """
    if len(features) <= N_COMPONENTS:
        raise ValueError(
            f"Got {len(features)} rows, expected more than {N_COMPONENTS}. Fit on more photos."
        )
    from sklearn.decomposition import PCA  # takes half a second, and only fitting needs it

    centre = features.mean(axis=0, dtype=np.float64).astype(np.float16)
    parts = _unit_parts(features - centre.astype(np.float32), sizes)
    pca = PCA(N_COMPONENTS, svd_solver="covariance_eigh").fit(parts.astype(np.float64))
    projection = (pca.components_.T / pca.explained_variance_**SHRINKAGE).astype(np.float16)
    offset = pca.mean_ @ projection.astype(np.float64)
    return SceneHead(network, fitted_on, sizes, centre, projection, offset.astype(np.float16))


def load_head(path: Path) -> SceneHead:
    """Read a head written by `SceneHead.save`, without executing code in the file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    SceneHead

    Raises
    ------
    HeadError
        There is no such file, or it holds no head.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            about = json.loads(str(file["about"]))
            arrays = [file[name] for name in ("centre", "projection", "offset")]
        head = SceneHead(about["network"], about["fitted_on"], tuple(about["sizes"]), *arrays)
        _check_shapes(head)
    except _FILE_ERRORS as error:
        told = message("refused.no_head", path=str(path), why=details(error))
        raise HeadError(told, field="scene_head") from error
    return head


def choose_head(model: Model, path: Path | None) -> SceneHead | None:
    """Return the scene head from a file, or else the one shipped for a model, or None.

    Raises
    ------
    HeadError
        The file holds no head, or one that was fitted for another network.
    """
    if path is None:
        return shipped_head(model.head) if model.head else None
    head = load_head(path)
    if head.network != fingerprint(model) or not model.feature_sizes:
        told = message(
            "refused.other_head", path=str(path), network=head.network, expected=fingerprint(model)
        )
        raise HeadError(told, field="scene_head")
    return head


@cache
def shipped_head(name: str) -> SceneHead:
    """Return the shipped head of this name."""
    return load_head(Path(str(files("dupimg.model") / "fitted_heads" / f"{name}.npz")))


def _check_shapes(head: SceneHead) -> None:
    n_features, n_components = sum(head.sizes), len(head.offset)
    shapes = (head.centre.shape, head.projection.shape, head.offset.shape)
    if shapes != ((n_features,), (n_features, n_components), (n_components,)):
        raise ValueError(f"shapes {shapes} do not fit together")
    if not all(np.isfinite(a).all() for a in (head.centre, head.projection, head.offset)):
        raise ValueError("values that are not finite")


def _unit_parts(features: NDArray[np.float32], sizes: tuple[int, ...]) -> NDArray[np.float32]:
    """Scale each part of each row to norm 1."""
    parts = np.split(features, np.cumsum(sizes)[:-1], axis=1)
    return np.hstack([_unit(np.ascontiguousarray(part)) for part in parts])


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(norms, np.float32(1e-12))  # a part equal to the mean is zero
