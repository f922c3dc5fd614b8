"""Evidence on pairs of photos: each pair is looked at once, and remembered by contents."""

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
_PLACES, _COPIES = "places 5", "copies 10"

# Of a photo so many nearest ones are looked at, from this cosine by the embedding for scenes on:
# of pairs of strangers' photos that share a place by their details, hardly one has less.
_NEIGHBOURS, _LEAST_COSINE = 12, 0.62

# Copies are looked for from a lower cosine on: a photo and a screenshot of it are less alike.
_LEAST_COSINE_OF_COPIES = 0.35

# Seconds that a worker process may take for some pairs; it needs one.
_SECONDS = 600.0

# Pairs that a worker gets at once: about a second's work. Fewer are compared here, as a process
# takes a quarter of a second to start.
_AT_ONCE = {PLACES: 256, COPIES: 32, MIRRORED_COPIES: 32}
_WORTH_A_WORKER = 32

E = TypeVar("E", PlaceEvidence, CopyEvidence)


class Evidence:
    """What the pictures of photos say about pairs of them.

    Use it as a context manager, within which pairs can be compared.

    Parameters
    ----------
    cache : str or None
        See `cache_path`. It remembers what was found about pairs of contents.
    jobs : int or None
        Threads; None is one for each core.
    quiet : bool
        Show no bars.
    mirrored : bool, default=False
        Whether a mirrored picture is a copy.

    Attributes
    ----------
    cache : Cache
    pictures : Pictures
        Of contents. A pair with a content without one is not compared.
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
        """Call a function when no pairs are compared any more."""
        self._at_end.callback(function)

    def same_places(
        self, vectors: NDArray[np.float32], digests: Sequence[str]
    ) -> tuple[DetailCounts, NDArray[np.bool_]]:
        """Find photos that show one place, among the nearest ones of each.

        Parameters
        ----------
        vectors : ndarray of shape (n, d)
            Embeddings for scenes, without colours.
        digests : sequence of str, of length n
            The content of each.

        Returns
        -------
        details : DetailCounts
            Of pairs of rows of `vectors`.
        proven : ndarray of shape (n_pairs,), bool
            Which of the pairs share a scene whatever their cosine.
        """
        pairs = nearest_neighbours(vectors, _NEIGHBOURS, _LEAST_COSINE)
        keys = [(digests[i], digests[j]) for i, j in pairs.tolist()]
        found = self._of(keys, PlaceEvidence, _PLACES, PLACES, "details")
        proven = np.array([e is not None and e.is_same_place for e in found], dtype=bool)
        compared = np.array([e is not None for e in found], dtype=bool)
        return _counted(pairs, found), proven[compared]

    def copies(self, pairs: Sequence[tuple[str, str]]) -> list[CopyEvidence | None]:
        """Compare the pictures of pairs of contents.

        Parameters
        ----------
        pairs : sequence of (str, str)
            The digest of the content that stays, and of the one that goes.

        Returns
        -------
        list of (CopyEvidence or None)
            None where one of the pictures is missing.
        """
        version = f"{_COPIES} mirrored" if self._mirrored else _COPIES
        what = MIRRORED_COPIES if self._mirrored else COPIES
        # Each pair once, whichever of the two is to stay.
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
        """Find pictures that one may be a copy of the other, a part of it or edited.

        Parameters
        ----------
        vectors : sequence of ndarray of shape (n, d), float32
            Kinds of embeddings.
        digests : sequence of str, of length n
            The content of each.
        thumbnails : ndarray of shape (n, side, side), uint8
        of : ndarray of shape (k,), int64, optional
            The contents that are compared with their nearest; all by default.

        Returns
        -------
        DetailCounts
            Of pairs of contents.
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
        return _counted(pairs, may_be)

    def _of(
        self, keys: Sequence[tuple[str, str]], kind: type[E], version: str, what: str, step: str
    ) -> list[E | None]:
        known = self.cache.pairs(keys, version)
        new = [key for key in dict.fromkeys(keys) if key not in known]
        order, size = _in_order(new), min(_AT_ONCE[what], 1 + len(new) // (4 * self._jobs))
        chunks = [order[n : n + size] for n in range(0, len(new), size)]
        answer = self._answer(len(new))

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

    def _answer(self, n_pairs: int) -> Callable[[Question], list[bytes | None]]:
        """Return what answers about so many pairs: worker processes, or this one for a few."""
        if self._workers is None and n_pairs < _WORTH_A_WORKER * self._jobs:
            return self._looker.answer
        if self._workers is None:
            self._workers = self._at_end.enter_context(open_sandbox(self._jobs, _SECONDS))
        workers = self._workers

        def answer(question: Question) -> list[bytes | None]:
            (answers,) = workers(answer_in_worker, [question])
            # An error: the worker died.
            return answers if isinstance(answers, list) else [None] * len(question.pairs)

        return answer


def _counted(pairs: NDArray[np.int64], found: Sequence[PlaceEvidence | None]) -> DetailCounts:
    """Return the numbers of details of those pairs of which something was found."""
    counts = np.array([-1 if e is None else int(e.n_details) for e in found], np.int64)
    return DetailCounts(pairs[counts >= 0], counts[counts >= 0])


def _in_order(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """Return the places of pairs in an order in which all of one content come near each other.

    Then what was made of a content is still in memory when its next pair comes, and hardly two
    threads or processes make the same.
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
