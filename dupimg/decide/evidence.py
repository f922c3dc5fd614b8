"""Evidence on pairs of photos: each pair is looked at once, and remembered by contents."""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import astuple
from itertools import chain
from threading import Lock
from types import TracebackType
from typing import Generic, NamedTuple, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.sparse import csr_array
from scipy.sparse.csgraph import reverse_cuthill_mckee

from dupimg.files.cache import Cache, cache_path
from dupimg.files.pictures import Pictures
from dupimg.groups.copies import CopyEvidence, compare_copies
from dupimg.groups.detail_counts import DetailCounts
from dupimg.groups.details import LONGEST_SIDE, Details, find_details, match_details
from dupimg.groups.pictures import CELLS, COLOUR_SIDE, Glance, Picture
from dupimg.groups.places import PlaceEvidence, compare_places
from dupimg.groups.thumbnails import differ_by_a_curve
from dupimg.model.colours import white_ground
from dupimg.opencv import opencv
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

# Photos whose details are in memory, 210 KB each, and those whose pictures are, of 250 KB.
_GLANCES_AT_ONCE, _PICTURES_AT_ONCE = 2048, 512

E = TypeVar("E", PlaceEvidence, CopyEvidence)
T = TypeVar("T")


class Glanced(NamedTuple):
    """What is seen of a photo at a glance."""

    glance: Glance
    details: Details


