"""`PhotoEmbedder`: a scikit-learn transformer from paths of photos to unit vectors."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from numbers import Integral
from typing import TYPE_CHECKING, Any

import joblib
import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from dupimg.images import MAX_PIXELS, UnreadablePhoto, read_photo
from dupimg.models import Model, get_model, load_network

if TYPE_CHECKING:
    import torch

# The network always gets this many photos, with black ones to make up the number: torch chooses
# its kernels by shape and number of threads, and the last bits of a vector differ between them.
# With the shape fixed and one thread for each call, a photo has one vector, to the bit, for all
# models of the registry. A multiple of it costs more: the activations of 8 leave the cache and
# are mapped into memory anew for each call (11 instead of 9 ms a photo on 2 cores).
_AT_ONCE = 4

PathLike = str | os.PathLike[str]
Result = np.ndarray | UnreadablePhoto


class PhotoEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn photos into unit vectors whose dot product is the cosine similarity of the photos.

    Parameters
    ----------
    model : str or Model, default="efficientnet_lite0"
        Name of a network in `dupimg.models.MODELS`.
    batch_size : int, default=8
        Number of photos that a thread takes at a time; best a multiple of 4, because 4 go
        through the network at once. The vectors do not depend on it.
    n_jobs : int, default=None
        Number of threads, each of which decodes and embeds one batch after the other. None
        and -1 mean all cores that this process may use, -2 all but one.
    max_pixels : int, default=500_000_000
        A photo with more pixels than this is unreadable.

    See Also
    --------
    dupimg.DuplicateFinder : Finds duplicates among such vectors.
    dupimg.SceneGrouper : Groups such vectors into scenes.

    Notes
    -----
    `fit` learns nothing. The weights are loaded when they are first needed and left out when
    the transformer is pickled.

    Each thread decodes and embeds with one core, so that nothing waits: neither the network
    for photos nor the cores for each other. It takes the memory of one batch a thread.

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
        batch_size: int = 8,
        n_jobs: int | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.model = model
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.max_pixels = max_pixels

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
            If a parameter or a path is not one.
        """
        self._check_parameters()
        _check_paths(X)
        return self

    def transform(self, X: Iterable[PathLike]) -> np.ndarray:
        """Embed photos.

        Parameters
        ----------
        X : iterable of str or path-like, of length n_photos
            Paths of photos.

        Returns
        -------
        ndarray of shape (n_photos, embedding_size), float32
            One row of norm 1 for each path, in the order of the paths.

        Raises
        ------
        UnreadablePhoto
            For the first path that is no readable photo. `stream` goes on instead.
        """
        paths = _check_paths(X)
        vectors = np.empty((len(paths), self._n_features_out), dtype=np.float32)
        unreadable: dict[int, UnreadablePhoto] = {}
        for index, result in self.stream(paths):
            if isinstance(result, UnreadablePhoto):
                unreadable[index] = result
            else:
                vectors[index] = result
        if unreadable:
            first = min(unreadable)
            raise UnreadablePhoto(f"{paths[first]}: {unreadable[first]}") from unreadable[first]
        return vectors

    def stream(self, X: Iterable[PathLike]) -> Iterator[tuple[int, Result]]:
        """Embed photos and hand each one over as soon as it is done.

        Parameters
        ----------
        X : iterable of str or path-like, of length n_photos
            Paths of photos. Equal paths are read once.

        Yields
        ------
        index : int
            Position of the photo in `X`. Every position comes once, in any order.
        result : ndarray of shape (embedding_size,), float32, or UnreadablePhoto
            Its vector of norm 1, or the reason why it has none.

        Notes
        -----
        Closing the iterator stops the threads; only a few batches are begun ahead of what has
        been taken from it.
        """
        self._check_parameters()
        positions: dict[str, list[int]] = defaultdict(list)
        for index, path in enumerate(_check_paths(X)):
            positions[path].append(index)
        return self._stream(positions)

    def _stream(self, positions: dict[str, list[int]]) -> Iterator[tuple[int, Result]]:
        network = self._load()
        paths = iter(positions)
        batches = iter(lambda: list(islice(paths, self.batch_size)), [])
        stop = threading.Event()
        pool = ThreadPoolExecutor(self._n_threads(), thread_name_prefix="dupimg-embed")
        pending: set[Future[list[tuple[str, Result]]]] = set()
        with _one_core_a_thread():
            try:
                while True:
                    for batch in islice(batches, 2 * self._n_threads() - len(pending)):
                        pending.add(pool.submit(self._embed, network, batch, stop))
                    if not pending:
                        return
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        for path, result in future.result():
                            yield from ((index, result) for index in positions[path])
            finally:
                stop.set()
                pool.shutdown(cancel_futures=True)

    def _embed(
        self, network: torch.nn.Module, paths: list[str], stop: threading.Event
    ) -> list[tuple[str, Result]]:
        """Decode and embed one batch, in one thread."""
        results: dict[str, Result] = {}
        squares = []
        for path in paths:
            if stop.is_set():
                return []
            try:
                squares.append((path, self._read_square(path)))
            except UnreadablePhoto as error:
                results[path] = error
        for start in range(0, len(squares), _AT_ONCE):
            group = squares[start : start + _AT_ONCE]
            vectors = _unit_vectors(network, [square for _, square in group])
            results.update(zip((path for path, _ in group), vectors, strict=True))
        return list(results.items())

    def _read_square(self, path: str) -> np.ndarray:
        size = self._model.input_size
        photo = read_photo(path, size, max_pixels=self.max_pixels)
        return np.asarray(photo.resize((size, size), Image.Resampling.BILINEAR))

    def _load(self) -> torch.nn.Module:
        model, network = getattr(self, "_network", (None, None))
        if network is None or model != self._model:
            network = load_network(self._model)
            self._network = (self._model, network)
        return network

    def _n_threads(self) -> int:
        # joblib counts the cores that a container or an affinity mask leaves to this process
        return joblib.effective_n_jobs(-1 if self.n_jobs is None else self.n_jobs)

    @property
    def _model(self) -> Model:
        return self.model if isinstance(self.model, Model) else get_model(self.model)

    @property
    def _n_features_out(self) -> int:
        return self._model.embedding_size

    def _check_parameters(self) -> None:
        _ = self._model
        for name in ("batch_size", "max_pixels"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Got {name}={value!r}, expected a positive integer.")
        if self.n_jobs is not None and (not isinstance(self.n_jobs, Integral) or self.n_jobs == 0):
            raise ValueError(
                f"Got n_jobs={self.n_jobs!r}, expected None or an integer other than 0."
            )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.no_validation = True
        tags.requires_fit = False
        return tags

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state.pop("_network", None)
        return state


def _check_paths(X: Iterable[PathLike]) -> list[str]:
    if isinstance(X, (str, bytes, os.PathLike)):
        raise TypeError(f"Got the single path {X!r}, expected a list of paths.")
    paths = list(X)
    for path in paths:
        if not isinstance(path, (str, os.PathLike)):
            raise TypeError(f"Got {path!r} among the paths, expected a str or a pathlib.Path.")
    return [os.fspath(path) for path in paths]


def _unit_vectors(network: torch.nn.Module, squares: list[np.ndarray]) -> np.ndarray:
    """Embed at most `_AT_ONCE` pictures, uint8 (size, size, 3)."""
    import torch

    pictures = np.zeros((_AT_ONCE, *squares[0].shape), dtype=np.uint8)
    pictures[: len(squares)] = squares
    with torch.inference_mode():
        # (n, size, size, 3) in memory is what torch calls channels_last
        vectors = network(torch.from_numpy(pictures).permute(0, 3, 1, 2).float())
        return torch.nn.functional.normalize(vectors).numpy()[: len(squares)]


@contextlib.contextmanager
def _one_core_a_thread() -> Iterator[None]:
    """Let each thread compute with one core, for as long as there are several of them."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
