"""Photos that only save again, without loss, what was saved with loss do not stay for that.

A PNG made from a JPEG has the very pixels of the JPEG, which is its original. A JPEG made from a
PNG has other pixels, and the PNG stays.
"""

from __future__ import annotations

from dupimg.decide.another import Pixels
from dupimg.decide.embedded import Embedded
from dupimg.files.keep_rules import Ranking
from dupimg.plans.plan import Groups

# Formats that lose; of two PNGs, of which one has a palette, either may be made from the other.
_LOSING = frozenset({"JPEG", "MPO", "WEBP", "HEIF", "GIF"})


def find_converted(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find photos that would stay, and have without loss what another one has with loss.

    Returns
    -------
    set of str
        Their paths. Where the best of a group is converted, the next best is looked at, too.
    """
    photos = embedded.photos
    pixels = Pixels(photos, embedded.features.thumbnail[embedded.inverse], embedded.wholes)
    converted: set[str] = set()
    waiting = groups.members(ranking.order)
    while waiting:
        pairs = {
            (first, i)
            for first, *others in waiting
            for i in others
            if photos[first].traits.lossless
            and not photos[i].traits.lossless
            and photos[i].traits.format in _LOSING
        }
        found = {first for first, _ in pixels.identical(sorted(pairs))}
        converted |= {photos[i].path for i in found}
        waiting = [others for first, *others in waiting if first in found]
    return converted
