"""Find lossless copies of lossy originals: they must not win for being lossless.

A PNG made from a JPEG has exactly the pixels of the JPEG, its original. A JPEG made from a PNG
has other pixels, and the PNG stays.
"""

from __future__ import annotations

from dupimg.decide.another import Pixels
from dupimg.decide.embedded import Embedded
from dupimg.files.keep_rules import Ranking
from dupimg.plans.plan import Groups

# Lossy formats; of two PNGs, one with a palette, either may be made from the other.
_LOSING = frozenset({"JPEG", "MPO", "WEBP", "HEIF", "GIF"})


def find_converted(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find keepers that are lossless copies of a lossy photo of their group.

    Returns
    -------
    set of str
        Their paths. If the best of a group is such a copy, the next best is checked, too.
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
