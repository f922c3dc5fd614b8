"""Evidence on pairs of photos: each pair is looked at once, and remembered by contents."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple
from functools import partial
from threading import Lock
from types import TracebackType
from typing import NamedTuple, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dupimg.files.cache import Cache, cache_path
from dupimg.files.pictures import Pictures
from dupimg.groups.copies import CopyEvidence, compare_copies
from dupimg.groups.details import Details, find_details, match_details
from dupimg.groups.pictures import COLOUR_SIDE, Picture
from dupimg.groups.places import PlaceEvidence, compare_places
from dupimg.model.colours import white_ground
from dupimg.progress import progress_bar
from dupimg.search.blocks import thread_pools
from dupimg.search.similarity import nearest_neighbours

# Changes whenever a pair may get other evidence; see `Cache.pairs`.
_PLACES, _COPIES = "places 3", "copies 6"

# Of a photo so many nearest ones are looked at, from this cosine by the embedding for scenes on:
# of pairs of strangers' photos that share a place by their details, hardly one has less.
_NEIGHBOURS, _LEAST_COSINE = 12, 0.6

# Copies are looked for from a lower cosine on: a photo and a screenshot of it are less alike.
_LEAST_COSINE_OF_COPIES = 0.35

# Photos whose details are in memory: 160 KB each.
_SEEN_AT_ONCE = 2048

E = TypeVar("E", PlaceEvidence, CopyEvidence)


class Seen(NamedTuple):
    """What is compared of a photo."""

    picture: Picture
    details: Details


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
        self._seen: OrderedDict[str, Seen | None] = OrderedDict()
        self._lock = Lock()

    def __enter__(self) -> Evidence:
        self.cache.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.pictures.close()
        self.cache.__exit__(kind, error, trace)

    def same_places(
        self, vectors: NDArray[np.float32], digests: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Find photos that show one place, among the nearest ones of each.

        Parameters
        ----------
        vectors : ndarray of shape (n, d)
            Embeddings for scenes, without colours.
        digests : sequence of str, of length n
            The content of each.

        Returns
        -------
        pairs : ndarray of shape (n_pairs, 2), int64
            Rows of `vectors` that share a scene whatever their cosine.
        details : ndarray of shape (n_pairs,), int64
            How many matched details prove it.
        """
        pairs = nearest_neighbours(vectors, _NEIGHBOURS, _LEAST_COSINE)
        keys = [(digests[i], digests[j]) for i, j in pairs.tolist()]
        found = self._of(keys, PlaceEvidence, _PLACES, _compare_places, "details")
        proven = [e is not None and e.is_same_place for e in found]
        details = [int(e.n_details) for e in found if e is not None and e.is_same_place]
        return pairs[np.array(proven, dtype=bool)], np.array(details, np.int64)

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
        compare = partial(_compare_copies, mirrored=self._mirrored)
        # Each pair once, whichever of the two is to stay.
        once = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
        found = dict(
            zip(once, self._of(once, CopyEvidence, version, compare, "pictures"), strict=True)
        )
        both = ((pair, found[min(pair), max(pair)]) for pair in pairs)
        return [e and (e if first < second else e.swapped()) for (first, second), e in both]

    def alike(
        self, vectors: Sequence[NDArray[np.float32]], digests: Sequence[str]
    ) -> NDArray[np.int64]:
        """Find pictures that one may be a copy of the other, a part of it or edited.

        Parameters
        ----------
        vectors : sequence of ndarray of shape (n, d), float32
            Kinds of embeddings.
        digests : sequence of str, of length n
            The content of each.

        Returns
        -------
        ndarray of shape (n_pairs, 2), int64
        """
        near = [nearest_neighbours(v, _NEIGHBOURS, _LEAST_COSINE_OF_COPIES) for v in vectors]
        pairs = np.unique(np.concatenate(near), axis=0)
        keys = [(digests[i], digests[j]) for i, j in pairs.tolist()]
        found = self._of(keys, PlaceEvidence, _PLACES, _compare_places, "comparing")
        return pairs[np.array([e is not None and e.may_be_copy for e in found], dtype=bool)]

    def _of(
        self,
        keys: Sequence[tuple[str, str]],
        kind: type[E],
        version: str,
        compare: Callable[[Seen, Seen], E],
        step: str,
    ) -> list[E | None]:
        known = self.cache.pairs(keys, version)
        new = [k for k, key in enumerate(keys) if key not in known]
        found: dict[tuple[str, str], E | None] = {
            key: kind(*np.frombuffer(content, "<f4").tolist()) for key, content in known.items()
        }

        def look(k: int) -> E | None:
            first, second = (self._look_at(digest) for digest in keys[k])
            return None if first is None or second is None else compare(first, second)

        with (
            progress_bar(len(new), step, unit="pairs", quiet=self._quiet) as bar,
            thread_pools().limit(limits=1, user_api="blas"),
            ThreadPoolExecutor(self._jobs) as pool,
        ):
            for k, evidence in zip(new, pool.map(look, new), strict=True):
                bar.update()
                if evidence is not None:
                    content = np.array(astuple(evidence), "<f4").tobytes()
                    self.cache.remember_pair(keys[k], version, content)
                    evidence = kind(*np.frombuffer(content, "<f4").tolist())  # as remembered
                found[keys[k]] = evidence
        return [found[key] for key in keys]

    def _look_at(self, content: str) -> Seen | None:
        """Return picture and details of a content, of the latest ones without work."""
        with self._lock:
            if content in self._seen:
                self._seen.move_to_end(content)
                return self._seen[content]
        preview = self.pictures.read(content)
        seen = None if preview is None else see_preview(preview)
        with self._lock:
            self._seen[content] = seen
            if len(self._seen) > _SEEN_AT_ONCE:
                self._seen.popitem(last=False)
        return seen


def see_preview(preview: bytes) -> Seen | None:
    """Return picture and details of a preview; None of one that cannot be decoded."""
    try:
        with Image.open(io.BytesIO(preview)) as opened:
            photo = opened.convert("RGB")
    except OSError:
        return None
    picture = see_picture(photo)
    return Seen(picture, find_details(picture.grey))


def see_picture(photo: Image.Image) -> Picture:
    """Return what is compared of a small photo in RGB."""
    scale = min(1.0, COLOUR_SIDE / max(photo.size))
    sides = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    colours = np.asarray(photo.resize(sides, Image.Resampling.BOX))
    return Picture(np.asarray(photo.convert("L")), colours, white_ground(colours))


def _compare_places(first: Seen, second: Seen) -> PlaceEvidence:
    match = match_details(first.details, second.details)
    return compare_places(first.picture, second.picture, match)


def _compare_copies(first: Seen, second: Seen, *, mirrored: bool) -> CopyEvidence:
    found = compare_copies(first.picture, second.picture, first.details, second.details)
    if found.verdict or not mirrored:
        return found
    turned = second.picture.mirrored
    found_mirrored = compare_copies(first.picture, turned, first.details, find_details(turned.grey))
    return found_mirrored if found_mirrored.verdict else found
