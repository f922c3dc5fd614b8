"""Find duplicates by a rule that asks of a photo whether it is made of another one of its group.

Which photos form a group depends on which stays, and what a photo is made of on its group. So
duplicates are found as if none were made of others; only where one that stays is, they are found
again, in the order in which those come last.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from dupimg.decide.converted import find_converted
from dupimg.decide.embedded import Embedded
from dupimg.decide.enlarged import find_enlarged
from dupimg.files.keep_rules import Ranking
from dupimg.plans.plan import Groups


def duplicates_by_detail(
    embedded: Embedded,
    rank: Callable[[Collection[str], Collection[str]], Ranking],
    find: Callable[[Ranking], Groups],
) -> tuple[Groups, Ranking]:
    """Find duplicates; a photo that is made of another one of its group goes in favour of that.

    Parameters
    ----------
    embedded : Embedded
    rank : callable
        Ranks its photos; takes the paths of those that are enlarged, and of those that are
        converted.
    find : callable
        Finds duplicates by a ranking.

    Returns
    -------
    groups : Groups
    ranking : Ranking
        By which they were found.
    """
    ranking = rank((), ())
    groups = find(ranking)
    if enlarged := find_enlarged(embedded, groups, ranking):
        ranking = rank(enlarged, ())
        groups = find(ranking)
    if converted := find_converted(embedded, groups, ranking):
        ranking = rank(enlarged, converted)
        groups = find(ranking)
    return groups, ranking
