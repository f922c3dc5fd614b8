"""Prove that a photo is a copy of another one, or say why it stays."""

from __future__ import annotations

from collections.abc import Sequence

from dupimg.decide.another import UNPROVEN, UNREAD, Pixels
from dupimg.decide.embedded import Embedded
from dupimg.files.photos import Photo
from dupimg.messages import Message
from dupimg.plans.reasons import spared_reason

# The content that stays, and the one that goes.
Pair = tuple[int, int]


class Proof:
    """Tells which contents are copies of others; each pair is looked at once.

    Parameters
    ----------
    embedded : Embedded
        Without evidence, all that is not shown to be another picture counts as proven.
    photos : sequence of Photo
        One of each content.
    """

    def __init__(self, embedded: Embedded, photos: Sequence[Photo]) -> None:
        self._photos = photos
        self._evidence = embedded.evidence
        self._pixels = Pixels(photos, embedded.features.thumbnail, embedded.wholes)
        self._is_identical: dict[Pair, bool] = {}
        self._doubts: dict[Pair, str | None] = {}

    @property
    def compares_details(self) -> bool:
        """Whether more than thumbnails, pixels and metadata is compared."""
        return self._evidence is not None

    def identical(self, pairs: Sequence[Pair]) -> set[Pair]:
        """Return those pairs that have identical pixels, all of which were compared."""
        new = [pair for pair in pairs if pair not in self._is_identical]
        found = self._pixels.identical(new)
        self._is_identical |= {pair: pair in found for pair in new}
        return {pair for pair in pairs if self._is_identical[pair]}

    def of(self, pairs: Sequence[Pair]) -> dict[Pair, bool]:
        """Return of pairs whether the second content is a copy of the first."""
        new = [pair for pair in pairs if pair not in self._doubts]
        identical = self.identical(new)
        doubts = self._pixels.doubts([pair for pair in new if pair not in identical])
        self._doubts |= dict.fromkeys(new) | doubts
        self._compare([pair for pair in new if pair not in identical and pair not in doubts])
        return {pair: self._doubts[pair] is None for pair in pairs}

    def _compare(self, pairs: Sequence[Pair]) -> None:
        if self._evidence is None:
            return
        keys = [(self._photos[i].digest, self._photos[j].digest) for i, j in pairs]
        for pair, copy in zip(pairs, self._evidence.copies(keys), strict=True):
            if copy is None or not copy.may_go():
                self._doubts[pair] = UNREAD if copy is None else UNPROVEN

    def why_spared(self, i: int, keeper: int) -> Message:
        """Return why a content stays that would have gone in favour of another."""
        doubt = self._doubts.get((keeper, i)) or UNPROVEN
        return spared_reason(doubt, self._photos[keeper].path)
