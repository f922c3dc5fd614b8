"""`PhotoEmbedder`: a scikit-learn transformer from paths of photos to unit vectors."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from itertools import islice
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from PIL import Image
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags

from dupimg.files.images import MAX_PIXELS, UnreadablePhoto, Views, read_views
from dupimg.files.sandbox import Map, open_sandbox
from dupimg.model import remote
from dupimg.model.backends import AT_ONCE, Network, check_precision, choose_backend, open_network
from dupimg.model.features import THUMBNAIL_SIZE, Features
from dupimg.model.heads import HeadError, SceneHead, load_head, shipped_head
from dupimg.model.models import Model, fingerprint, get_model

PathLike = str | os.PathLike[str]
Outcome = Features | UnreadablePhoto


class PhotoEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Turn photos into unit vectors whose dot product is the cosine similarity of the photos.

    Parameters
    ----------
    model : str or Model, default="efficientnet_lite0"
        Name of a network in `dupimg.model.models.MODELS`.
    head : {None, "scene"}, default=None
        Which vectors `transform` gives: None those for duplicates, "scene" those for scenes. They
        come from one pass through the network, and `stream` gives both. A network without a
        scene head has one vector for both.
    head_file : str or path-like, default=None
        A scene head that `dupimg fit_head` wrote, to be used instead of the one that comes with
        dupimg.
    batch_size : int, default=8
        Number of photos that a thread takes at a time; best a multiple of 4, because torch looks
        at 4 at once. The vectors do not depend on it.
    n_jobs : int, default=None
        Number of threads, each of which decodes and embeds one batch after the other. None
        and -1 mean all cores that this process may use, -2 all but one.
    max_pixels : int, default=500_000_000
        A photo with more pixels than this is unreadable.
    time_limit : float, default=None
        Seconds after which decoding a photo is given up. Photos are then decoded in worker
        processes, and a photo on which a decoder hangs, dies or eats memory is unreadable. None
        decodes in this process, without any such guard. The vectors do not depend on it.
    backend : {"auto", "torch", "openvino"}, default="auto"
        What computes the network. OpenVINO takes half of torch's time and comes with
        ``pip install openvino``; "auto" takes it where it is installed. The cosines of the
        two differ by less than 1e-6.
    precision : {"float32", "bfloat16"}, default="float32"
        Of the products in the network. bfloat16 takes half of the time, where the processor has
        it, and changes cosines by up to 0.035.

    See Also
    --------
    dupimg.DuplicateFinder : Finds duplicates among such vectors.
    dupimg.SceneGrouper : Groups such vectors into scenes.

    Notes
    -----
    `fit` learns nothing. The weights are loaded when they are first needed and left out when
    the transformer is pickled.

    Each thread decodes and embeds with one core, so that nothing waits: neither the network
    for photos nor the cores for each other. It takes the memory of one batch a thread. With a
    time limit it is either the thread or its worker process that computes: the same holds.

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
        head: str | None = None,
        head_file: PathLike | None = None,
        batch_size: int = 8,
        n_jobs: int | None = None,
        max_pixels: int = MAX_PIXELS,
        time_limit: float | None = None,
        backend: str = "auto",
        precision: str = "float32",
    ) -> None:
        self.model = model
        self.head = head
        self.head_file = head_file
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
        ndarray of shape (n_photos, n_features), float32
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
                vectors[index] = result.scene_vector if self.head else result.vector
        if unreadable:
            first = min(unreadable)
            raise UnreadablePhoto(f"{paths[first]}: {unreadable[first]}") from unreadable[first]
        return vectors

    def stream(self, X: Iterable[PathLike]) -> Iterator[tuple[int, Outcome]]:
        """Embed photos and hand each one over as soon as it is done.

        Parameters
        ----------
        X : iterable of str or path-like, of length n_photos
            Paths of photos. Equal paths are read once.

        Yields
        ------
        index : int
            Position of the photo in `X`. Every position comes once, in any order.
        result : Features or UnreadablePhoto
            Its vectors of norm 1, thumbnail and preview, or the reason why it has none.

        Notes
        -----
        Closing the iterator stops the threads; only a few batches are begun ahead of what has
        been taken from it.
        """
        self._check_parameters()
        positions: dict[str, list[int]] = defaultdict(list)
        for index, path in enumerate(_check_paths(X)):
            positions[path].append(index)
        paths = list(positions)
        if remote.uses_remote_backend():
            params = self.get_params() | {"backend": self._backend}  # one for all machines
            results = ((paths[i], r) for i, r in remote.stream(params, paths))
        else:
            results = self._stream(paths)
        return ((index, result) for path, result in results for index in positions[path])

    def _stream(self, paths: Sequence[str]) -> Iterator[tuple[str, Outcome]]:
        n_threads = self._n_threads()
        batches = _batches(paths, self.batch_size, n_threads, AT_ONCE[self._backend])
        stop = threading.Event()
        loader = ThreadPoolExecutor(1, thread_name_prefix="dupimg-load")
        pool = ThreadPoolExecutor(n_threads, thread_name_prefix="dupimg-embed")
        pending: set[Future[list[tuple[str, Outcome]]]] = set()
        computing = contextlib.ExitStack()
        with computing, loader, pool, open_sandbox(n_threads, self.time_limit) as decode:
            # Photos are decoded meanwhile: importing torch takes seconds.
            network = loader.submit(self._load_into, computing)
            embed = partial(self._embed, network, self._head, decode, stop)
            try:
                while True:
                    for batch in islice(batches, 2 * n_threads - len(pending)):
                        pending.add(pool.submit(embed, batch))
                    if not pending:
                        return
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield from future.result()
            finally:
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _embed(
        self,
        network: Future[Network],
        head: SceneHead | None,
        decode: Map,
        stop: threading.Event,
        paths: Sequence[str],
    ) -> list[tuple[str, Outcome]]:
        """Decode and embed one batch, in one thread."""
        read = partial(read_views, size=self._model.input_size, max_pixels=self.max_pixels)
        results: dict[str, Outcome] = {}
        decoded: list[tuple[str, Views]] = []
        for path, views in zip(paths, decode(read, paths), strict=True):
            if stop.is_set():
                return []
            if isinstance(views, UnreadablePhoto):
                results[path] = views
            else:
                decoded.append((path, views))
        outputs = network.result()([views.square for _, views in decoded])
        vectors, features = np.split(outputs, [self._model.embedding_size], axis=1)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        scenes = vectors if head is None else head.transform(features)
        for (path, views), vector, scene in zip(decoded, vectors, scenes, strict=True):
            results[path] = Features(vector, scene, _thumbnail(views.square), views.preview)
        return list(results.items())

    def _load_into(self, computing: contextlib.ExitStack) -> Network:
        """Load the network, and let it compute with one core a thread until `computing` closes."""
        network = self._load()
        computing.enter_context(network.one_core_a_thread())
        return network

    def _load(self) -> Network:
        wanted = (self._model, self._backend, self.precision, self._n_threads())
        loaded, network = getattr(self, "_network", (None, None))
        if network is None or loaded != wanted:
            network = open_network(*wanted)
            self._network = (wanted, network)
        return network

    def _n_threads(self) -> int:
        # joblib counts the cores that a container or an affinity mask leaves to this process
        return joblib.effective_n_jobs(-1 if self.n_jobs is None else self.n_jobs)

    @property
    def _model(self) -> Model:
        return self.model if isinstance(self.model, Model) else get_model(self.model)

    @property
    def _backend(self) -> str:
        return choose_backend(self.backend)

    @property
    def embedding_size(self) -> int:
        """Number of values of a vector for duplicates."""
        return self._model.embedding_size

    @property
    def fingerprint(self) -> str:
        """What the vectors depend on besides the photo, to the bit.

        Network, weights, preprocessing, head, backend and precision.
        """
        parts = [fingerprint(self._model), self._backend, self.precision]
        head = self._head
        return "-".join([*parts, head.fingerprint] if head else parts)

    @property
    def _head(self) -> SceneHead | None:
        if self.head_file is None:
            return shipped_head(self._model.head) if self._model.head else None
        head = load_head(Path(self.head_file))
        if head.network != fingerprint(self._model) or not self._model.feature_sizes:
            raise HeadError(
                f"Got head={self.head_file}, fitted for {head.network}, expected one that was "
                f"fitted for {fingerprint(self._model)}. Fit one with `dupimg fit_head`."
            )
        return head

    @property
    def _n_features_out(self) -> int:
        head = self._head if self.head else None
        return self._model.embedding_size if head is None else head.embedding_size

    def _check_parameters(self) -> None:
        _ = self._model
        if self.head not in (None, "scene"):
            raise ValueError(f"Got head={self.head!r}, expected None or 'scene'.")
        _ = self._head, self._backend
        check_precision(self.precision)
        for name in ("batch_size", "max_pixels"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"Got {name}={value!r}, expected a positive integer.")
        limit = self.time_limit
        if limit is not None and (not isinstance(limit, Real) or not 0 < limit < math.inf):
            raise ValueError(
                f"Got time_limit={limit!r}, expected None or a positive number of seconds."
            )
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


def _batches(
    paths: Sequence[str], size: int, n_threads: int, at_once: int
) -> Iterator[Sequence[str]]:
    """Cut paths into batches, smaller ones towards the end: no thread waits long for the last."""
    start = 0
    while start < len(paths):
        share = (len(paths) - start) // (2 * n_threads)
        end = start + min(size, max(1, share // at_once) * at_once)
        yield paths[start:end]
        start = end


def _thumbnail(square: np.ndarray) -> np.ndarray:
    size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    return np.asarray(Image.fromarray(square).convert("L").resize(size, Image.Resampling.BOX))
