"""Photos that are enlarged from another one of their duplicate group do not stay for their pixels.

Which photos form a group depends on which stays, and whether one is enlarged on its group. So
duplicates are found as if none were; only where one that stays is enlarged, they are found again,
in the order in which those come last.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from itertools import chain

from dupimg.decide.embedded import Embedded
from dupimg.files.keep_rules import Ranking
from dupimg.files.photos import Photo
from dupimg.plans.plan import Groups

# Of the pixels of the larger photo and of the smaller one.
_LEAST_RATIO = 1.5

# By this much the ratio of the sides may differ: small ones are rounded.
_SAME_SHAPE = 0.02


def duplicates_by_detail(
    embedded: Embedded,
    rank: Callable[[Collection[str]], Ranking],
    find: Callable[[Ranking], Groups],
) -> tuple[Groups, Ranking]:
    """Find duplicates; a photo that is enlarged from another one goes in favour of that.

    Parameters
    ----------
    embedded : Embedded
    rank : callable
        Ranks its photos; takes the paths of those that are enlarged.
    find : callable
        Finds duplicates by a ranking.

    Returns
    -------
    groups : Groups
    ranking : Ranking
        By which they were found.
    """
    ranking = rank(())
    groups = find(ranking)
    enlarged = find_enlarged(embedded, groups, ranking)
    if not enlarged:
        return groups, ranking
    ranking = rank(enlarged)
    return find(ranking), ranking


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
    waiting = _members(groups, ranking)
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


def _members(groups: Groups, ranking: Ranking) -> list[list[int]]:
    """Return the photos of each group of several, the one that stays first, then the best."""
    members: dict[int, list[int]] = defaultdict(list)
    for i in sorted(ranking.order, key=lambda i: groups.keepers[i] != i):
        members[int(groups.keepers[i])].append(i)
    return [group for group in members.values() if len(group) > 1]


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
