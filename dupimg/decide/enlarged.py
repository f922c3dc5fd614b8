"""Photos that are enlarged from another one of their group do not stay for their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from dupimg.decide.embedded import Embedded
from dupimg.files.keep_rules import Ranking
from dupimg.files.photos import Photo
from dupimg.plans.plan import Groups

# Of the pixels of the larger photo and of the smaller one.
_LEAST_RATIO = 1.5

# By this much the ratio of the sides may differ: small ones are rounded.
_SAME_SHAPE = 0.02


def find_enlarged(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find photos that would stay, and are enlarged from another one of their group.

    Returns
    -------
    set of str
        Their paths. Where the best of a group is enlarged, the next best is looked at, too.
    """
    wholes, photos = embedded.wholes, embedded.photos
    if wholes is None:
        return set()
    enlarged: set[str] = set()
    waiting = groups.members(ranking.order)
    while waiting:
        pairs = [_pairs([photos[i] for i in group]) for group in waiting]
        found = wholes.enlarged(chain.from_iterable(pairs))
        enlarged |= {large for large, _ in found}
        waiting = [
            [i for i in group if photos[i].digest not in enlarged]
            for group, asked in zip(waiting, pairs, strict=True)
            if not found.isdisjoint(asked)
        ]
    return {photo.path for photo in photos if photo.digest in enlarged}


def _pairs(group: Sequence[Photo]) -> list[tuple[str, str]]:
    """Return the contents of the first photo and of those that it may be enlarged from.

    Of several in one size only the one with the most bytes is looked at.
    """
    first, *others = group
    smaller = {
        (photo.width, photo.height): photo.digest
        for photo in sorted(others, key=lambda photo: (photo.bytes, photo.digest))
        if _is_plain(photo)
        # A program that enlarges a photo invents no camera.
        and (photo.traits.camera or not first.traits.camera)
        and photo.pixels * _LEAST_RATIO <= first.pixels
        and abs(photo.width * first.height / (photo.height * first.width) - 1) < _SAME_SHAPE
    }
    return [(first.digest, digest) for digest in smaller.values()] if _is_plain(first) else []


def _is_plain(photo: Photo) -> bool:
    """Return whether all that a photo shows is one picture with as many pixels as it says."""
    return photo.traits.frames == 1 and not photo.traits.is_raw
