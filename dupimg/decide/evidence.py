"""Compare pairs of photos once, and cache the evidence by content."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from types import TracebackType
from typing import TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from dupimg.decide.glances import Glances
from dupimg.decide.looker import (
    COPIES,
    MIRRORED_COPIES,
    PLACES,
    Glanced,
    Question,
    answer,
    glance,
)
from dupimg.files.cache import Cache, cache_path
from dupimg.files.pictures import Pictures
from dupimg.files.sandbox import Map, map_here, open_sandbox
from dupimg.groups.copies import CopyEvidence
from dupimg.groups.detail_counts import DetailCounts
from dupimg.groups.places import PlaceEvidence
from dupimg.groups.thumbnails import differ_by_a_curve
from dupimg.progress import progress_bar
from dupimg.search.blocks import thread_pools
from dupimg.search.similarity import nearest_neighbours
from dupimg.threads import Threads

# Changes whenever a pair may get other evidence; see `Cache.pairs`.
_PLACES, _COPIES = "places 6", "copies 11"

# Compare each photo with so many nearest ones from this scene cosine on: among photos of different
# people that show one place, hardly a pair has less.
_NEIGHBOURS, _LEAST_COSINE = 12, 0.62

# Search copies from a lower cosine on: a photo and a screenshot of it are less alike.
_LEAST_COSINE_OF_COPIES = 0.35

# Time limit in seconds for a chunk of pairs in a worker; it usually takes one.
_SECONDS = 600.0

# Most pairs per chunk for a worker: half a second's work. Less than a fifth of that for each core
# is done in this process, because a new one takes as long to start.
_AT_ONCE = {PLACES: 256, COPIES: 32, MIRRORED_COPIES: 32}
_WORTH_A_WORKER = 0.2

# The details of so many pairs are found first, then the pairs are compared: so no worker finds
# details that another one is just finding. Number of contents per chunk for a worker.
_PAIRS_AT_ONCE, _GLANCES_AT_ONCE = 4096, 16

E = TypeVar("E", PlaceEvidence, CopyEvidence)
T = TypeVar("T")

# Digests of two contents.
Pair = tuple[str, str]


class Evidence:
    """Compares the pictures of pairs of photos.

    Use it as a context manager, within which pairs can be compared.

    Parameters
    ----------
    cache : str or None
        See `cache_path`. It stores the evidence on pairs of contents.
    jobs : int or None
        Number of threads; None is one for each core.
    quiet : bool
        Whether to hide progress bars.
    mirrored : bool, default=False
        Whether a mirrored picture is a copy.

    Attributes
    ----------
    cache : Cache
    pictures : Pictures
        Previews of contents. A pair is not compared if one is missing.
    """

    def __init__(
        self, cache: str | None, *, jobs: int | None, quiet: bool, mirrored: bool = False
    ) -> None:
        self.cache = Cache(cache_path(cache))
        self.pictures = Pictures(self.cache)
        self._jobs = jobs or joblib.cpu_count()
        self._quiet = quiet
        self._mirrored = mirrored
        self._at_end = ExitStack()
        self._glances = Glances()
        self._workers: Map | None = None

    def __enter__(self) -> Evidence:
        self.cache.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._at_end.close()
        self._glances.close()
        self.pictures.close()
        self.cache.__exit__(kind, error, trace)

    def at_end(self, function: Callable[[], object]) -> None:
        """Register a function to be called on exit."""
        self._at_end.callback(function)

    def same_places(
        self, vectors: NDArray[np.float32], digests: Sequence[str]
    ) -> tuple[DetailCounts, NDArray[np.bool_]]:
        """Find photos that show the same place, among the nearest ones of each.

        Parameters
        ----------
        vectors : ndarray of shape (n, d)
            Scene embeddings without colours.
        digests : sequence of str, of length n
            The content of each row.

        Returns
        -------
        details : DetailCounts
            Matched details of pairs of rows of `vectors`.
        proven : ndarray of shape (n_pairs,), bool
            Which pairs share a scene whatever their cosine.
        """
        with progress_bar(len(vectors), "details", unit="photos", quiet=self._quiet) as bar:
            pairs = nearest_neighbours(vectors, _NEIGHBOURS, _LEAST_COSINE, progress=bar.update)
        keys = [(digests[i], digests[j]) for i, j in pairs.tolist()]
        found = self._of(keys, PlaceEvidence, _PLACES, PLACES, "details")
        proven = np.array([e is not None and e.is_same_place for e in found], dtype=bool)
        compared = np.array([e is not None for e in found], dtype=bool)
        return _detail_counts(pairs, found), proven[compared]

    def copies(self, pairs: Sequence[tuple[str, str]]) -> list[CopyEvidence | None]:
        """Compare the pictures of pairs of contents.

        Parameters
        ----------
        pairs : sequence of (str, str)
            Digests of the content that would stay and of the one that would go.

        Returns
        -------
        list of (CopyEvidence or None)
            None where one of the pictures is missing.
        """
        version = f"{_COPIES} mirrored" if self._mirrored else _COPIES
        what = MIRRORED_COPIES if self._mirrored else COPIES
        # Compare each pair once, in one order.
        once = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
        found = dict(
            zip(
                once,
                self._of(once, CopyEvidence, version, what, "pictures"),
                strict=True,
            )
        )
        both = ((pair, found[min(pair), max(pair)]) for pair in pairs)
        return [e and (e if first < second else e.swapped()) for (first, second), e in both]

    def alike(
        self,
        vectors: Sequence[NDArray[np.float32]],
        digests: Sequence[str],
        thumbnails: NDArray[np.uint8],
        of: NDArray[np.int64] | None = None,
    ) -> DetailCounts:
        """Find pairs of pictures that may be copies, crops or edits of each other.

        Parameters
        ----------
        vectors : sequence of ndarray of shape (n, d), float32
            Embeddings of different kinds.
        digests : sequence of str, of length n
            The content of each row.
        thumbnails : ndarray of shape (n, side, side), uint8
        of : ndarray of shape (k,), int64, optional
            The contents that are compared with their nearest; all by default.

        Returns
        -------
        DetailCounts
            Matched details of pairs of contents.
        """
        near = [nearest_neighbours(v, _NEIGHBOURS, _LEAST_COSINE_OF_COPIES, of) for v in vectors]
        pairs = np.unique(np.concatenate(near), axis=0)
        keys = [(digests[i], digests[j]) for i, j in pairs.tolist()]
        found = self._of(keys, PlaceEvidence, _PLACES, PLACES, "comparing")
        may_be = [
            e
            if e is not None and (e.may_be_copy or differ_by_a_curve(thumbnails[i], thumbnails[j]))
            else None
            for (i, j), e in zip(pairs.tolist(), found, strict=True)
        ]
        return _detail_counts(pairs, may_be)

    def _of(
        self, keys: Sequence[tuple[str, str]], kind: type[E], version: str, what: str, step: str
    ) -> list[E | None]:
        found: dict[Pair, bytes | None] = {**self.cache.pairs(keys, version)}
        new = [key for key in dict.fromkeys(keys) if key not in found]
        for pair, content in self._compare(new, what, step):
            found[pair] = content
            if content is not None:
                self.cache.remember_pair(pair, version, content)
        contents = (found[key] for key in keys)
        return [None if c is None else kind(*np.frombuffer(c, "<f4").tolist()) for c in contents]

    def _compare(
        self, pairs: Sequence[Pair], what: str, step: str
    ) -> Iterator[tuple[Pair, bytes | None]]:
        """Yield pairs of contents and the evidence on them, in any order."""
        size = min(_AT_ONCE[what], 1 + len(pairs) // (4 * self._jobs))
        workers = self._choose_workers(len(pairs) / _AT_ONCE[what])
        glance_at = partial(self._glance_at, workers)

        def ask(chunk: Sequence[Pair]) -> list[bytes | None]:
            contents = _contents_of(chunk)
            previews = {} if what == PLACES else {c: self.pictures.read(c) for c in contents}
            (found,) = workers(answer, [Question(what, chunk, glance_at(contents), previews)])
            # Anything else is the error of a dead worker.
            return found if isinstance(found, list) else [None] * len(chunk)

        with (
            progress_bar(len(pairs), step, unit="pairs", quiet=self._quiet) as bar,
            thread_pools().limit(limits=1, user_api="blas"),
            Threads(self._jobs) as threads,
        ):
            for part in _parts([pairs[k] for k in _order_by_content(pairs)], _PAIRS_AT_ONCE):
                for _ in threads.each(glance_at, _parts(_contents_of(part), _GLANCES_AT_ONCE)):
                    pass
                chunks = _parts(part, size)
                for chunk, answers in zip(chunks, threads.each(ask, chunks), strict=True):
                    yield from zip(chunk, answers, strict=True)
                    bar.update(len(chunk))

    def _choose_workers(self, n_chunks: float) -> Map:
        """Return what calls functions: workers, or this process if there is little to do."""
        if self._workers is None and n_chunks < _WORTH_A_WORKER * self._jobs:
            return map_here
        if self._workers is None:
            self._workers = self._at_end.enter_context(open_sandbox(self._jobs, _SECONDS))
        return self._workers

    def _glance_at(self, workers: Map, contents: Sequence[str]) -> dict[str, Glanced | None]:
        """Return the colours and details of contents; None without a readable preview."""
        glanced = self._glances.known(contents)
        previews = {c: self.pictures.read(c) for c in contents if c not in glanced}
        readable = {c: preview for c, preview in previews.items() if preview is not None}
        found = dict(zip(readable, workers(glance, [*readable.values()]), strict=True))
        for content in previews:
            one = found.get(content)
            # Anything else is the error of a dead worker.
            glanced[content] = one if isinstance(one, Glanced) else None
            self._glances.keep(content, glanced[content])
        return glanced


def _contents_of(pairs: Iterable[Pair]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(pairs)))


def _parts(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _detail_counts(pairs: NDArray[np.int64], found: Sequence[PlaceEvidence | None]) -> DetailCounts:
    """Count the matched details of the pairs that could be compared."""
    counts = np.array([-1 if e is None else int(e.n_details) for e in found], np.int64)
    return DetailCounts(pairs[counts >= 0], counts[counts >= 0])


def _order_by_content(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Return an order of pairs in which pairs of the same content are close together.

    Then the details of a content are still in memory for its next pair.
    """
    if not pairs:
        return []
    contents = {content: n for n, content in enumerate(dict.fromkeys(chain(*pairs)))}
    ends = np.array([[contents[content] for content in pair] for pair in pairs])
    graph = csr_array((np.ones(len(ends)), ends.T), shape=(len(contents), len(contents)))
    place = np.empty(len(contents), np.int64)
    place[reverse_cuthill_mckee(graph + graph.T, symmetric_mode=True)] = np.arange(len(contents))
    earlier, later = np.sort(place[ends], axis=1).T
    order: list[int] = np.lexsort((earlier, later)).tolist()
    return order
