"""Compare the previews of pairs of photos, in worker processes or in this one.

Processes, since Python runs one thread at a time and the comparison is mostly Python code.
"""

from __future__ import annotations

import io
import shutil
import tempfile
import weakref
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple
from functools import cache
from threading import Lock
from typing import BinaryIO, Generic, NamedTuple, TypeVar

import joblib
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from threadpoolctl import threadpool_limits

from dupimg.groups.copies import CopyEvidence, compare_copies
from dupimg.groups.details import LONGEST_SIDE, Details, find_details, match_details
from dupimg.groups.pictures import CELLS, COLOUR_SIDE, Glance, Picture
from dupimg.groups.places import PlaceEvidence, compare_places
from dupimg.model.colours import white_ground
from dupimg.opencv import opencv

# Kinds of questions about a pair.
PLACES, COPIES, MIRRORED_COPIES = "places", "copies", "copies, mirrored ones, too"

# Most photos with details in memory (60 KB each), and with pictures (250 KB each).
_GLANCES_AT_ONCE, _PICTURES_AT_ONCE = 4096, 256

# Share of the free disk for details that no longer fit into memory, in all processes.
_SHARE_OF_DISK = 0.25

T = TypeVar("T")


class Question(NamedTuple):
    """A question about some pairs of contents.

    Attributes
    ----------
    what : {"places", "copies", "copies, mirrored ones, too"}
    pairs : sequence of (str, str)
        Digests.
    previews : mapping of str to (bytes or None)
        The preview of each content in the pairs, if there is one.
    """

    what: str
    pairs: Sequence[tuple[str, str]]
    previews: Mapping[str, bytes | None]


class Glanced(NamedTuple):
    """The colours and the details of a photo."""

    glance: Glance
    details: Details


class Looker:
    """Compares pairs of contents, with a memory of the latest ones."""

    def __init__(self) -> None:
        self._glances = _Glances()
        self._pictures = _Latest(see_preview, _PICTURES_AT_ONCE)

    def answer(self, question: Question) -> list[bytes | None]:
        """Return the evidence on each pair as float32 bytes.

        Returns
        -------
        list of (bytes or None)
            `PlaceEvidence` or `CopyEvidence`; None where one of the pictures is missing.
        """
        found = (self._evidence(question, *pair) for pair in question.pairs)
        return [None if e is None else np.array(astuple(e), "<f4").tobytes() for e in found]

    def _evidence(
        self, question: Question, first: str, second: str
    ) -> PlaceEvidence | CopyEvidence | None:
        glances = [self._glances.of(c, question.previews[c]) for c in (first, second)]
        one, other = glances
        if one is None or other is None:
            return None
        if question.what == PLACES:
            return _places(one, other)
        pictures = [self._pictures.of(c, question.previews[c]) for c in (first, second)]
        if pictures[0] is None or pictures[1] is None:
            return None
        found = compare_copies(pictures[0], pictures[1], one.details, other.details)
        if found.verdict or question.what == COPIES:
            return found
        turned = pictures[1].mirrored
        mirrored = compare_copies(pictures[0], turned, one.details, find_details(turned.grey))
        return mirrored if mirrored.verdict else found


def _places(one: Glanced, other: Glanced) -> PlaceEvidence:
    match = match_details(one.details, other.details)
    for times in one.glance.turns_to(other.glance):
        turned = match_details(one.details, other.details.turned(times))
        match = max(match, turned, key=lambda match: match.n_details)
    return compare_places(one.glance, other.glance, match)


def answer_in_worker(question: Question) -> list[bytes | None]:
    """Answer a question in a worker process with its own `Looker`."""
    return _looker_of_this_process().answer(question)


@cache
def _looker_of_this_process() -> Looker:
    threadpool_limits(1, "blas")  # there is a process for each core
    return Looker()


