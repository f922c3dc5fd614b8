"""Prove that a photo is a copy of another one, or give the reason why it stays."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dupimg.decide.another import (
    BRIGHTNESS,
    COLOUR,
    EDITED,
    UNPROVEN,
    UNREAD,
    WHOLE,
    Pixels,
    is_one_exposure,
)
from dupimg.decide.embedded import Embedded
from dupimg.files.photos import Photo
from dupimg.groups.copies import COPY, EDITED_COPY, CopyEvidence
from dupimg.messages import Message
from dupimg.plans.reasons import spared_reason

# The content that would stay, and the one that would go.
Pair = tuple[int, int]


class Proof:
    """Proves contents to be copies of others; each pair is compared once.

    Parameters
    ----------
    embedded : Embedded
        Without evidence, a pair counts as proven unless metadata or pixels speak against it.
    photos : sequence of Photo
        One of each content.
    edited : bool
        Whether edited copies may go, too.
    """

    def __init__(self, embedded: Embedded, photos: Sequence[Photo], *, edited: bool) -> None:
        self._edited = edited
        self._photos = photos
        self._evidence = embedded.evidence
        self._pixels = Pixels(photos, embedded.features.thumbnail, embedded.wholes)
        self._is_identical: dict[Pair, bool] = {}
        self._doubts: dict[Pair, str | None] = {}
        self._verdicts: dict[Pair, str] = {}
        self._laid: dict[Pair, tuple[float, float, float]] = {}

    @property
    def compares_details(self) -> bool:
        """Whether pictures are compared, not only thumbnails, pixels and metadata."""
        return self._evidence is not None

    def identical(self, pairs: Sequence[Pair]) -> set[Pair]:
        """Return the pairs with identical pixels, by a comparison of all pixels."""
        new = [pair for pair in pairs if pair not in self._is_identical]
        found = self._pixels.identical(new)
        self._is_identical |= {pair: pair in found for pair in new}
        return {pair for pair in pairs if self._is_identical[pair]}

    def of(self, pairs: Sequence[Pair]) -> dict[Pair, bool]:
        """Return for each pair whether the second content is proven a copy of the first."""
        new = [pair for pair in pairs if pair not in self._doubts]
        identical = self.identical(new)
        doubts = self._pixels.doubts([pair for pair in new if pair not in identical])
        self._doubts |= dict.fromkeys(new) | doubts
        self._compare([pair for pair in new if pair not in identical and pair not in doubts])
        return {pair: self._doubts[pair] is None for pair in pairs}

    def verdict(self, pair: Pair) -> str:
        """Return "copy", "cropped copy" or "edited copy" if the pair was judged so, else ""."""
        if pair in self._verdicts:
            return self._verdicts[pair]
        return COPY if pair in self._doubts and self._doubts[pair] is None else ""

    def doubts_about(self, pair: Pair) -> bool:
        """Return whether a pair was compared, and the second content stays."""
        return self._doubts.get(pair) is not None

    def laid(self, i: int, j: int) -> tuple[float, float] | None:
        """Return how much two aligned pictures overlap and differ, if they were aligned.

        Returns
        -------
        overlap, difference : float
            The share of the first picture that the second covers, and the share of the overlap
            that differs. None if neither lies within the other.
        """
        if self._is_identical.get((i, j)) or self._is_identical.get((j, i)):
            return 1.0, 0.0
        covered, other_covered, differing = self._laid.get((i, j), (0.0, 0.0, 1.0))
        if (j, i) in self._laid:
            other_covered, covered, differing = self._laid[j, i]
        return (covered, differing) if covered or other_covered else None

    def _compare(self, pairs: Sequence[Pair]) -> None:
        if self._evidence is None:
            return
        keys = [(self._photos[i].digest, self._photos[j].digest) for i, j in pairs]
        copies = dict(zip(pairs, self._evidence.copies(keys), strict=True))
        for pair, copy in copies.items():
            self._doubts[pair] = UNREAD if copy is None else self._doubt(pair, copy)
            self._verdicts[pair] = "" if copy is None else copy.verdict
            if copy is not None:
                self._laid[pair] = copy.covered, copy.other_covered, copy.differing
        other_light = [
            (i, j)
            for (i, j), copy in copies.items()
            if copy is not None and copy.is_brightened and not copy.loses_colour
        ]
        edits = self._pixels.brightened([p for i, j in other_light for p in ((i, j), (j, i))])
        for pair in other_light:
            if self._doubts[pair] is not None and pair in edits:
                self._doubts[pair], self._verdicts[pair] = None, COPY
            elif self._doubts[pair] is None and pair not in edits and pair[::-1] in edits:
                self._doubts[pair] = BRIGHTNESS  # the keeper itself is the clipped edit
        proven = [p for p in pairs if self._doubts[p] is None and self._verdicts[p] == COPY]
        for pair, differs in self._pixels.differing(proven).items():
            if differs is None:
                self._doubts[pair], self._verdicts[pair] = UNPROVEN, ""
            elif differs:
                self._doubts[pair] = None if self._edited else EDITED
                self._verdicts[pair] = EDITED_COPY
                # The share of differing windows came from previews, which do not show the spot.
                self._laid[pair] = (*self._laid[pair][:2], np.nan)

    def _doubt(self, pair: Pair, copy: CopyEvidence) -> str | None:
        """Return the reason why the second content stays; None if it may go."""
        brightened = not copy.is_brightened or is_one_exposure(*(self._photos[i] for i in pair))
        if copy.may_go(brightened=brightened, edited=self._edited):
            return None
        if not copy.verdict:
            return UNPROVEN
        if not brightened:
            return BRIGHTNESS
        if copy.verdict == EDITED_COPY and not self._edited:
            return EDITED
        return COLOUR if copy.is_grey and not copy.other_is_grey else WHOLE

    def why_spared(self, i: int, keeper: int) -> Message:
        """Return the reason why a content stays although the rule found it a keeper."""
        doubt = self._doubts.get((keeper, i)) or UNPROVEN
        return spared_reason(doubt, self._photos[keeper].path)
