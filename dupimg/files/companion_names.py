"""The naming schemes of companions: how their names derive from the name of their photo.

Names only, no files: a name is parsed in each way in which it may have been formed.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator

VIDEO_SUFFIXES = frozenset({".mov", ".mp4"})

# A longer ending is part of the name, as in "Mr. Smith, summer of 2012".
_LONGEST_SUFFIX_BYTES = 16

# Google Takeout cuts "NAME.supplemental-metadata" at 46 characters, and adds ".json" then; some
# exports had 51 (immich-go and ente found the same, ente #4956).
_TAKEOUT_TAIL = ".supplemental-metadata"

# Names of other versions of a photo, as three groups: before the mark, the mark, after it.
_EDITED_ON_PHONE = re.compile(r"(IMG_)(E)(\d+)", re.IGNORECASE)
_EDITED = re.compile(  # Google Takeout writes the mark in the language of the account
    r"(.+)(-(?:edited|bearbeitet|bewerkt|edytowane|editat|ha editado|modificato|modifié|編集済み))"
    r"((?:\(\d+\))?)",
    re.IGNORECASE,
)
_LIVE_VIDEO = re.compile(r"(.+)(_HEVC)()", re.IGNORECASE)  # icloudpd


def companion_ending(companion: str, photo: str) -> str:
    """Return the part of a companion's name after the stem of its photo.

    Parameters
    ----------
    companion, photo : str
        Paths of a companion and of the photo that it belongs to.

    Returns
    -------
    str
        Appended to the stem of any photo, it gives a name that `pair_companions` pairs with it.

    Examples
    --------
    >>> companion_ending("2024/IMG_1.jpg.xmp", "2024/IMG_1.jpg")
    '.jpg.xmp'
    >>> companion_ending("IMG_E1234.JPG", "IMG_1234.HEIC")
    '-edited.JPG'
    >>> companion_ending("IMG_1.jpg(1).json", "IMG_1(1).jpg")
    '.jpg.json'
    """
    photo_stem, photo_suffix = split_name(photo)
    stem, suffix = split_name(unicodedata.normalize("NFC", companion))
    for body, end in bodies(stem, suffix):
        inner, inner_suffix = split_name(body)
        for start, rest in ((body, end), (inner, inner_suffix + end)):
            for original, mark in versions(start, suffix):
                if folded(original) == folded(photo_stem):
                    return mark + rest
    return photo_suffix + suffix  # Google Takeout has cut the name


def split_name(path: str) -> tuple[str, str]:
    """Split the last part of a path into stem and suffix.

    Parameters
    ----------
    path : str

    Returns
    -------
    stem, suffix : str
        The suffix with its dot; empty if the part after the dot is too long for a suffix.

    Examples
    --------
    >>> split_name("2024/IMG_1.jpg")
    ('IMG_1', '.jpg')
    >>> split_name("Mr. Smith, summer of 2012")
    ('Mr. Smith, summer of 2012', '')
    """
    name = path.rpartition("/")[2]
    stem, dot, end = name.rpartition(".")
    # Dots at the beginning hide a file.
    if not stem.strip(".") or len(os.fsencode(dot + end)) > _LONGEST_SUFFIX_BYTES:
        return name, ""
    return stem, dot + end


def folded(name: str) -> str:
    """Fold case and Unicode composition, which some filesystems ignore."""
    return unicodedata.normalize("NFC", name).casefold()


def bodies(stem: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield the names or stems of possible owners, each with the rest of this file's name."""
    yield stem, suffix
    if suffix.lower() != ".json":
        return
    # Google Takeout: a.jpg.supplemental-meta(1).json and a.jpg(1).json are of a(1).jpg.
    number = re.search(r"(?:\(\d+\))?$", stem)
    assert number is not None  # it may be empty
    body = stem[: number.start()]
    owner, dot, tail = body.rpartition(".")
    if dot and _TAKEOUT_TAIL.startswith(dot + tail.lower()):
        body, suffix = owner, dot + tail + suffix
    inner, inner_suffix = split_name(body)
    yield inner + number.group() + inner_suffix, suffix


def versions(stem: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield the stems of pictures that this may be a version of, and the marks removed."""
    marks = ""
    yield stem, marks
    patterns = [_EDITED_ON_PHONE, _EDITED]
    if suffix.lower() in VIDEO_SUFFIXES:
        patterns.append(_LIVE_VIDEO)
    while found := next(filter(None, (pattern.fullmatch(stem) for pattern in patterns)), None):
        before, mark, after = found.groups()
        # A renamed photo is no IMG_1234 any more, where an E could stand.
        stem, marks = before + after, ("-edited" if mark in "eE" else mark) + marks
        yield stem, marks
