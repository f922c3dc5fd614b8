"""Build the reasons in a plan and its report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache, reduce

from dupimg.messages import Message, message
from dupimg.plans.rows import KEEP, REMOVE, Row


def both(first: Message, second: Message | None) -> Message:
    """Join two reasons; the second may be None."""
    return first if second is None else message("reason.both", first=first, second=second)


def spared_reason(doubt: str, photo: str) -> Message:
    """Return why a photo stays although it is as similar to another as a duplicate.

    Parameters
    ----------
    doubt : {"frames", "timing", "transparency", "time", "exposure", "raw", "plain", "unread",
        "unproven", "edited", "brightness", "colour", "whole"}
        See `dupimg.decide.another`.
    photo : str
        Path of the other photo.
    """
    return message(
        {
            "frames": "reason.spared_frames",
            "timing": "reason.spared_timing",
            "transparency": "reason.spared_transparency",
            "time": "reason.spared_time",
            "exposure": "reason.spared_exposure",
            "raw": "reason.spared_raw",
            "plain": "reason.spared_plain",
            "unread": "reason.spared_unread",
            "unproven": "reason.spared_unproven",
            "edited": "reason.spared_edited",
            "brightness": "reason.spared_brightness",
            "colour": "reason.spared_colour",
            "whole": "reason.spared_whole",
        }[doubt],
        photo=photo,
    )


def unlike_reason(cosine: float, photo: str, *, is_copy: bool) -> Message:
    """Return the reason why a copy and its original both stay: a cosine below the threshold.

    `is_copy` tells whether the reason is for the copy of `photo`, or `photo` is the copy.
    """
    percent = str(math.floor(100 * cosine + 1e-9))
    if is_copy:
        return message("reason.spared_unlike", percent=percent, photo=photo, rule="verified")
    return message("reason.unlike_copy", percent=percent, photo=photo)


@lru_cache  # most of a million photos share a few reasons
def kept_reason(n_duplicates: int) -> Message:
    """Return the reason of a kept photo.

    Examples
    --------
    >>> str(kept_reason(0)), str(kept_reason(1))
    ('no duplicate', 'keeper of 1 duplicate')
    """
    if not n_duplicates:
        return message("reason.no_duplicate")
    return message("reason.keeper_of", count=n_duplicates)


def likeness(*, same_bytes: bool, verdict: str = "") -> Message:
    """Return the relation of a removed photo to its keeper; for `verdict` see `Row`."""
    if same_bytes:
        return message("reason.identical_bytes")
    if verdict in ("", "identical bytes", "same scene"):  # less specific than the cosine
        return message("reason.similar")
    return message(
        {
            "identical pixels": "reason.identical_pixels",
            "copy": "reason.copy",
            "cropped copy": "reason.cropped_copy",
            "edited copy": "reason.edited_copy",
            "near duplicate": "reason.near_duplicate",
        }[verdict]
    )


@lru_cache
def removed_reason(advantage: Message, *, same_bytes: bool, verdict: str = "") -> Message:
    """Return the reason of a removed photo; for `advantage` see `Ranking.why`."""
    return both(likeness(same_bytes=same_bytes, verdict=verdict), advantage)


def failed_reason(mode: str, error: Message, reason: Message | None) -> Message:
    """Return the reason of a file that could not be transferred.

    Parameters
    ----------
    mode : {"copy", "move", "hard_link", "reflink"}
        The intended transfer.
    error : Message
        The error.
    reason : Message or None
        The reason of the plan.
    """
    failed = message(
        {
            "copy": "reason.not_copied",
            "move": "reason.not_moved",
            "hard_link": "reason.not_linked",
            "reflink": "reason.not_cloned",
        }[mode],
        why=error,
    )
    return both(failed, reason)


def action_name(action: str) -> Message:
    """Return the name of an action for use in a sentence."""
    return message(
        {
            "keep": "action.keep",
            "remove": "action.remove",
            "other": "action.other",
            "leave": "action.leave",
        }[action]
    )


def by_hand_reason(action: str, before: str, reason: Message | None) -> Message:
    """Return the reason of a file whose action the user changed."""
    now, then = action_name(action), action_name(before)
    if reason is None:
        return message("reason.by_hand", action=now, before=then)
    return message("reason.by_hand_because", action=now, before=then, reason=reason)


def reviewed_reason(
    row: Row, before: Row, keeper: Row | None, n_duplicates: int, n_before: int
) -> Message | None:
    """Return the reason of a file after the user's edits.

    Parameters
    ----------
    row, before : Row
        The current row and the decided one.
    keeper : Row or None
        The current keeper.
    n_duplicates, n_before : int
        Number of its duplicates, now and as decided.
    """
    if row.action != before.action:
        # Other files and companions keep their own reasons.
        now = _relation_to_group(row, keeper, n_duplicates) if row.is_media else own_reason(row)
        return by_hand_reason(row.action, before.action, now)
    if row.is_companion:
        return row.reason
    if row.keeper != before.keeper:
        if keeper is None:
            return both(message("reason.similar_before"), message("reason.none_kept"))
        return both(_relation_to_keeper(row, keeper), message("reason.keeper_by_hand"))
    if n_duplicates != n_before:
        return _recounted(row.reason, kept_reason(n_before), kept_reason(n_duplicates))
    return row.reason


def own_reason(row: Row) -> Message | None:
    """Return the relation of a companion to its own photo; for other rows their reason."""
    return without(row.reason, "reason.goes_with", "reason.stays_without", "reason.twin")


def parts_of(reason: Message | None) -> list[Message]:
    """Split a joined reason into its parts."""
    if reason is None or reason.code != "reason.both":
        return [] if reason is None else [reason]
    parts = [value for _, value in reason.values if isinstance(value, Message)]
    return [inner for part in parts for inner in parts_of(part)]


def joined(parts: Sequence[Message]) -> Message | None:
    """Join reasons; return None without any."""
    return reduce(lambda last, part: both(part, last), reversed(parts), None)


def without(reason: Message | None, *codes: str) -> Message | None:
    """Remove the parts with these codes from a reason."""
    return joined([part for part in parts_of(reason) if part.code not in codes])


def with_duplicates(reason: Message | None, more: int) -> Message | None:
    """Return the reason of a kept photo with `more` duplicates added.

    Examples
    --------
    >>> str(with_duplicates(kept_reason(0), 2)), str(with_duplicates(kept_reason(2), -1))
    ('keeper of 2 duplicates', 'keeper of 1 duplicate')
    """

    def counted(part: Message) -> Message:
        values = dict(part.values)
        if part.code == "reason.photos_added":
            inner = with_duplicates(values["reason"], more)  # type: ignore[arg-type]
            return message("reason.photos_added", reason=inner or values["reason"])
        if part.code in ("reason.no_duplicate", "reason.keeper_of"):
            return kept_reason(max(0, int(values.get("count", 0)) + more))  # type: ignore[arg-type]
        return part

    return joined([counted(part) for part in parts_of(reason)]) if more else reason


def _recounted(reason: Message | None, before: Message, now: Message) -> Message | None:
    """Replace the main part of a reason; keep the additional parts."""
    return joined([now if part == before else part for part in parts_of(reason)])


def _relation_to_group(row: Row, keeper: Row | None, n_duplicates: int) -> Message | None:
    """Return the relation of a photo to the others of its group."""
    if row.action == KEEP:
        return kept_reason(n_duplicates) if n_duplicates else None
    return None if row.action != REMOVE or keeper is None else _relation_to_keeper(row, keeper)


def _relation_to_keeper(row: Row, keeper: Row) -> Message:
    """Return the relation of a photo to its keeper, which the user may have chosen."""
    same_bytes = row.digest == keeper.digest
    if same_bytes or row.cosine_to_keeper is not None:
        return likeness(same_bytes=same_bytes)
    return message("reason.similar_before")
