"""Leave out the files that the options exclude, with their companions."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeVar

from dupimg.files.photos import File, Listing, Photo, Video

T = TypeVar("T", File, Photo, Video)


def pass_over(
    listing: Listing, excluded: Collection[str], *, min_pixels: int = 0, min_bytes: int = 0
) -> Listing:
    """Remove files and their companions from a listing.

    Parameters
    ----------
    listing : Listing
        A listing with paired companions.
    excluded : collection of str
        Paths of files to leave out.
    min_pixels : int
        Photos with fewer pixels are left out.
    min_bytes : int
        Photos and videos that are smaller are left out.

    Returns
    -------
    Listing
        The rest, with the paths of the removed files as `passed_over`.
    """
    small = {photo.path for photo in listing.photos if photo.pixels < min_pixels}
    small |= {photo.path for photo in listing.photos if photo.bytes < min_bytes}
    small |= {video.path for video in listing.videos if video.bytes < min_bytes}
    out = small | set(excluded)
    out |= {file.path for file in listing.companions if file.companion_of in out}
    if not out:
        return listing

    def left(files: Iterable[T]) -> tuple[T, ...]:
        return tuple(file for file in files if file.path not in out)

    return replace(
        listing,
        photos=left(listing.photos),
        videos=left(listing.videos),
        others=left(listing.others),
        companions=left(listing.companions),
        passed_over=tuple(sorted(out)),
    )
