"""Compare pairs of photos once, and cache the evidence by content."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain
from types import TracebackType
from typing import TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from dupimg.decide.looker import (
    COPIES,
    MIRRORED_COPIES,
    PLACES,
    Looker,
    Question,
    answer_in_worker,
)
from dupimg.files.cache import Cache, cache_path
from dupimg.files.pictures import Pictures
from dupimg.files.sandbox import Map, open_sandbox
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

# Pairs per chunk for a worker: about a second's work. Fewer pairs are compared in this process,
# because a new one takes a quarter of a second to start.
_AT_ONCE = {PLACES: 256, COPIES: 32, MIRRORED_COPIES: 32}
_WORTH_A_WORKER = 32

E = TypeVar("E", PlaceEvidence, CopyEvidence)


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
        self._looker = Looker()
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
        known = self.cache.pairs(keys, version)
        new = [key for key in dict.fromkeys(keys) if key not in known]
        order, size = _order_by_content(new), min(_AT_ONCE[what], 1 + len(new) // (4 * self._jobs))
        chunks = [order[n : n + size] for n in range(0, len(new), size)]
        answer = self._choose_comparer(len(new))

        def ask(chunk: list[int]) -> list[bytes | None]:
            pairs = [new[k] for k in chunk]
            contents = dict.fromkeys(chain(*pairs))
            return answer(Question(what, pairs, {c: self.pictures.read(c) for c in contents}))

        found: dict[tuple[str, str], bytes | None] = {**known}
        with (
            progress_bar(len(new), step, unit="pairs", quiet=self._quiet) as bar,
            thread_pools().limit(limits=1, user_api="blas"),
            Threads(self._jobs) as threads,
        ):
            for chunk, answers in zip(chunks, threads.each(ask, chunks), strict=True):
                for k, content in zip(chunk, answers, strict=True):
                    found[new[k]] = content
                    if content is not None:
                        self.cache.remember_pair(new[k], version, content)
                    bar.update()
        contents = (found[key] for key in keys)
        return [None if c is None else kind(*np.frombuffer(c, "<f4").tolist()) for c in contents]

    def _choose_comparer(self, n_pairs: int) -> Callable[[Question], list[bytes | None]]:
        """Return the function that compares pairs: in workers, or here if they are few."""
        if self._workers is None and n_pairs < _WORTH_A_WORKER * self._jobs:
            return self._looker.answer
        if self._workers is None:
            self._workers = self._at_end.enter_context(open_sandbox(self._jobs, _SECONDS))
        workers = self._workers

        def answer(question: Question) -> list[bytes | None]:
            (answers,) = workers(answer_in_worker, [question])
            # Anything else is the error of a dead worker.
            return answers if isinstance(answers, list) else [None] * len(question.pairs)

        return answer


def _detail_counts(pairs: NDArray[np.int64], found: Sequence[PlaceEvidence | None]) -> DetailCounts:
    """Count the matched details of the pairs that could be compared."""
    counts = np.array([-1 if e is None else int(e.n_details) for e in found], np.int64)
    return DetailCounts(pairs[counts >= 0], counts[counts >= 0])


def _order_by_content(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Return an order of pairs in which pairs of the same content are close together.

    Then the details of a content are still in memory for its next pair, and threads or processes
    rarely compute the same details.
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
