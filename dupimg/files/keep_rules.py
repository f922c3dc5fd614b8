"""Choose the keeper of a duplicate group: an ordered rule becomes one sort key a photo.

Everything that a rule asks of a photo is worked out once, before any photo is compared with
another. So the order of photos is total, and the same whatever the order in which they are listed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dupimg.files.capture_time import FIELDS, FILE_TIME
from dupimg.files.originals import find_derived
from dupimg.files.photos import Photo
from dupimg.messages import Message, message
from dupimg.options.converters import KEEP_WORDS
from dupimg.options.globs import first_match

# A path behind all others: no name begins with this letter.
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class KeepRule:
    """Which duplicate stays.

    Attributes
    ----------
    words : tuple of str
        Out of `ALL_KEEP_WORDS`; the first in which two photos differ decides, then the default
        order, so that only one photo is the best.
    prefer : tuple of str
        Patterns for paths, see `dupimg.options.globs`. They come before all words: a photo that
        matches an earlier pattern stays.
    avoid : tuple of str
        After `prefer`: a photo that matches none of these stays.
    """

    words: tuple[str, ...] = KEEP_WORDS
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """All that decides, in order."""
        return tuple(dict.fromkeys(("protected", "prefer", "avoid", *self.words, *KEEP_WORDS)))


DEFAULT_RULE = KeepRule()


@dataclass(frozen=True)
class Marks:
    """What is known of a photo beside its record.

    Attributes
    ----------
    derived : bool
        Whether it is the backup, export or copy of another photo.
    companions : int
        How many files belong to it.
    sharpness : float
        At a scale that is equal for all photos; see `dupimg.model.features`.
    protected : bool
        Whether it stays in any case.
    is_last : bool
        Whether its path comes after those of all photos that are not marked so.
    converted : bool
        Whether it only saves again, without loss, what another one had saved with loss.
    """

    derived: bool = False
    companions: int = 0
    sharpness: float = 0.0
    protected: bool = False
    is_last: bool = False
    converted: bool = False


_Key = Callable[["Photo", Marks, KeepRule], Any]

# Each word ranks one photo, the smallest value first; the reason says what the better has.
KEEP_RULES: dict[str, tuple[_Key, Message]] = {
    "protected": (
        lambda photo, marks, rule: not marks.protected,
        message("reason.keeper_protected"),
    ),
    "prefer": (
        lambda photo, marks, rule: first_match(rule.prefer, photo.path),
        message("reason.preferred"),
    ),
    "avoid": (
        lambda photo, marks, rule: first_match(rule.avoid, photo.path) < len(rule.avoid),
        message("reason.not_avoided"),
    ),
    "frames": (lambda photo, marks, rule: -photo.traits.frames, message("reason.more_frames")),
    "original": (lambda photo, marks, rule: marks.derived, message("reason.original")),
    "pixels": (lambda photo, marks, rule: -photo.pixels, message("reason.more_pixels")),
    "metadata": (lambda photo, marks, rule: -_metadata(photo), message("reason.more_metadata")),
    "companions": (
        lambda photo, marks, rule: -marks.companions,
        message("reason.more_companions"),
    ),
    "lossless": (lambda photo, marks, rule: _loss(photo, marks), message("reason.lossless")),
    "sharpness": (lambda photo, marks, rule: -_step(marks), message("reason.sharper")),
    "bytes": (lambda photo, marks, rule: -photo.bytes, message("reason.more_bytes")),
    "oldest": (
        lambda photo, marks, rule: (not photo.has_capture_time, photo.local_time),
        message("reason.earlier_time"),
    ),
    "newest": (
        lambda photo, marks, rule: (not photo.has_capture_time, -_seconds(photo)),
        message("reason.later_time"),
    ),
    "path": (
        lambda photo, marks, rule: _LAST * marks.is_last + photo.path,
        message("reason.first_path"),
    ),
}


def _metadata(photo: Photo) -> int:
    """Count the kinds of metadata that a photo has: when, where, with which camera and so on."""
    return len(photo.traits.metadata) + photo.has_capture_time


# Of these losses, a conversion has that of the picture it was made of, and is not its original.
_NO_LOSS, _LOSS, _CONVERTED = range(3)


def _loss(photo: Photo, marks: Marks) -> int:
    if marks.converted:
        return _CONVERTED
    return _NO_LOSS if photo.traits.lossless else _LOSS


def _step(marks: Marks) -> int:
    """Return the sharpness in steps of four: compression and decoders change it by a tenth."""
    return math.floor(math.log2(marks.sharpness) / 2) if marks.sharpness >= 1 else 0


def _seconds(photo: Photo) -> float:
    return (photo.local_time - datetime.min).total_seconds()


class Ranking:
    """n photos and the values by which a rule orders them.

    Parameters
    ----------
    columns : mapping of str to sequence of length n
        By words in the order in which they decide; the smallest value is the best.

    Examples
    --------
    >>> ranking = Ranking({"pixels": [-1, -2, -2], "path": ["a", "c", "b"]})
    >>> ranking.order, str(ranking.why(2, 0)), str(ranking.why(2, 1))
    ([2, 1, 0], 'the keeper has more pixels', 'the keeper has a path that sorts first')
    """

    def __init__(self, columns: Mapping[str, Sequence[Any]]) -> None:
        self._columns = columns

    @classmethod
    def of(
        cls,
        photos: Sequence[Photo],
        rule: KeepRule = DEFAULT_RULE,
        *,
        companions: Mapping[str, int] | None = None,
        sharpness: ArrayLike | None = None,
        derived: Collection[str] = (),
        last: Collection[str] = (),
        protected: Collection[str] = (),
        converted: Collection[str] = (),
        originals: Collection[str] = (),
    ) -> Ranking:
        """Rank photos.

        Parameters
        ----------
        photos : sequence of Photo, of length n
        rule : KeepRule
        companions : mapping of str to int, optional
            How many files belong to a photo, by its path.
        sharpness : array-like of shape (n,), float, optional
        derived : collection of str
            Paths of photos that are made of others, beside those whose names say so.
        last : collection of str
            Paths of photos that come after all others by path.
        protected : collection of str
            Paths of photos that come before all others, whatever the rule.
        converted : collection of str
            Paths of photos that are converted from others, which were saved with loss.
        originals : collection of str
            Paths of screenshots that show no photo.
        """
        derived = find_derived(photos, originals).union(derived)
        counts = companions or {}
        sharp = np.zeros(len(photos)) if sharpness is None else np.asarray(sharpness)
        marks = [
            Marks(
                photo.path in derived,
                counts.get(photo.path, 0),
                float(sharp[i]),
                photo.path in protected,
                photo.path in last,
                photo.path in converted,
            )
            for i, photo in enumerate(photos)
        ]
        columns = {}
        for word in rule.order:
            key, _ = KEEP_RULES[word]
            values = [key(photo, mark, rule) for photo, mark in zip(photos, marks, strict=True)]
            if (
                word == "path" or len(set(values)) > 1
            ):  # only what tells photos apart takes memory and time
                columns[word] = values
        return cls(columns)

    def with_twins(self, twins: Mapping[int, int]) -> Ranking:
        """Rank photos as others whose content they have; path and protection tell the two apart.

        Parameters
        ----------
        twins : mapping of int to int
            By photo, the one that it equals.
        """

        def values(word: str, column: Sequence[Any]) -> Sequence[Any]:
            if word in ("path", "protected"):
                return column
            return [column[twins.get(i, i)] for i in range(len(column))]

        return Ranking({word: values(word, column) for word, column in self._columns.items()})

    def __getitem__(self, rows: Sequence[int]) -> Ranking:
        """Return the ranking of some of the photos, as they are ranked among all."""
        return Ranking({word: [c[i] for i in rows] for word, c in self._columns.items()})

    @cached_property
    def order(self) -> list[int]:
        """The photos, the best first."""
        keys = list(zip(*self._columns.values(), strict=True))
        return sorted(range(len(keys)), key=keys.__getitem__)

    def why(self, keeper: int, removed: int) -> Message:
        """Return what one photo has that another lacks, by the first word in which they differ.

        Where the rule prefers the other one, it stays for what the pictures show: a part goes in
        favour of the whole, and never the whole in favour of a part.
        """
        for word, column in self._columns.items():
            if column[keeper] > column[removed]:
                return message("reason.one_way")
            if column[keeper] != column[removed]:
                by_time = word in ("oldest", "newest")
                if by_time and column[keeper][0] != column[removed][0]:
                    return message("reason.known_time")
                if word == "lossless" and column[removed] == _CONVERTED:
                    return message("reason.converted")
                return KEEP_RULES[word][1]
        return message("reason.all_the_same")


# How `taken_from` says that a date is known, the most trusted first; a file's own time is last.
_DATES = (*dict.fromkeys(FIELDS.values()), FILE_TIME)


def date_rank(taken_from: str, time: datetime) -> tuple[Any, ...]:
    """Sort key of dates, the best first; of two files' own times, the earlier is the better."""
    place = _DATES.index(taken_from) if taken_from in _DATES else len(_DATES)
    return (place, time) if taken_from == FILE_TIME else (place,)


def best_dates(photos: Sequence[Photo], keepers: Sequence[int]) -> list[int]:
    """Find the best date of every duplicate group.

    Parameters
    ----------
    photos : sequence of Photo, of length n
    keepers : sequence of int, of length n
        The photo that stays in favour of each one; its own number where it stays.

    Returns
    -------
    list of int
        For each photo the one whose date it has: its own, or for a keeper that of the duplicate
        whose date is better known.
    """
    ranks = [date_rank(photo.taken_from, photo.local_time) for photo in photos]
    best = list(range(len(photos)))
    for i, keeper in enumerate(keepers):
        if i != keeper and ranks[i] < ranks[best[keeper]]:
            best[keeper] = i
    return best


def dated_like(photos: Sequence[Photo], others: Sequence[int]) -> list[Photo]:
    """Give each photo the date of another one; see `best_dates`."""
    return [
        photo
        if other == i
        else replace(photo, taken_at=photos[other].taken_at, taken_from=photos[other].taken_from)
        for i, (photo, other) in enumerate(zip(photos, others, strict=True))
    ]
