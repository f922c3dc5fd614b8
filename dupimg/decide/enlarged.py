"""Find enlarged copies: they must not win for their number of pixels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from dupimg.decide.embedded import Embedded
from dupimg.files.keep_rules import Ranking
from dupimg.files.photos import Photo
from dupimg.plans.plan import Groups

# Smallest ratio of the pixels of the larger and of the smaller photo, for sides longer by 1.18.
_LEAST_RATIO = 1.4

# Tolerance of the ratio of the sides: small sides are rounded.
_SAME_SHAPE = 0.02


def find_enlarged(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find keepers that are enlarged from another photo of their group.

    Returns
    -------
    set of str
        Their paths. If the best of a group is enlarged, the next best is checked, too.
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
    """Pair the first photo with those that it may be enlarged from, as digests.

    Of several photos of one size only the one with the most bytes counts.
    """
    first, *others = group
    smaller = {
        (photo.width, photo.height): photo.digest
        for photo in sorted(others, key=lambda photo: (photo.bytes, photo.digest))
        if _is_plain(photo)
        # Enlarging a photo does not add camera metadata.
        and (photo.traits.camera or not first.traits.camera)
        and photo.pixels * _LEAST_RATIO <= first.pixels
        and abs(photo.width * first.height / (photo.height * first.width) - 1) < _SAME_SHAPE
    }
    return [(first.digest, digest) for digest in smaller.values()] if _is_plain(first) else []


def _is_plain(photo: Photo) -> bool:
    """Return whether a photo is a single picture at its nominal size."""
    return photo.traits.frames == 1 and not photo.traits.is_raw
