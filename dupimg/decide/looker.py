"""Compare the previews of pairs of photos, in worker processes or in this one.

Processes, since Python runs one thread at a time and the comparison is mostly Python code.
"""

from __future__ import annotations

import io
import multiprocessing
from collections.abc import Mapping, Sequence
from dataclasses import astuple
from functools import cache, lru_cache
from typing import NamedTuple

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

# Most decoded previews in memory: 250 KB each.
_PICTURES_AT_ONCE = 64


class Glanced(NamedTuple):
    """The colours and the details of a photo."""

    glance: Glance
    details: Details


class Question(NamedTuple):
    """A question about some pairs of contents.

    Attributes
    ----------
    what : {"places", "copies", "copies, mirrored ones, too"}
    pairs : sequence of (str, str)
        Digests.
    glanced : mapping of str to (Glanced or None)
        The colours and details of each content in the pairs, if it has a preview.
    previews : mapping of str to (bytes or None)
        For copies, the preview of each content.
    """

    what: str
    pairs: Sequence[tuple[str, str]]
    glanced: Mapping[str, Glanced | None]
    previews: Mapping[str, bytes | None]


def answer(question: Question) -> list[bytes | None]:
    """Compare pairs of contents; return the evidence on each pair as float32 bytes.

    Returns
    -------
    list of (bytes or None)
        `PlaceEvidence` or `CopyEvidence`; None where one of the pictures is missing.
    """
    _use_one_core()
    found = (_evidence(question, *pair) for pair in question.pairs)
    return [None if e is None else np.array(astuple(e), "<f4").tobytes() for e in found]


def _evidence(question: Question, first: str, second: str) -> PlaceEvidence | CopyEvidence | None:
    one, other = question.glanced[first], question.glanced[second]
    if one is None or other is None:
        return None
    if question.what == PLACES:
        return _places(one, other)
    pictures = [_picture(question.previews[content] or b"") for content in (first, second)]
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


@cache
def _use_one_core() -> None:
    if multiprocessing.parent_process() is not None:  # there is a worker for each core
        threadpool_limits(1, "blas")


@lru_cache(_PICTURES_AT_ONCE)
def _picture(preview: bytes) -> Picture | None:
    try:
        with Image.open(io.BytesIO(preview)) as opened:
            return see_preview(opened)
    except OSError:
        return None


def glance(preview: bytes) -> Glanced | None:
    """Return the colours and details of a photo by its preview; None if that is unreadable."""
    try:
        with Image.open(io.BytesIO(preview)) as opened:
            return glance_at_preview(opened)
    except OSError:
        return None


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
