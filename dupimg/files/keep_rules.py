"""Choose the keeper of a duplicate group: a rule gives each photo a sort key.

Each key depends on its photo alone. So the order of photos is total, and independent of the order
in which they are listed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from dupimg.files.capture_time import FIELDS, FILE_TIME
from dupimg.files.originals import find_derived
from dupimg.files.photos import Photo
from dupimg.messages import Message, message
from dupimg.options.converters import KEEP_WORDS
from dupimg.options.globs import first_match

# Prefix that sorts a path after all others: no name starts with this letter.
_LAST = "\U0010ffff"


@dataclass(frozen=True)
class KeepRule:
    """The rule for the choice of the keeper.

    Attributes
    ----------
    words : tuple of str
        Words of `ALL_KEEP_WORDS`; the first one in which two photos differ decides, then the
        default order, so that exactly one photo is the best.
    prefer : tuple of str
        Patterns for paths, see `dupimg.options.globs`. They come before all words: a photo that
        matches an earlier pattern stays.
    avoid : tuple of str
        Patterns that come after `prefer`: a photo that matches none of these stays.
    """

    words: tuple[str, ...] = KEEP_WORDS
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[str, ...]:
        """All deciding words, in order."""
        return tuple(dict.fromkeys(("protected", "prefer", "avoid", *self.words, *KEEP_WORDS)))


DEFAULT_RULE = KeepRule()


@dataclass(frozen=True)
class Marks:
    """Facts about a photo that its record lacks.

    Attributes
    ----------
    derived : bool
        Whether it is the backup, export or copy of another photo.
    companions : int
        Number of its companions.
    soft : bool
        Whether another photo of its duplicate group is clearly sharper.
    protected : bool
        Whether it always stays.
    is_last : bool
        Whether its path sorts after those of all unmarked photos.
    converted : bool
        Whether it is a lossless copy of a lossy photo.
    """

    derived: bool = False
    companions: int = 0
    soft: bool = False
    protected: bool = False
    is_last: bool = False
    converted: bool = False


_Key = Callable[["Photo", Marks, KeepRule], Any]

# Each word gives a photo a value, smaller is better; the reason is the advantage of the better one.
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
    "sharpness": (lambda photo, marks, rule: marks.soft, message("reason.sharper")),
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
    """Count the kinds of metadata of a photo: time, place, camera and so on."""
    return len(photo.traits.metadata) + photo.has_capture_time


# A lossless conversion has the losses of its lossy source, and ranks behind it.
_NO_LOSS, _LOSS, _CONVERTED = range(3)


def _loss(photo: Photo, marks: Marks) -> int:
    if marks.converted:
        return _CONVERTED
    return _NO_LOSS if photo.traits.lossless else _LOSS


def _seconds(photo: Photo) -> float:
    return (photo.local_time - datetime.min).total_seconds()


class Ranking:
    """The values by which a rule orders n photos.

    Parameters
    ----------
    columns : mapping of str to sequence of length n
        Values by word, in the order of decision; the smallest is the best.

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
        soft: Collection[str] = (),
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
            Number of companions, by the path of the photo.
        soft : collection of str
            Paths of photos of which the duplicate group has a clearly sharper one.
        derived : collection of str
            Paths of photos made from others, besides those with telling names.
        last : collection of str
            Paths of photos that sort after all others where the path decides.
        protected : collection of str
            Paths of protected photos, which come first whatever the rule.
        converted : collection of str
            Paths of lossless copies of lossy photos.
        originals : collection of str
            Paths of screenshots that are originals.
        """
        derived = find_derived(photos, originals).union(derived)
        counts = companions or {}
        marks = [
            Marks(
                photo.path in derived,
                counts.get(photo.path, 0),
                photo.path in soft,
                photo.path in protected,
                photo.path in last,
                photo.path in converted,
            )
            for photo in photos
        ]
        columns = {}
        for word in rule.order:
            key, _ = KEEP_RULES[word]
            values = [key(photo, mark, rule) for photo, mark in zip(photos, marks, strict=True)]
            if word == "path" or len(set(values)) > 1:  # skip words in which all photos agree
                columns[word] = values
        return cls(columns)

    def with_twins(self, twins: Mapping[int, int]) -> Ranking:
        """Rank photos like others of the same content, except for path and protection.

        Parameters
        ----------
        twins : mapping of int to int
            Photo → the photo with the same content.
        """

        def values(word: str, column: Sequence[Any]) -> Sequence[Any]:
            if word in ("path", "protected"):
                return column
            return [column[twins.get(i, i)] for i in range(len(column))]

        return Ranking({word: values(word, column) for word, column in self._columns.items()})

    def __getitem__(self, rows: Sequence[int]) -> Ranking:
        """Return the ranking of a selection of the photos."""
        return Ranking({word: [c[i] for i in rows] for word, c in self._columns.items()})

    @cached_property
    def order(self) -> list[int]:
        """The photos, best first."""
        keys = list(zip(*self._columns.values(), strict=True))
        return sorted(range(len(keys)), key=keys.__getitem__)

    def why(self, keeper: int, removed: int) -> Message:
        """Return the advantage of the keeper, by the first word in which the photos differ.

        If the rule prefers the removed photo, the keeper stays because the pictures show that the
        removed one is a crop of it.
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


# The values of `taken_from`, the most trusted first; a file's own time is last.
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
        The keeper of each photo; its own index if it stays.

    Returns
    -------
    list of int
        For each photo the one whose date it gets: itself, or for a keeper the duplicate with the
        most trusted date.
    """
    ranks = [date_rank(photo.taken_from, photo.local_time) for photo in photos]
    best = list(range(len(photos)))
    for i, keeper in enumerate(keepers):
        if i != keeper and ranks[i] < ranks[best[keeper]]:
            best[keeper] = i
    return best


def dated_like(photos: Sequence[Photo], others: Sequence[int]) -> list[Photo]:
    """Return photos with the dates of others; see `best_dates`."""
    return [
        photo
        if other == i
        else replace(photo, taken_at=photos[other].taken_at, taken_from=photos[other].taken_from)
        for i, (photo, other) in enumerate(zip(photos, others, strict=True))
    ]
