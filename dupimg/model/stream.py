"""`PhotoStream`: decode photos, embed them, and yield each one as soon as it is done."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, fields
from functools import cached_property, partial
from itertools import islice
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupimg.files.images import UnreadablePhoto, Views, read_views
from dupimg.files.sandbox import Map, open_sandbox
from dupimg.files.sharpness import SHARPNESS, measure_sharpness
from dupimg.model.backends import AT_ONCE, Network, check_precision, open_network
from dupimg.model.colours import COLOURS, with_colours
from dupimg.model.features import THUMBNAIL_SIZE, Features
from dupimg.model.heads import SceneHead, choose_head
from dupimg.model.models import Model, fingerprint
from dupimg.threads import SECONDS_BETWEEN_LOOKS, Threads, raise_if_pressed

Outcome = Features | UnreadablePhoto
Outcomes = Generator[tuple[int, Outcome], None, None]


@dataclass(frozen=True)
class PhotoStream:
    """Decode photos and compute their features, in threads.

    Streams with the same settings are equal. The network and the scene head are loaded when they
    are first needed, and left out when a stream is pickled.

    Parameters
    ----------
    model : Model
    scene_head : Path or None
        A head written by `dupimg fit_head`; None uses the model's own, if it has one.
    backend : {"torch", "openvino"}
    precision : {"float32", "bfloat16"}
    batch_size : int
        Number of photos that a thread takes at a time.
    n_jobs : int or None
        Number of threads, as joblib counts them; None is -1, all cores.
    max_pixels : int
        A photo with more pixels is unreadable.
    time_limit : float or None
        Most seconds for decoding a photo in a worker process; None decodes in this process.

    Raises
    ------
    BackendError, ValueError
        A setting is invalid.
    """

    model: Model
    scene_head: Path | None
    backend: str
    precision: str
    batch_size: int
    n_jobs: int | None
    max_pixels: int
    time_limit: float | None

    def __post_init__(self) -> None:
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

    def __getstate__(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def head(self) -> SceneHead | None:
        """The head for scene vectors; None if the vectors for duplicates serve for scenes, too."""
        return choose_head(self.model, self.scene_head)

    @cached_property
    def network(self) -> Network:
        """The loaded network."""
        return open_network(self.model, self.backend, self.precision, self.n_threads)

    @property
    def n_threads(self) -> int:
        """Number of threads on this machine."""
        # joblib counts the cores available in a container or under an affinity mask
        return joblib.effective_n_jobs(-1 if self.n_jobs is None else self.n_jobs)

    @property
    def fingerprint(self) -> str:
        """Network, weights, preprocessing, backend, precision, measure of sharpness and head.

        Streams with the same fingerprint compute bit-identical features.
        """
        parts = [fingerprint(self.model), self.backend, self.precision, SHARPNESS]
        return "-".join([*parts, self.head.fingerprint, COLOURS] if self.head else parts)

    def run(self, paths: Sequence[str]) -> Outcomes:
        """Decode and embed photos.

        Parameters
        ----------
        paths : sequence of str

        Yields
        ------
        index : int
            Position of the photo in `paths`. Every position comes once, in any order.
        outcome : Features or UnreadablePhoto

        Notes
        -----
        At most two batches a thread are started ahead of the consumer. Closing the generator
        stops the threads.
        """
        if not paths:
            return
        n_threads = self.n_threads
        batches = _batches(len(paths), self.batch_size, n_threads, AT_ONCE[self.backend])
        stop = threading.Event()
        loader, threads = Threads(1, "dupimg-load"), Threads(n_threads, "dupimg-embed")
        pending: set[Future[list[tuple[int, Outcome]]]] = set()
        computing = contextlib.ExitStack()
        with computing, loader, threads, open_sandbox(n_threads, self.time_limit) as decode:
            # In the background, because importing torch takes seconds.
            network = loader.submit(self._load_into, computing)
            embed = partial(self._embed, network, decode, stop)
            try:
                while True:
                    for batch in islice(batches, 2 * n_threads - len(pending)):
                        pending.add(threads.submit(embed, batch, [paths[i] for i in batch]))
                    if not pending:
                        return
                    done, pending = wait(pending, SECONDS_BETWEEN_LOOKS, FIRST_COMPLETED)
                    raise_if_pressed()
                    for future in done:
                        yield from future.result()
            finally:
                stop.set()
                threads.shutdown(wait=False, cancel_futures=True)

    def _load_into(self, computing: contextlib.ExitStack) -> Network:
        """Load the network, and limit it to one core a thread until `computing` closes."""
        computing.enter_context(self.network.one_core_a_thread())
        return self.network

    def _embed(
        self,
        network: Future[Network],
        decode: Map,
        stop: threading.Event,
        batch: range,
        paths: Sequence[str],
    ) -> list[tuple[int, Outcome]]:
        """Decode and embed one batch, in one thread."""
        read = partial(read_views, size=self.model.input_size, max_pixels=self.max_pixels)
        outcomes: list[tuple[int, Outcome]] = []
        decoded: list[tuple[int, Views]] = []
        for index, views in zip(batch, decode(read, paths), strict=True):
            if stop.is_set():
                return []
            if isinstance(views, UnreadablePhoto):
                outcomes.append((index, views))
            else:
                decoded.append((index, views))
        outputs = network.result()([views.square for _, views in decoded])
        vectors, maps = np.split(outputs, [self.model.embedding_size], axis=1)
        vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        scenes = vectors if self.head is None else self.head.transform(maps)
        for (index, views), vector, scene in zip(decoded, vectors, scenes, strict=True):
            if self.head is not None:
                scene = with_colours(scene, views.square)
            thumbnail, sharpness = _thumbnail(views.square), measure_sharpness(views.square)
            features = Features(vector, scene, thumbnail, views.preview, sharpness=sharpness)
            outcomes.append((index, features))
        return outcomes


def _batches(n_photos: int, size: int, n_threads: int, at_once: int) -> Iterator[range]:
    """Split positions into batches, smaller towards the end, so that threads end together."""
    start = 0
    while start < n_photos:
        share = (n_photos - start) // (2 * n_threads)
        end = min(n_photos, start + min(size, max(1, share // at_once) * at_once))
        yield range(start, end)
        start = end


def _thumbnail(square: NDArray[np.uint8]) -> NDArray[np.uint8]:
    size = (THUMBNAIL_SIZE, THUMBNAIL_SIZE)
    return np.asarray(Image.fromarray(square).convert("L").resize(size, Image.Resampling.BOX))
