"""Find duplicates with a ranking that puts photos made from others last.

The groups depend on the ranking, and only the groups show which photos are made from others. So
duplicates are found without that knowledge first, and again if a keeper is made from another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dupimg.decide.converted import find_converted
from dupimg.decide.derived import find_coarser_edits, find_enlarged, find_saved_again
from dupimg.decide.duplicates import DuplicateSearch
from dupimg.decide.embedded import Embedded
from dupimg.files.keep_rules import Ranking
from dupimg.files.originals import is_screenshot
from dupimg.plans.plan import Groups

# Least ratio of sharpness: the strongest compression leaves a third and more of it.
_CLEARLY_SHARPER = 4


@dataclass(frozen=True)
class Made:
    """Paths of photos that are known to be made from others, or originals, by their groups.

    Attributes
    ----------
    enlarged : frozenset of str
        Enlarged from another photo of their group.
    converted : frozenset of str
        Lossless copies of a lossy photo of their group.
    saved_again : frozenset of str
        Made from a JPEG of their group and saved again in a finer quality.
    edited : frozenset of str
        Edited copies in a coarser quality than a photo of their group.
    originals : frozenset of str
        Screenshots that are originals: the others of their group are copies of them.
    soft : frozenset of str
        Another photo of their group is clearly sharper, as after a blur.
    """

    enlarged: frozenset[str] = frozenset()
    converted: frozenset[str] = frozenset()
    saved_again: frozenset[str] = frozenset()
    edited: frozenset[str] = frozenset()
    originals: frozenset[str] = frozenset()
    soft: frozenset[str] = frozenset()

    @property
    def derived(self) -> frozenset[str]:
        """All that is made from others, but conversions, whose word is ``lossless``."""
        return (self.enlarged | self.saved_again | self.edited) - self.converted


NOTHING_MADE = Made()


def duplicates_by_detail(
    embedded: Embedded,
    rank: Callable[[Made], Ranking],
    search: DuplicateSearch,
) -> tuple[Groups, Ranking]:
    """Find duplicates; a photo made from another one of its group is not the keeper.

    Parameters
    ----------
    embedded : Embedded
    rank : callable
        Ranks the photos.
    search : DuplicateSearch

    Returns
    -------
    groups : Groups
    ranking : Ranking
        The ranking that produced the groups.
    """
    made = NOTHING_MADE
    while True:
        ranking = rank(made)
        groups = search.find(ranking.order)
        found = {name: look(embedded, groups, ranking) for name, look in _LOOKS.items()}
        more = Made(**{name: getattr(made, name) | paths for name, paths in found.items()})
        if more == made:
            return groups, ranking
        made = more


def _own_screenshots(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find removed screenshots in groups without any photo from a camera.

    A messenger sends a screenshot on as a JPEG with another name, so its copies look like photos.
    """
    photos = embedded.photos
    return {
        photos[i].path
        for first, *others in groups.members(ranking.order)
        if not is_screenshot(photos[first].path)
        and not any(photos[i].traits.camera for i in (first, *others))
        for i in others
        if is_screenshot(photos[i].path)
    }


def _soft_ones(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find photos of which the group has a clearly sharper one."""
    features, soft = embedded.features, set()
    sharpness = np.broadcast_to(features.sharpness, len(features))[embedded.inverse]
    for members in groups.members(ranking.order):
        of_group = sharpness[members]
        is_soft = of_group * _CLEARLY_SHARPER < of_group.max()
        soft |= {embedded.photos[members[k]].path for k in np.flatnonzero(is_soft)}
    return soft


_LOOKS = {
    "soft": _soft_ones,
    "originals": _own_screenshots,
    "enlarged": find_enlarged,
    "converted": find_converted,
    "saved_again": find_saved_again,
    "edited": find_coarser_edits,
}
