"""Evidence on pairs of photos: each pair is looked at once, and remembered by contents."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from threading import Lock
from typing import NamedTuple, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupimg.decide.embedded import Embedded
from dupimg.files.cache import Cache
from dupimg.files.pictures import Pictures
from dupimg.groups.details import Details, find_details, match_details
from dupimg.groups.evidence import (
    CELLS,
    CopyEvidence,
    Picture,
    PlaceEvidence,
    compare_copies,
    compare_places,
)
from dupimg.model.colours import white_share
from dupimg.progress import progress_bar
from dupimg.search.blocks import thread_pools
from dupimg.search.similarity import nearest_neighbours

# Changes whenever a pair may get other evidence; see `Cache.pairs`.
_PLACES, _COPIES = "places 1", "copies 1"

# Of a photo so many nearest ones are looked at, from this cosine by the embedding for scenes on.
_NEIGHBOURS, _LEAST_COSINE = 12, 0.45

# Photos whose details are in memory: 160 KB each.
_SEEN_AT_ONCE = 2048

E = TypeVar("E", PlaceEvidence, CopyEvidence)


class _Seen(NamedTuple):
    picture: Picture
    details: Details


class Evidence:
    """What the pictures of photos say about pairs of them.

    Parameters
    ----------
    embedded : Embedded
    pictures : Pictures
        Of the contents. A pair with a content without one is not compared.
    cache : Cache
        Remembers what was found about pairs of contents.
    jobs : int or None
        Threads; None is one for each core.
    quiet : bool
        Show no bars.
    """

    def __init__(
        self, embedded: Embedded, pictures: Pictures, cache: Cache, *, jobs: int | None, quiet: bool
    ) -> None:
        self._digests = embedded.digests
        self._pictures = pictures
        self._cache = cache
        self._jobs = jobs or joblib.cpu_count()
        self._quiet = quiet
        self._seen: OrderedDict[int, _Seen | None] = OrderedDict()
        self._lock = Lock()

    def same_places(
        self, vectors: NDArray[np.float32], contents: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Find photos that show one place, among the nearest ones of each.

        Parameters
        ----------
        vectors : ndarray of shape (n, d)
            Embeddings for scenes.
        contents : ndarray of shape (n,), int64
            The content of each.

        Returns
        -------
        ndarray of shape (n_pairs, 2), int64
            Rows of `vectors` that share a scene whatever their cosine.
        """
        pairs = nearest_neighbours(vectors, _NEIGHBOURS, _LEAST_COSINE)
        found = self._of(contents[pairs], PlaceEvidence, _PLACES, _compare_places, "details")
        proven = [evidence is not None and evidence.is_same_place for evidence in found]
        return pairs[np.array(proven, dtype=bool)]

    def copies(self, pairs: NDArray[np.int64]) -> list[CopyEvidence | None]:
        """Compare the pictures of pairs of contents.

        Parameters
        ----------
        pairs : ndarray of shape (n_pairs, 2), int64
            The content that stays, and the one that goes.

        Returns
        -------
        list of (CopyEvidence or None)
            None where one of the pictures is missing.
        """
        return self._of(pairs, CopyEvidence, _COPIES, _compare_copies, "comparing")

    def _of(
        self,
        pairs: NDArray[np.int64],
        kind: type[E],
        version: str,
        compare: Callable[[_Seen, _Seen], E],
        step: str,
    ) -> list[E | None]:
        keys = [(self._digests[i], self._digests[j]) for i, j in pairs.tolist()]
        known = self._cache.pairs(keys, version)
        new = [k for k, key in enumerate(keys) if key not in known]
        found: dict[tuple[str, str], E | None] = {
            key: kind(*np.frombuffer(content, "<f4").tolist()) for key, content in known.items()
        }

        def look(k: int) -> E | None:
            first, second = (self._look_at(i) for i in pairs[k].tolist())
            return None if first is None or second is None else compare(first, second)

        with (
            progress_bar(len(new), step, unit="pairs", quiet=self._quiet) as bar,
            thread_pools().limit(limits=1, user_api="blas"),
            ThreadPoolExecutor(self._jobs) as pool,
        ):
            for k, evidence in zip(new, pool.map(look, new), strict=True):
                bar.update()
                found[keys[k]] = evidence
                if evidence is not None:
                    content = np.array(astuple(evidence), "<f4").tobytes()
                    self._cache.remember_pair(keys[k], version, content)
        return [found[key] for key in keys]

    def _look_at(self, content: int) -> _Seen | None:
        """Return picture and details of a content, of the latest ones without work."""
        with self._lock:
            if content in self._seen:
                self._seen.move_to_end(content)
                return self._seen[content]
        preview = self._pictures.read(self._digests[content])
        seen = None if preview is None else _see(preview)
        with self._lock:
            self._seen[content] = seen
            if len(self._seen) > _SEEN_AT_ONCE:
                self._seen.popitem(last=False)
        return seen


def _see(preview: bytes) -> _Seen | None:
    try:
        with Image.open(io.BytesIO(preview)) as opened:
            photo = opened.convert("RGB")
    except OSError:
        return None
    grey = np.asarray(photo.convert("L"))
    cells = photo.resize((CELLS, CELLS), Image.Resampling.BOX)
    picture = Picture(grey, np.asarray(cells), white_share(np.asarray(photo)))
    return _Seen(picture, find_details(grey))


def _compare_places(first: _Seen, second: _Seen) -> PlaceEvidence:
    match = match_details(first.details, second.details)
    return compare_places(first.picture, second.picture, match)


def _compare_copies(first: _Seen, second: _Seen) -> CopyEvidence:
    return compare_copies(first.picture, second.picture, first.details, second.details)
