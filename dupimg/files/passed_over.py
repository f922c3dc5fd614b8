"""Pass over files that a person does not want to have sorted, and what belongs to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from dupimg.files.photos import File, Listing, Photo, Video
from dupimg.options.globs import first_match

T = TypeVar("T", File, Photo, Video)


def pass_over(
    listing: Listing, *, exclude: Sequence[str] = (), min_pixels: int = 0, min_bytes: int = 0
) -> Listing:
    """Leave files out of a listing.

    Parameters
    ----------
    listing : Listing
        With companions.
    exclude : sequence of str
        Patterns of paths, see `dupimg.options.globs`.
    min_pixels : int
        Photos with fewer pixels are left out.
    min_bytes : int
        Photos and videos that are smaller are left out.

    Returns
    -------
    Listing
        With the paths of those files, and of their companions, as `passed_over`.
    """
    small = {photo.path for photo in listing.photos if photo.pixels < min_pixels}
    small |= {photo.path for photo in listing.photos if photo.bytes < min_bytes}
    small |= {video.path for video in listing.videos if video.bytes < min_bytes}

    def is_out(path: str) -> bool:
        return path in small or first_match(exclude, path) < len(exclude)

    def left(files: Iterable[T]) -> tuple[T, ...]:
        return tuple(file for file in files if file.path not in out)

    media: tuple[File | Photo | Video, ...] = (*listing.photos, *listing.videos, *listing.others)
    out = {file.path for file in media if is_out(file.path)}
    out |= {f.path for f in listing.companions if f.companion_of in out or is_out(f.path)}
    return replace(
        listing,
        photos=left(listing.photos),
        videos=left(listing.videos),
        others=left(listing.others),
        companions=left(listing.companions),
        passed_over=tuple(sorted(out)),
    )
