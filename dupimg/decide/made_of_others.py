"""Find duplicates by a rule that asks of a photo whether it is made of another one of its group.

Which photos form a group depends on which stays, and what a photo is made of on its group. So
duplicates are found as if none were made of others; only where one that stays is, they are found
again, in the order in which those come last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dupimg.decide.converted import find_converted
from dupimg.decide.embedded import Embedded
from dupimg.decide.enlarged import find_enlarged
from dupimg.files.keep_rules import Ranking
from dupimg.files.originals import is_screenshot
from dupimg.plans.plan import Groups


@dataclass(frozen=True)
class Made:
    """Paths of photos of which their groups tell what they are made of.

    Attributes
    ----------
    enlarged : frozenset of str
        From another photo of their group.
    converted : frozenset of str
        Saved without loss from what another photo of their group had saved with loss.
    originals : frozenset of str
        Screenshots of which the others of their group are copies: no photo is behind them.
    """

    enlarged: frozenset[str] = frozenset()
    converted: frozenset[str] = frozenset()
    originals: frozenset[str] = frozenset()


NOTHING_MADE = Made()


def duplicates_by_detail(
    embedded: Embedded,
    rank: Callable[[Made], Ranking],
    find: Callable[[Ranking], Groups],
) -> tuple[Groups, Ranking]:
    """Find duplicates; a photo that is made of another one of its group goes in favour of that.

    Parameters
    ----------
    embedded : Embedded
    rank : callable
        Ranks its photos.
    find : callable
        Finds duplicates by a ranking.

    Returns
    -------
    groups : Groups
    ranking : Ranking
        By which they were found.
    """
    made = NOTHING_MADE
    ranking = rank(made)
    groups = find(ranking)
    for name, look in (
        ("originals", _own_screenshots),
        ("enlarged", find_enlarged),
        ("converted", find_converted),
    ):
        if found := look(embedded, groups, ranking):
            made = replace(made, **{name: frozenset(found)})
            ranking = rank(made)
            groups = find(ranking)
    return groups, ranking


def _own_screenshots(embedded: Embedded, groups: Groups, ranking: Ranking) -> set[str]:
    """Find screenshots that would go although no photo of their group comes from a camera.

    Sent to others, a screenshot comes back as a JPEG with another name.
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
