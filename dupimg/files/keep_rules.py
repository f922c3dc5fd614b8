"""Choose the keeper of a duplicate group: an ordered rule becomes one sort key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from dupimg.messages import Message, message
from dupimg.options.converters import KEEP_WORDS

if TYPE_CHECKING:
    from dupimg.files.photos import Photo

# Each rule ranks one photo, the smallest value first; the reason says what the better has.
KEEP_RULES: dict[str, tuple[Callable[[Photo], Any], Message]] = {
    "pixels": (lambda photo: -photo.pixels, message("reason.more_pixels")),
    "bytes": (lambda photo: -photo.bytes, message("reason.more_bytes")),
    # What a camera wrote counts more than the time of a file.
    "oldest": (
        lambda photo: (not photo.has_capture_time, photo.local_time),
        message("reason.earlier_time"),
    ),
    "path": (lambda photo: photo.path, message("reason.first_path")),
}
DEFAULT_RULE = KEEP_WORDS


def keeper_order(photos: Sequence[Photo], rule: Sequence[str] = DEFAULT_RULE) -> list[int]:
    """Order photos by a rule for keepers, the best first.

    Parameters
    ----------
    photos : sequence of Photo
    rule : sequence of str, default=("pixels", "bytes", "oldest", "path")
        Names out of `KEEP_RULES`; the first one in which two photos differ decides.
        The path always decides last, so that the order never depends on that of `photos`.

    Returns
    -------
    list of int
        Indices into `photos`.
    """
    keys = [KEEP_RULES[name][0] for name in (*rule, "path")]
    return sorted(range(len(photos)), key=lambda i: tuple(key(photos[i]) for key in keys))


def why_kept(keeper: Photo, removed: Photo, rule: Sequence[str] = DEFAULT_RULE) -> Message:
    """Return what `keeper` has that `removed` lacks, by the first difference of the rule."""
    for name in (*rule, "path"):
        key, advantage = KEEP_RULES[name]
        if key(keeper) != key(removed):
            return advantage
    return message("reason.all_the_same")
