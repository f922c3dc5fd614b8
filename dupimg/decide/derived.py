"""Find copies that were enlarged or saved again: they must not win for their pixels or bytes."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain

import numpy as np

from dupimg.decide.embedded import Embedded
from dupimg.files.keep_rules import Ranking
from dupimg.files.photos import Photo
from dupimg.groups.copies import EDITED_COPY
from dupimg.plans.plan import Groups

# Smallest ratio of the pixels of the larger and of the smaller photo, for sides longer by 1.18.
_LEAST_RATIO = 1.4

# Tolerance of the ratio of the sides: small sides are rounded.
_SAME_SHAPE = 0.02

Digests = tuple[str, str]


def find_enlarged(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find keepers that are enlarged from another photo of their group.

    Returns
    -------
    set of str
        Their paths. If the best of a group is enlarged, the next best is checked, too.
    """
    wholes = embedded.wholes
    return _find(embedded, groups, ranking, _smaller, wholes.enlarged) if wholes else set()


def find_saved_again(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find keepers that were made from a JPEG of their group and saved again.

    Returns
    -------
    set of str
        As those of `find_enlarged`.
    """
    wholes = embedded.wholes
    if wholes is None:
        return set()

    def made(pairs: Sequence[Digests]) -> set[Digests]:
        return {pair for pair, again in wholes.saved_again(pairs).items() if again}

    return _find(embedded, groups, ranking, _same_size, made)


def find_coarser_edits(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find keepers that are edited copies in a coarser quality than a photo of their group.

    Their captions make them sharper, but an edit does not improve the quality of a file.

    Returns
    -------
    set of str
        As those of `find_enlarged`.
    """
    wholes, look, photos = embedded.wholes, groups.second_look, embedded.photos
    if wholes is None or look is None:
        return set()
    edited = {
        (photos[look.compared_with[i]].digest, photos[i].digest)
        for i in np.flatnonzero(look.verdicts == EDITED_COPY)
    }

    def unedited(first: Photo, others: Sequence[Photo]) -> Iterator[Photo]:
        for photo in others:
            if _same_sides(first, photo) and (first.digest, photo.digest) in edited:
                yield photo

    def coarser(pairs: Sequence[Digests]) -> set[Digests]:
        finer = wholes.saved_again([(other, first) for first, other in pairs])
        return {(first, other) for (other, first), again in finer.items() if again is False}

    return _find(embedded, groups, ranking, unedited, coarser)


def _find(
    embedded: Embedded,
    groups: Groups,
    ranking: Ranking,
    candidates: Callable[[Photo, Sequence[Photo]], Iterator[Photo]],
    look: Callable[[Sequence[Digests]], Collection[Digests]],
) -> set[str]:
    """Find the first photos of groups that `look` says are made from a candidate."""
    photos = embedded.photos
    derived: set[str] = set()
    waiting = groups.members(ranking.order)
    while waiting:
        pairs = [_pairs([photos[i] for i in group], candidates) for group in waiting]
        found = set(look(list(chain.from_iterable(pairs))))
        derived |= {first for first, _ in found}
        waiting = [
            [i for i in group if photos[i].digest not in derived]
            for group, asked in zip(waiting, pairs, strict=True)
            if not found.isdisjoint(asked)
        ]
    return {photo.path for photo in photos if photo.digest in derived}


def _pairs(
    group: Sequence[Photo], candidates: Callable[[Photo, Sequence[Photo]], Iterator[Photo]]
) -> list[Digests]:
    """Pair the first photo with those that it may be made from."""
    first, *others = group
    if not _is_plain(first):
        return []
    # Neither enlarging a photo nor saving it adds camera metadata.
    possible = [
        photo
        for photo in others
        if _is_plain(photo) and (photo.traits.camera or not first.traits.camera)
    ]
    return [(first.digest, photo.digest) for photo in candidates(first, possible)]


def _smaller(first: Photo, others: Sequence[Photo]) -> Iterator[Photo]:
    """Yield smaller photos of the same shape; of each size only the one with the most bytes."""
    by_size = {
        (photo.width, photo.height): photo
        for photo in sorted(others, key=lambda photo: (photo.bytes, photo.digest))
        if photo.pixels * _LEAST_RATIO <= first.pixels
        and abs(photo.width * first.height / (photo.height * first.width) - 1) < _SAME_SHAPE
    }
    yield from by_size.values()


def _same_size(first: Photo, others: Sequence[Photo]) -> Iterator[Photo]:
    """Yield other contents of the same size that are JPEGs."""
    for photo in others:
        is_jpeg = photo.traits.format in ("JPEG", "MPO")
        if is_jpeg and _same_sides(first, photo) and photo.digest != first.digest:
            yield photo


def _same_sides(first: Photo, other: Photo) -> bool:
    return (first.width, first.height) == (other.width, other.height)


def _is_plain(photo: Photo) -> bool:
    """Return whether a photo is a single picture at its nominal size."""
    return photo.traits.frames == 1 and not photo.traits.is_raw