class _Latest(Generic[T]):
    """What was made of the previews of the latest contents."""

    def __init__(self, pictures: Pictures, make: Callable[[Image.Image], T], most: int) -> None:
        self._pictures = pictures
        self._make = make
        self._most = most
        self._made: OrderedDict[str, T | None] = OrderedDict()
        self._lock = Lock()

    def of(self, content: str) -> T | None:
        """Return what is made of the preview of a content, None without one."""
        with self._lock:
            if content in self._made:
                self._made.move_to_end(content)
                return self._made[content]
        made = self._make_anew(content)
        with self._lock:
            self._made[content] = made
            if len(self._made) > self._most:
                self._made.popitem(last=False)
        return made

    def _make_anew(self, content: str) -> T | None:
        preview = self._pictures.read(content)
        if preview is None:
            return None
        try:
            with Image.open(io.BytesIO(preview)) as opened:
                return self._make(opened)
        except OSError:
            return None


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
        self._glances = _Latest(self.pictures, glance_at_preview, _GLANCES_AT_ONCE)
        self._pictures_seen = _Latest(self.pictures, see_preview, _PICTURES_AT_ONCE)

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
        found = self._of(keys, PlaceEvidence, _PLACES, self._compare_places, "details")
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
        # Each pair once, whichever of the two is to stay.
        once = list(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
        found = dict(
            zip(
                once,
                self._of(once, CopyEvidence, version, self._compare_copies, "pictures"),
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
    ) -> DetailCounts:
        """Find pictures that one may be a copy of the other, a part of it or edited.

        Parameters
        ----------
        vectors : sequence of ndarray of shape (n, d), float32
            Kinds of embeddings.
        digests : sequence of str, of length n
            The content of each.
        thumbnails : ndarray of shape (n, side, side), uint8

        Returns
        -------
        DetailCounts
            Of pairs of contents.
        """
        near = [nearest_neighbours(v, _NEIGHBOURS, _LEAST_COSINE_OF_COPIES) for v in vectors]
        pairs = np.unique(np.concatenate(near), axis=0)
        keys = [(digests[i], digests[j]) for i, j in pairs.tolist()]
        found = self._of(keys, PlaceEvidence, _PLACES, self._compare_places, "comparing")
        may_be = [
            e
            if e is not None and (e.may_be_copy or differ_by_a_curve(thumbnails[i], thumbnails[j]))
            else None
            for (i, j), e in zip(pairs.tolist(), found, strict=True)
        ]
        return _counted(pairs, may_be)

    def _of(
        self,
        keys: Sequence[tuple[str, str]],
        kind: type[E],
        version: str,
        compare: Callable[[str, str], E | None],
        step: str,
    ) -> list[E | None]:
        known = self.cache.pairs(keys, version)
        new = [k for k, key in enumerate(keys) if key not in known]
        found: dict[tuple[str, str], E | None] = {
            key: kind(*np.frombuffer(content, "<f4").tolist()) for key, content in known.items()
        }

        with (
            progress_bar(len(new), step, unit="pairs", quiet=self._quiet) as bar,
            thread_pools().limit(limits=1, user_api="blas"),
            Threads(self._jobs) as threads,
        ):
            batches = [[new[n] for n in batch] for batch in _batches([keys[k] for k in new])]
            compared = threads.each(lambda batch: [compare(*keys[k]) for k in batch], batches)
            for k, evidence in zip(chain(*batches), chain.from_iterable(compared), strict=True):
                bar.update()
                if evidence is not None:
                    content = np.array(astuple(evidence), "<f4").tobytes()
                    self.cache.remember_pair(keys[k], version, content)
                    evidence = kind(*np.frombuffer(content, "<f4").tolist())  # as remembered
                found[keys[k]] = evidence
        return [found[key] for key in keys]

    def _compare_places(self, first: str, second: str) -> PlaceEvidence | None:
        one, other = self._glances.of(first), self._glances.of(second)
        if one is None or other is None:
            return None
        match = match_details(one.details, other.details)
        for times in one.glance.turns_to(other.glance):
            turned = match_details(one.details, other.details.turned(times))
            match = max(match, turned, key=lambda match: match.n_details)
        return compare_places(one.glance, other.glance, match)

    def _compare_copies(self, first: str, second: str) -> CopyEvidence | None:
        one, other = self._pictures_seen.of(first), self._pictures_seen.of(second)
        one_glance, other_glance = self._glances.of(first), self._glances.of(second)
        if one is None or other is None or one_glance is None or other_glance is None:
            return None
        found = compare_copies(one, other, one_glance.details, other_glance.details)
        if found.verdict or not self._mirrored:
            return found
        turned = other.mirrored
        found_mirrored = compare_copies(one, turned, one_glance.details, find_details(turned.grey))
        return found_mirrored if found_mirrored.verdict else found


def _counted(pairs: NDArray[np.int64], found: Sequence[PlaceEvidence | None]) -> DetailCounts:
    """Return the numbers of details of those pairs of which something was found."""
    counts = np.array([-1 if e is None else int(e.n_details) for e in found], np.int64)
    return DetailCounts(pairs[counts >= 0], counts[counts >= 0])


def _batches(pairs: Sequence[tuple[str, str]]) -> list[list[int]]:
    """Return pairs in batches of those of one content, all of one content near each other.

    Then what was made of a content is still in memory when its next pair comes, and no two threads
    make the same at once.
    """
    if not pairs:
        return []
    contents = {content: n for n, content in enumerate(dict.fromkeys(chain(*pairs)))}
    ends = np.array([[contents[content] for content in pair] for pair in pairs])
    graph = csr_array((np.ones(len(ends)), ends.T), shape=(len(contents), len(contents)))
    place = np.empty(len(contents), np.int64)
    place[reverse_cuthill_mckee(graph + graph.T, symmetric_mode=True)] = np.arange(len(contents))
    earlier, later = np.sort(place[ends], axis=1).T
    order = np.lexsort((earlier, later))
    starts = np.flatnonzero(np.diff(later[order])) + 1
    return [batch.tolist() for batch in np.split(order, starts)]


def glance_at_preview(preview: Image.Image) -> Glanced:
    """Return what is compared of the preview of a photo to see whether two show one place."""
    reduction = max(1, max(preview.size) // LONGEST_SIDE)
    preview.draft("RGB", (preview.width // reduction, preview.height // reduction))
    photo = preview.convert("RGB")
    return Glanced(glance_at(photo), find_details(np.asarray(photo.convert("L"))))


def see_preview(preview: Image.Image) -> Picture:
    """Return what is laid over another one of the preview of a photo."""
    return see_picture(preview.convert("RGB"))


def glance_at(photo: Image.Image) -> Glance:
    """Return the colours of a small photo in RGB."""
    colours = _small_colours(photo)
    cells = opencv().resize(colours, (CELLS, CELLS), interpolation=opencv().INTER_AREA)
    return Glance(np.array(photo.size) / max(photo.size), cells, white_ground(colours))


def see_picture(photo: Image.Image) -> Picture:
    """Return what is laid over another one of a small photo in RGB."""
    return Picture(np.asarray(photo.convert("L")), _small_colours(photo))


def _small_colours(photo: Image.Image) -> NDArray[np.uint8]:
    scale = min(1.0, COLOUR_SIDE / max(photo.size))
    sides = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return np.asarray(photo.resize(sides, Image.Resampling.BOX))
