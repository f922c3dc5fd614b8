"""Decide: for every file found exactly one row that says what happens to it, where it goes, why.

Pure: nothing here touches a file. Hazards that `check_plan` looks for: a file without a row or
with two, two rows with one destination (also where case or Unicode form are not told apart), a
destination outside the output folder, a duplicate whose keeper does not stay.
"""

from __future__ import annotations

import math
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from dupimg.keepers import DEFAULT_RULE, why_kept
from dupimg.photos import File, Listing, Photo

if TYPE_CHECKING:
    import numpy as np

KEEP, REMOVE, OTHER = "keep", "remove", "other"
FOLDERS = {KEEP: "processed", REMOVE: "remove", OTHER: "other"}

# What nearly every filesystem allows for one name, in bytes.
_LONGEST_NAME = 255


@dataclass(frozen=True)
class Row:
    """What happens to one file; a row of the report.

    Attributes
    ----------
    path : str
        Relative to the input folder, with forward slashes.
    action : {"keep", "remove", "other"}
    destination : str
        Relative to the output folder; empty where the file stays where it is.
    scene : int or None
        From 1 on, in order of the first kept photo; None for what is no photo.
    duplicate_group : int or None
        From 1 on; None for a photo without duplicates.
    keeper : str
        Path of the photo that stays in favour of this one; empty unless removed.
    cosine_to_keeper, nearest_cosine : float or None
        Cosine similarity to the keeper, and to the most similar other photo.
    taken_at : str
        ISO 8601, with the offset from UTC where the photo carries one.
    taken_from : {"exif", "file", ""}
    width, height : int or None
        Pixels, upright.
    bytes : int
    digest : str
        SHA-256, hexadecimal.
    reason : str
    """

    path: str
    action: str
    destination: str
    scene: int | None = None
    duplicate_group: int | None = None
    keeper: str = ""
    cosine_to_keeper: float | None = None
    nearest_cosine: float | None = None
    taken_at: str = ""
    taken_from: str = ""
    width: int | None = None
    height: int | None = None
    bytes: int = 0
    digest: str = ""
    reason: str = ""


@dataclass(frozen=True)
class Groups:
    """What was found out about n photos; every array has a value for each of them.

    Attributes
    ----------
    keepers : ndarray of shape (n,), int64
        Index of the photo that stays in favour of this one; its own where it stays.
    cosine_to_keeper, nearest_cosine : ndarray of shape (n,), float64
        `nearest_cosine` is NaN where there is no other photo.
    scenes : ndarray of shape (n,), int64
        Any label of the scene; duplicates carry that of their keeper.
    """

    keepers: np.ndarray
    cosine_to_keeper: np.ndarray
    nearest_cosine: np.ndarray
    scenes: np.ndarray


def make_plan(
    listing: Listing, groups: Groups, keep_rule: Sequence[str] = DEFAULT_RULE
) -> tuple[Row, ...]:
    """Give every file of a listing its row.

    Parameters
    ----------
    listing : Listing
        n photos in order of capture time, and the other files.
    groups : Groups
        Of the same n photos in the same order.
    keep_rule : sequence of str
        The rule that chose the keepers; named in the reasons.

    Returns
    -------
    tuple of Row
        In order of the names in ``processed``, each photo followed by its duplicates; other
        files last.
    """
    photos = listing.photos
    families: dict[int, list[int]] = {
        i: [i] for i, keeper in enumerate(groups.keepers.tolist()) if i == keeper
    }
    for i, keeper in enumerate(groups.keepers.tolist()):
        if i != keeper:
            families[keeper].append(i)
    scenes = _number_from_one([int(groups.scenes[i]) for i in families])
    stems = _kept_stems([photos[i] for i in families], scenes)

    rows: list[Row] = []
    names = _Names()
    group_number = 0
    named = zip(stems, scenes, families.values(), strict=True)
    for stem, scene, family in sorted(
        named, key=lambda item: item[0] + _suffix(photos[item[2][0]])
    ):
        group_number += len(family) > 1
        template = Row("", "", "", scene, group_number if len(family) > 1 else None)
        rows += _family_rows(photos, groups, family, stem, names, template, keep_rule)
    return (*rows, *(_other_row(other, names) for other in listing.others))


def _family_rows(
    photos: Sequence[Photo],
    groups: Groups,
    family: Sequence[int],
    stem: str,
    names: _Names,
    template: Row,
    keep_rule: Sequence[str],
) -> list[Row]:
    """Rows of one kept photo, the first of the family, and of its duplicates."""
    keeper = photos[family[0]]
    rows = []
    for i in family:
        photo, stays = photos[i], i == family[0]
        own_stem = PurePosixPath(photo.path).stem
        folder, name = (FOLDERS[KEEP], stem) if stays else (FOLDERS[REMOVE], f"{stem}--{own_stem}")
        nearest = float(groups.nearest_cosine[i])
        rows.append(
            replace(
                template,
                path=photo.path,
                action=KEEP if stays else REMOVE,
                destination=names.claim(f"{folder}/{name}", _suffix(photo)),
                keeper="" if stays else keeper.path,
                cosine_to_keeper=None if stays else float(groups.cosine_to_keeper[i]),
                nearest_cosine=None if math.isnan(nearest) else nearest,
                taken_at=photo.taken_at.isoformat(timespec="milliseconds"),
                taken_from=photo.taken_from,
                width=photo.width,
                height=photo.height,
                bytes=photo.bytes,
                digest=photo.digest,
                reason=_kept_reason(family) if stays else _removed_reason(keeper, photo, keep_rule),
            )
        )
    return rows


