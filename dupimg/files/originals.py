"""Find photos that are backups, exports, copies or screenshots of others, by their names.

A name alone proves little: ``IMG_1 (1).jpg`` may be another photo of that name. So a photo only
counts as derived if the photo that its name points to exists, has at least as many pixels and was
not taken at another time. A screenshot is derived unless it is known to be an original. Crops and
enlargements, which only a comparison of pictures can show, are handled elsewhere.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from dupimg.files.companion_names import edited_from, folded, split_name

if TYPE_CHECKING:
    from dupimg.files.photos import Photo

# Suffixes of backups by exiftool, editors and people.
_BACKUP_ENDING = re.compile(r"(.+?)(?:_original|~\d*|\.bak|\.backup|\.old|\.orig)", re.DOTALL)

# Names that systems give to copies in the same folder, and people to exports.
_COPY = re.compile(
    r"(.+?)(?:"
    r" ?\(\d+\)"
    r"|(?: - |[ _-])(?:copy|kopie|copie|copia|cópia|kopia|kopi|копия|コピー|副本|复制)"
    r"(?: ?\(?\d+\)?)?"
    r"|[ _-](?:effects|collage|export|exported|small|web|resized|preview|thumb|thumbnail)"
    r")",
    re.DOTALL,
)
# Names of screenshots on phones and computers.
_SCREENSHOT = re.compile(
    r"(?:screenshot|screen shot|screen_shot|bildschirmfoto|capture d.[ée]cran|captura de"
    r"|istantanea|schermafbeelding|zrzut ekranu|снимок экрана|スクリーンショット"
    r"|屏幕截图|截屏|截圖|螢幕截圖)"
    r".*",
    re.DOTALL,
)
_COPY_OF = re.compile(r"(?:copy of|kopie von|copie de|copia de|копия) (.+)", re.DOTALL)

# Folders of files made from photos in other folders.
_FOLDERS = frozenset(
    [
        "backup",
        "backups",
        "bak",
        "export",
        "exports",
        "exported",
        "preview",
        "previews",
        "thumb",
        "thumbs",
        "thumbnail",
        "thumbnails",
        "resized",
        "sicherung",
        "exporte",
        "exportiert",
        "sauvegarde",
        "备份",
        "导出",
    ]
)

_SAME_SHOT = timedelta(seconds=2)


def is_screenshot(path: str) -> bool:
    """Return whether a file has the name of a screenshot."""
    return _SCREENSHOT.fullmatch(folded(path.rpartition("/")[2])) is not None


def find_derived(photos: Sequence[Photo], originals: Collection[str] = ()) -> frozenset[str]:
    """Return the paths of the photos that are made from another photo of the sequence.

    Parameters
    ----------
    photos : sequence of Photo
    originals : collection of str
        Paths of screenshots that are originals, unless their names point to another file.

    Returns
    -------
    frozenset of str

    Examples
    --------
    >>> from datetime import datetime
    >>> from dupimg.files.photos import Photo
    >>> names = "a.jpg", "a.jpg_original", "a (1).jpg", "b (1).jpg", "a-edited.jpg"
    >>> time = datetime(2025, 6, 13)
    >>> photos = [Photo(name, 9, name, 4, 3, time, "exif") for name in names]
    >>> sorted(find_derived(photos))
    ['a (1).jpg', 'a-edited.jpg', 'a.jpg_original']
    """
    known: defaultdict[tuple[str, object], list[Photo]] = defaultdict(list)
    for photo in photos:
        for name in _names(photo.path):
            known[name, _folder(photo)].append(photo)
            if photo.has_capture_time:
                known[name, _second(photo)].append(photo)
    return frozenset(
        photo.path
        for photo in photos
        if (photo.path not in originals and is_screenshot(photo.path))
        or any(
            _is_source(source, photo)
            for name in _sources(photo)
            for place in _places(photo)
            for source in known.get((name, place), ())
        )
    )


def _folder(photo: Photo) -> str:
    return photo.path.rpartition("/")[0]


def _second(photo: Photo) -> int:
    time = photo.local_time
    return time.toordinal() * 86_400 + time.hour * 3600 + time.minute * 60 + time.second


def _places(photo: Photo) -> Iterator[object]:
    """Yield keys of possible sources: its folder, and its moment for other folders."""
    yield _folder(photo)
    if photo.has_capture_time:
        yield from range(_second(photo) - 2, _second(photo) + 3)


def _names(path: str) -> set[str]:
    name = folded(path.rpartition("/")[2])
    return {name, split_name(name)[0]}


def _sources(photo: Photo) -> Iterator[str]:
    """Yield the names or stems of the photos that this one may be made from."""
    *folders, name = folded(photo.path).split("/")
    stem, _ = split_name(name)
    if found := _BACKUP_ENDING.fullmatch(name):
        yield found[1]
    for pattern in (_COPY, _COPY_OF):
        if found := pattern.fullmatch(stem):
            yield found[1]
    yield from edited_from(stem)
    if _FOLDERS.intersection(folders):
        yield stem


def _is_source(source: Photo, photo: Photo) -> bool:
    """Return whether a photo may be made from the one that its name points to."""
    if source.path == photo.path or source.pixels < photo.pixels:
        return False
    folder, other = _folder(photo), _folder(source)
    if folder != other and not _FOLDERS.isdisjoint(folded(other).split("/")):
        return False  # neither of two such folders holds originals
    if photo.has_capture_time and source.has_capture_time:
        return abs(photo.local_time - source.local_time) <= _SAME_SHOT
    return folder == other