class _Latest(Generic[T]):
    """A cache of values computed from the previews of the latest contents."""

    def __init__(self, make: Callable[[Image.Image], T], most: int) -> None:
        self._make = make
        self._most = most
        self._made: OrderedDict[str, T | None] = OrderedDict()
        self._lock = Lock()

    def of(self, content: str, preview: bytes | None) -> T | None:
        """Return the value of a content; None without a readable preview."""
        with self._lock:
            if content in self._made:
                self._made.move_to_end(content)
                return self._made[content]
            made = self._recall(content)
        if made is None and preview is not None:
            made = self._compute(preview)
        with self._lock:
            self._made[content] = made
            if len(self._made) > self._most:
                self._drop(*self._made.popitem(last=False))
        return made

    def _compute(self, preview: bytes) -> T | None:
        try:
            with Image.open(io.BytesIO(preview)) as opened:
                return self._make(opened)
        except OSError:
            return None

    def _recall(self, content: str) -> T | None:
        """Return the value of a content that was dropped, if it was stored."""
        return None

    def _drop(self, content: str, value: T | None) -> None:
        """Store the oldest value elsewhere, if at all."""


class _Glances(_Latest[Glanced]):
    """A cache of colours and details, which stores earlier ones in a temporary file.

    Computing details takes 4 ms, and a photo of a large collection is compared with a dozen others
    at very different times.
    """

    def __init__(self) -> None:
        super().__init__(glance_at_preview, _GLANCES_AT_ONCE)
        self._file: BinaryIO | None = None
        self._starts: dict[str, int] = {}
        self._space = 0

    def _recall(self, content: str) -> Glanced | None:
        if self._file is None or content not in self._starts:
            return None
        self._file.seek(self._starts[content])
        sides, cells, white, points, descriptors = (np.load(self._file) for _ in range(5))
        return Glanced(Glance(sides, cells, float(white)), Details(points, descriptors))

    def _drop(self, content: str, value: Glanced | None) -> None:
        if value is None or content in self._starts:
            return
        glance, details = value
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile()  # noqa: SIM115 - as long as this object
                weakref.finalize(self, self._file.close)
                free = shutil.disk_usage(tempfile.gettempdir()).free
                self._space = int(free * _SHARE_OF_DISK) // joblib.cpu_count()
            start = self._file.seek(0, 2)
            if start < self._space:
                arrays = (glance.sides, glance.cells, glance.white)
                for values in (*arrays, details.points, details.descriptors):
                    np.save(self._file, values)
                self._starts[content] = start
        except OSError:  # on a full disk, details are computed again
            self._space = 0


def glance_at_preview(preview: Image.Image) -> Glanced:
    """Return the colours and details of a preview, for the search of common places."""
    reduction = max(1, max(preview.size) // LONGEST_SIDE)
    preview.draft("RGB", (preview.width // reduction, preview.height // reduction))
    photo = preview.convert("RGB")
    return Glanced(glance_at(photo), find_details(np.asarray(photo.convert("L"))))


def see_preview(preview: Image.Image) -> Picture:
    """Return a preview as a picture to align with another."""
    return see_picture(preview.convert("RGB"))


def glance_at(photo: Image.Image) -> Glance:
    """Return the colours of a small RGB photo."""
    colours = _small_colours(photo)
    cells = opencv().resize(colours, (CELLS, CELLS), interpolation=opencv().INTER_AREA)
    return Glance(np.array(photo.size) / max(photo.size), cells, white_ground(colours))


def see_picture(photo: Image.Image) -> Picture:
    """Return a small RGB photo as a picture to align with another."""
    return Picture(np.asarray(photo.convert("L")), _small_colours(photo))


def _small_colours(photo: Image.Image) -> NDArray[np.uint8]:
    scale = min(1.0, COLOUR_SIDE / max(photo.size))
    sides = (max(1, round(photo.width * scale)), max(1, round(photo.height * scale)))
    return np.asarray(photo.resize(sides, Image.Resampling.BOX))