def _kept_reason(family: Sequence[int]) -> str:
    if len(family) == 1:
        return "no duplicate"
    return f"best of {len(family)} duplicates"


def _removed_reason(keeper: Photo, photo: Photo, keep_rule: Sequence[str]) -> str:
    likeness = "identical bytes" if photo.digest == keeper.digest else "similar to the keeper"
    return f"{likeness}; the keeper has {why_kept(keeper, photo, keep_rule)}"


def _other_row(file: File, names: _Names) -> Row:
    stem, suffix = os.path.splitext(file.path)  # noqa: PTH122 - a path of "." or ".." stays whole
    return Row(
        path=file.path,
        action=OTHER,
        destination=names.claim(f"{FOLDERS[OTHER]}/{stem}", suffix) if file.readable else "",
        bytes=file.bytes,
        digest=file.digest,
        reason=file.reason,
    )


def _suffix(photo: Photo) -> str:
    return PurePosixPath(photo.path).suffix


def _number_from_one(labels: Sequence[int]) -> list[int]:
    """Replace labels by 1, 2, … in order of first appearance."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(label, len(numbers) + 1) for label in labels]


def _kept_stems(photos: Sequence[Photo], scenes: Sequence[int]) -> list[str]:
    """Names without extension: scene and time, with -2, -3 … where both are equal."""
    digits = max(4, len(str(max(scenes, default=0))))
    names = _Names()
    return [
        names.claim(
            f"image-{scene:0{digits}d}-"
            + re.sub(r"\D", "", photo.local_time.isoformat(timespec="milliseconds"))
        )
        for photo, scene in zip(photos, scenes, strict=True)
    ]


class _Names:
    """Hands out names of which no two are the same on any filesystem."""

    def __init__(self) -> None:
        self._uses: dict[str, int] = {}

    def claim(self, stem: str, suffix: str = "") -> str:
        """Return the first free name of stem + suffix, stem-2 + suffix and so on."""
        wanted = name = _shorten(stem, suffix)
        while (uses := self._uses.setdefault(_on_disk(name), 0)) > 0:
            # Counting on from the last use: thousands of photos may share one file time.
            number = self._uses[_on_disk(wanted)] = self._uses[_on_disk(wanted)] + 1
            name = _shorten(stem, f"-{number}{suffix}")
        self._uses[_on_disk(name)] = uses + 1
        return name


def _shorten(stem: str, ending: str) -> str:
    """Shorten the last part of a path until it fits a filesystem."""
    folder, slash, name = stem.rpartition("/")
    room = _LONGEST_NAME - len(os.fsencode(ending))
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return folder + slash + name + ending


def _on_disk(name: str) -> str:
    """Fold what some filesystems do not tell apart: case and Unicode composition."""
    return unicodedata.normalize("NFC", name).casefold()


def check_plan(rows: Sequence[Row], listing: Listing) -> list[str]:
    """Look for everything that would make a plan unsafe to carry out.

    Parameters
    ----------
    rows : sequence of Row
    listing : Listing
        What the plan was made for.

    Returns
    -------
    list of str
        One sentence for each problem; empty if there is none.
    """
    return [problem for check in _CHECKS for problem in check(rows, listing)]


def _check_sources(rows: Sequence[Row], listing: Listing) -> Iterator[str]:
    found = Counter(record.path for record in (*listing.photos, *listing.others))
    planned = Counter(row.path for row in rows)
    for path in found.keys() | planned.keys():
        if found[path] != planned[path]:
            yield f"{path}: {planned[path]} rows in the plan, expected {found[path]}."


def _check_destinations(rows: Sequence[Row], listing: Listing) -> Iterator[str]:
    seen: dict[str, str] = {}
    for row in rows:
        if not row.destination:
            continue
        parts = PurePosixPath(row.destination).parts
        if parts[0] != FOLDERS[row.action] or len(parts) < 2 or ".." in parts:
            yield f"{row.path}: destination {row.destination} is outside {FOLDERS[row.action]}/."
        other = seen.setdefault(_on_disk(row.destination), row.path)
        if other != row.path:
            yield f"{row.path}: has the destination of {other}: {row.destination}."


def _check_keepers(rows: Sequence[Row], listing: Listing) -> Iterator[str]:
    kept = {row.path for row in rows if row.action == KEEP}
    for row in rows:
        if row.action == REMOVE and row.keeper not in kept:
            yield f"{row.path}: its keeper {row.keeper!r} does not stay."


_CHECKS: tuple[Callable[[Sequence[Row], Listing], Iterator[str]], ...] = (
    _check_sources,
    _check_destinations,
    _check_keepers,
)
