"""Parse the names of companions, which derive from the names of their photos.

No file is opened: a name is parsed by every naming scheme that may have formed it.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator

# fmt: off
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc", ".mef",
    ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw",
    ".x3f",
})
# fmt: on
# Videos of phones and cameras; the video of a Live Photo is a ".mov" or ".mp4".
VIDEO_SUFFIXES = frozenset(
    [
        ".mov",
        ".mp4",
        ".m4v",
        ".avi",
        ".mkv",
        ".webm",
        ".3gp",
        ".3g2",
        ".mts",
        ".m2ts",
        ".mpg",
        ".mpeg",
        ".wmv",
        ".insv",
    ]
)
LIVE_SUFFIXES = frozenset({".mov", ".mp4"})
# The video of a motion photo in Google Takeout: .MP, .MP~2, .MV.
MOTION_SUFFIX = re.compile(r"\.(?:mp|mv)(?:~\d)?", re.IGNORECASE)

# A longer suffix is part of the name, as in "Mr. Smith, summer of 2012".
_LONGEST_SUFFIX_BYTES = 16

# Google Takeout cuts "NAME.supplemental-metadata" at 46 characters before it adds ".json"; some
# exports had 51 (immich-go and ente found the same, ente #4956).
_TAKEOUT_TAIL = ".supplemental-metadata"

# Names of other versions of a photo, as three groups: before the mark, the mark, after it.
_EDITED_ON_PHONE = re.compile(r"(IMG_)(E)(\d+)", re.IGNORECASE)
_EDITED = re.compile(  # Google Takeout and osxphotos translate the mark
    r"(.+)([-_](?:edited|effects|bearbeitet|bewerkt|edytowane|editat|ha editado|editado|editada"
    r"|modificato|modifié|modifie|redigerad|redigeret|redigert|muokattu|upraveno|szerkesztve"
    r"|düzenlendi|изменено|измененный|編集済み|已编辑|已修改|已編輯|수정됨))"
    r"((?:\(\d+\))?)",
    re.IGNORECASE,
)
# Google Takeout also cuts long names in the middle of the mark.
_EDITED_CUT = re.compile(r"(.{41,50})(-(?:e|ed|edi|edit|edite)?)()", re.IGNORECASE | re.DOTALL)
_CUT_LENGTHS = range(44, 52)
_LIVE_VIDEO = re.compile(r"(.+)(_HEVC)()", re.IGNORECASE)  # icloudpd
_ORIGINAL_EDITS = re.compile(r"(IMG_)(O)(\d+)", re.IGNORECASE)  # iOS: IMG_O1234.AAE
_LOW_RESOLUTION = re.compile(r"(G)(L)(\d{6})", re.IGNORECASE)  # GoPro: GL010010.LRV of GX010010.MP4
_DARKTABLE = re.compile(r"(.+)(_\d\d)()")  # its second edit of NAME.JPG: NAME_01.JPG.xmp
# Pixel: PXL_….RAW-01.COVER.jpg is the photo, …RAW-02.ORIGINAL.dng its raw or its source.
_PIXEL_ORIGINAL = re.compile(r"(PXL_\d{8}_\d+\.(?:\w+-)?)(02\.ORIGINAL)()", re.IGNORECASE)
_PIXEL_COVERS = ("01.cover", "01.mp.cover")
# Names given by dupimg: further companions of one kind, and a photo before it was edited.
_OURS = re.compile(r"(image-\d{4,}-\d{17}(?:-\d+)?)(-\d+|-original)()")


def companion_ending(companion: str, photo: str) -> str:
    """Return the part of a companion's name after the stem of its photo.

    Parameters
    ----------
    companion, photo : str
        Paths of a companion and of the photo that it belongs to.

    Returns
    -------
    str
        Appended to the stem of a photo, it forms a name that `pair_companions` pairs with it.

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
    return photo_suffix + suffix  # name cut by Google Takeout


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
    # Leading dots mark hidden files.
    if not stem.strip(".") or len(os.fsencode(dot + end)) > _LONGEST_SUFFIX_BYTES:
        return name, ""
    return stem, dot + end


def folded(name: str) -> str:
    """Fold case and Unicode composition, which some file systems ignore."""
    return unicodedata.normalize("NFC", name).casefold()


def is_film(path: str) -> bool:
    """Return whether a file is a film by its name, as films have no reliable header."""
    suffix = split_name(path)[1].lower()
    return suffix in VIDEO_SUFFIXES or MOTION_SUFFIX.fullmatch(suffix) is not None


def bodies(stem: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield names or stems of possible owners, each with the rest of this file's name."""
    yield stem, suffix
    if MOTION_SUFFIX.fullmatch(suffix):  # PXL_1.MP and PXL_1.MP~2 may be of PXL_1.MP.jpg
        yield stem + suffix.partition("~")[0], suffix
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
    """Yield the stems of files that this may be a version of, with the removed marks."""
    marks = ""
    yield stem, marks
    while found := next(
        filter(None, (pattern.fullmatch(stem) for pattern in _patterns(stem, suffix))), None
    ):
        before, mark, after = found.groups()
        if found.re is _PIXEL_ORIGINAL:
            # A raw differs from its photo by its suffix; a picture needs a mark in its new name.
            own = "" if suffix.lower() in RAW_SUFFIXES else "-original"
            yield from ((before + cover, own + marks) for cover in _PIXEL_COVERS)
            return
        if found.re is _LOW_RESOLUTION:
            yield from ((before + film + after, marks) for film in "xhs")
            return
        # Only original names like IMG_1234 hold a letter as a mark, and only long names are cut.
        mark = "-edited" if found.re is _EDITED_CUT else mark
        mark = {"e": "-edited", "o": "-original"}.get(mark.lower(), mark)
        stem, marks = before + after, mark + marks
        yield stem, marks


def _patterns(stem: str, suffix: str) -> Iterator[re.Pattern[str]]:
    """Yield the patterns that apply to the stem of a file with this suffix."""
    suffix = suffix.lower()
    yield from (_EDITED_ON_PHONE, _EDITED, _PIXEL_ORIGINAL, _OURS)
    if len(stem) in _CUT_LENGTHS:
        yield _EDITED_CUT
    if suffix in LIVE_SUFFIXES:
        yield _LIVE_VIDEO
    elif suffix == ".aae":
        yield _ORIGINAL_EDITS
    elif suffix == ".lrv":
        yield _LOW_RESOLUTION
    elif suffix == ".xmp":
        yield _DARKTABLE


def edited_from(stem: str) -> Iterator[str]:
    """Yield the stems of the pictures that this may be an edited version of."""
    if not _OURS.fullmatch(stem):  # our number separates photos of one moment
        yield from (original for original, marks in versions(stem, "") if marks)
