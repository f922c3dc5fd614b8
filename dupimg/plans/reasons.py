"""Why a file stays or goes, in sentences of few fixed parts.

The page knows these parts in other languages, too: they stand in ``web/text.json``.
"""

from __future__ import annotations

from dupimg.plans.rows import KEEP, REMOVE, Row
from dupimg.wording import counted


def kept_reason(n_duplicates: int) -> str:
    """Say what a photo that stays stands for.

    Examples
    --------
    >>> kept_reason(0), kept_reason(1)
    ('no duplicate', 'keeper of 1 duplicate')
    """
    return f"keeper of {counted(n_duplicates, 'duplicate')}" if n_duplicates else "no duplicate"


def likeness(*, same_bytes: bool) -> str:
    """Say how a photo that goes is like its keeper."""
    return "identical bytes" if same_bytes else "similar to the keeper"


def removed_reason(advantage: str, *, same_bytes: bool) -> str:
    """Say why a photo goes; `advantage` is what its keeper has, see `why_kept`."""
    return f"{likeness(same_bytes=same_bytes)}; the keeper has {advantage}"


def reviewed_reason(
    row: Row, before: Row, keeper: Row | None, n_duplicates: int, n_before: int
) -> str:
    """Say why a file stays or goes now that a person has looked it over.

    Parameters
    ----------
    row, before : Row
        As it is now, and as it was decided.
    keeper : Row or None
        Of the row as it is now.
    n_duplicates, n_before : int
        How many photos go in favour of this one, now and as decided.

    Returns
    -------
    str
        With commas and semicolons only where there were some: a spreadsheet needs no other quotes.
    """
    if row.action != before.action:
        # What is no photo, and what goes with one, is still what it was.
        now = _standing(row, keeper, n_duplicates) if row.is_photo else before.reason
        return f"{row.action} by hand (was {before.action})" + (f": {now}" if now else "")
    if row.keeper != before.keeper and not row.is_companion:
        if keeper is None:
            return "similar to what was the keeper; no photo of the group is kept"
        return f"{_standing(row, keeper, 0)}; the keeper was chosen by hand"
    then = kept_reason(n_before)
    if n_duplicates != n_before and before.reason.endswith(then):
        return before.reason.removesuffix(then) + kept_reason(n_duplicates)
    return before.reason


def _standing(row: Row, keeper: Row | None, n_duplicates: int) -> str:
    """Say what a photo is to the others of its group."""
    if row.action == KEEP:
        return kept_reason(n_duplicates) if n_duplicates else ""
    if row.action != REMOVE or keeper is None:
        return ""
    same_bytes = row.digest == keeper.digest
    if same_bytes or row.cosine_to_keeper is not None:
        return likeness(same_bytes=same_bytes)
    return "similar to what was the keeper"
