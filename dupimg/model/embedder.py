"""`PhotoEmbedder`: a scikit-learn transformer from paths of photos to unit vectors."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from dupimg.files.images import MAX_PIXELS, UnreadablePhoto
from dupimg.model.backends import choose_backend
from dupimg.model.colours import N_ADDED
from dupimg.model.models import Model, get_model
from dupimg.model.remote import stream_photos
from dupimg.model.stream import Outcomes, PhotoStream

PathLike = str | os.PathLike[str]

_CHOICES = {"embedding": ("duplicates", "scenes"), "errors": ("raise", "nan", "skip")}


class PhotoEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn photos into unit vectors whose dot product is the cosine similarity of the photos.

    Parameters
    ----------
    model : str or Model, default="efficientnet_lite0"
        Name of a network in `dupimg.model.models.MODELS`.
    embedding : {"duplicates", "scenes"}, default="duplicates"
        Which vectors `transform` returns. Both come from one pass through the network, and
        `stream` yields both. A network without a scene head has one vector for both.
    scene_head : str or path-like, default=None
        A scene head that `dupimg fit_head` wrote, to use instead of the one that comes with
        dupimg.
    errors : {"raise", "nan", "skip"}, default="raise"
        What `transform` does for an unreadable photo: raise `UnreadablePhoto`, return a row of NaN,
        or leave its row out. `unreadable_` lists these photos. In a pipeline use "raise": its later
        steps accept no NaN and expect one row for each photo.
    batch_size : int, default=8
        Number of photos that a thread takes at a time; best a multiple of 4, because torch
        computes 4 at once. The vectors do not depend on it.
    n_jobs : int, default=None
        Number of threads, each of which decodes and embeds one batch after the other. None
        and -1 mean all cores that this process may use, -2 all but one.
    max_pixels : int, default=500_000_000
        A photo with more pixels than this is unreadable.
    time_limit : float, default=None
        Most seconds for decoding a photo. With a limit, photos are decoded in worker processes,
        and a photo on which a decoder hangs, crashes or runs out of memory is unreadable. None
        decodes in this process, without that guard. The vectors do not depend on it.
    backend : {"auto", "torch", "openvino"}, default="auto"
        The library that computes the network. OpenVINO takes half of torch's time and comes with
        ``pip install openvino``; "auto" uses it if it is installed. The cosines of the two differ
        by less than 1e-6.
    precision : {"float32", "bfloat16"}, default="float32"
        Precision of the products in the network. bfloat16 halves the time on processors that
        support it, and changes cosines by up to 0.035.

    Attributes
    ----------
    unreadable_ : dict of int to UnreadablePhoto
        The photos that the last `transform` could not read: position in `X` and the reason, in
        order of position. Empty under ``errors="raise"``.

    See Also
    --------
    dupimg.DuplicateFinder : Finds duplicates among such vectors.
    dupimg.SceneGrouper : Groups such vectors into scenes.

    Notes
    -----
    `fit` learns nothing. The weights are loaded when they are first needed and left out when
    the transformer is pickled.

    Each thread decodes and embeds with one core, so that the network does not wait for photos, nor
    a thread for the core of another. Each thread holds one batch in memory. With a time limit a
    thread and its worker process take turns, so the same holds.

    Examples
    --------
    >>> from pathlib import Path
    >>> import sklearn.datasets
    >>> folder = Path(sklearn.datasets.__path__[0]) / "images"
    >>> vectors = PhotoEmbedder().fit_transform([folder / "china.jpg", folder / "flower.jpg"])
    >>> vectors.shape, vectors.dtype
    ((2, 1280), dtype('float32'))
    >>> round(float(vectors[0] @ vectors[1]), 1)
    0.3
    """

    def __init__(
        self,
        model: str | Model = "efficientnet_lite0",
        *,
        embedding: Literal["duplicates", "scenes"] = "duplicates",
        scene_head: PathLike | None = None,
        errors: Literal["raise", "nan", "skip"] = "raise",
        batch_size: int = 8,
        n_jobs: int | None = None,
        max_pixels: int = MAX_PIXELS,
        time_limit: float | None = None,
        backend: str = "auto",
        precision: str = "float32",
    ) -> None:
        self.model = model
        self.embedding = embedding
        self.scene_head = scene_head
        self.errors = errors
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.max_pixels = max_pixels
        self.time_limit = time_limit
        self.backend = backend
        self.precision = precision

    def fit(self, X: Iterable[PathLike], y: Any = None) -> PhotoEmbedder:
        """Check the parameters and the paths; there is nothing to learn.

        Parameters
        ----------
        X : iterable of str or path-like, of length n_photos
            Paths of photos. They are not opened.
        y : None
            Ignored.

        Returns
        -------
        PhotoEmbedder
            This transformer.

        Raises
        ------
        ValueError, TypeError
            A parameter or a path is invalid.
        """
        self._prepare()
        _check_paths(X)
        return self

    def fit_transform(self, X: Iterable[PathLike], y: Any = None) -> NDArray[np.float32]:
        """Embed photos; see `transform`."""
        return self.fit(paths := _check_paths(X)).transform(paths)

    def transform(self, X: Iterable[PathLike]) -> NDArray[np.float32]:
        """Embed photos.

        Parameters
        ----------
        X : iterable of str or path-like, of length n_photos
            Paths of photos.

        Returns
        -------
        ndarray of shape (n_photos, n_features), float32
            One row of norm 1 for each path, in the order of the paths. A photo that cannot be
            read has a row of NaN under ``errors="nan"``, and no row under ``errors="skip"``.

        Raises
        ------
        UnreadablePhoto
            A photo cannot be read and ``errors="raise"``: the first one by its position in `X`.
            Those far behind it are not read.
        """
        paths = _check_paths(X)
        outcomes = self.stream(paths)
        vectors = np.full((len(paths), self._n_features_out), np.nan, dtype=np.float32)
        unreadable: dict[int, UnreadablePhoto] = {}
        done = np.zeros(len(paths), dtype=bool)
        with closing(outcomes):
            for index, outcome in outcomes:
                done[index] = True
                if isinstance(outcome, UnreadablePhoto):
                    unreadable[index] = outcome
                elif self.embedding == "scenes":
                    vectors[index] = outcome.scene_vector
                else:
                    vectors[index] = outcome.vector
                if unreadable and self.errors == "raise":
                    first = min(unreadable)
                    # The error is about the same photo, whichever thread is the fastest.
                    if done[:first].all():
                        error = unreadable[first]
                        raise UnreadablePhoto(f"{paths[first]}: {error}") from error
        self.unreadable_ = dict(sorted(unreadable.items()))
        return np.delete(vectors, list(unreadable), axis=0) if self.errors == "skip" else vectors

    def stream(self, X: Iterable[PathLike]) -> Outcomes:
        """Embed photos and yield each one as soon as it is done.

        Parameters
        ----------
        X : iterable of str or path-like, of length n_photos
            Paths of photos. Equal paths are read once.

        Yields
        ------
        index : int
            Position of the photo in `X`. Every position comes once, in any order.
        outcome : Features or UnreadablePhoto
            Its vectors of norm 1, thumbnail and preview, or why it cannot be read.

        Notes
        -----
        Closing the generator stops the threads; only a few batches are started ahead of the
        consumer. Inside of ``joblib.parallel_config(backend="dask")`` and the like, the workers
        of that backend embed the photos.
        """
        return stream_photos(self._prepare(), _check_paths(X))

    @property
    def embedding_size(self) -> int:
        """Number of values of a vector for duplicates."""
        return self._prepare().model.embedding_size

    @property
    def fingerprint(self) -> str:
        """Identifies everything that determines the bits of vectors, except the photo."""
        return self._prepare().fingerprint

    @property
    def _n_features_out(self) -> int:
        photos = self._prepare()
        head = photos.head if self.embedding == "scenes" else None
        return photos.model.embedding_size if head is None else head.embedding_size + N_ADDED

    def _prepare(self) -> PhotoStream:
        """Check the parameters, and return the stream that they describe.

        It is reused as long as no parameter changes, because it holds the weights.
        """
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                expected = " or ".join(map(repr, choices))
                raise ValueError(f"Got {name}={getattr(self, name)!r}, expected {expected}.")
        model = self.model if isinstance(self.model, Model) else get_model(self.model)
        photos = PhotoStream(
            model=model,
            scene_head=None if self.scene_head is None else Path(self.scene_head),
            backend=choose_backend(self.backend, model),
            precision=self.precision,
            batch_size=self.batch_size,
            n_jobs=self.n_jobs,
            max_pixels=self.max_pixels,
            time_limit=self.time_limit,
        )
        if photos != getattr(self, "_photos", None):
            _ = photos.head  # raises HeadError
            self._photos = photos
        return self._photos

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.no_validation = True
        tags.requires_fit = False
        return tags


def _check_paths(X: Iterable[PathLike]) -> list[str]:
    if isinstance(X, (str, bytes, os.PathLike)):
        raise TypeError(f"Got the single path {X!r}, expected a list of paths.")
    paths = list(X)
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"Got {path!r} among the paths, expected a str or a pathlib.Path.")
    return [os.fspath(path) for path in paths]
