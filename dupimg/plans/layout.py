"""Lay out kept photos: by scene and time, in their own folders, or by a template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dupimg.files.capture_time import FILE_TIME
from dupimg.files.companion_names import split_name
from dupimg.files.photos import local_time
from dupimg.options.templates import DAY, SCENES, TREE, Part, Piece, parse_template
from dupimg.plans.free_names import LONGEST_STEM, shortened
from dupimg.plans.rows import Row

UNDATED = "undated"

# Characters that values must not bring into a path: separators and control characters.
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f]")
# Separators between values; one beside an empty value is dropped.
_BETWEEN = " -_"


@dataclass(frozen=True)
class Layout:
    """The layout of kept photos.

    Attributes
    ----------
    text : str
        "scenes", "tree" or a template, see `dupimg.options.templates`.
    added_from : tuple of str
        Absolute paths of folders outside of the input from which files were added, with distinct
        names; in a tree their files go to folders of these names.
    """

    text: str = SCENES
    added_from: tuple[str, ...] = ()

    @property
    def is_scenes(self) -> bool:
        """Whether photos are named by scene and time, all in one folder."""
        return self.text == SCENES

    @property
    def is_tree(self) -> bool:
        """Whether files keep their own folders and names."""
        return self.text == TREE

    def own_path(self, path: str) -> str:
        """Return the relative path of a file in a tree.

        Examples
        --------
        >>> layout = Layout("tree", added_from=("/media/card/DCIM",))
        >>> layout.own_path("2024/a.jpg"), layout.own_path("/media/card/DCIM/1/b.jpg")
        ('2024/a.jpg', 'DCIM/1/b.jpg')
        """
        folder = next((f for f in self.added_from if path.startswith(f"{f}/")), "")
        path = path[folder.rfind("/") + 1 :]
        return relative(path)

    def stem(self, row: Row) -> str:
        """Return the path of a photo by a template, without its suffix.

        Parameters
        ----------
        row : Row
            A photo or a video.

        Returns
        -------
        str
            Relative, with forward slashes; no part is empty, ``.`` or ``..``.

        Examples
        --------
        >>> row = Row("a/IMG_1.jpg", "keep", scene=7, event="2024-05-01 Rome",
        ...           taken_at="2024-05-02T10:11:12", taken_from="exif")
        >>> Layout("{taken:%Y}/{event}/{scene:04}-{taken:%H%M%S}{ext}").stem(row)
        '2024/2024-05-01 Rome/0007-101112'
        >>> Layout("{taken:%Y-%m-%d} {event}/{scene_name} {name}").stem(row)
        '2024-05-02 Rome/IMG_1'
        >>> Layout("{taken:%H%M} {event}{ext}").stem(row)
        '1011 2024-05-01 Rome'
        """
        template = parse_template(self.text)
        folders = (_filled(part, row) for part in template.folders)
        stem = _filled(template.stem, row) or clean(split_name(row.path)[0])
        return "/".join(filter(None, (*folders, stem)))


BY_SCENES = Layout()


def relative(path: str) -> str:
    """Return a path relative to its root; absolute paths keep all of their parts."""
    drive, _, path = path.rpartition(":") if path[1:3] == ":/" else ("", "", path)
    return "/".join(filter(None, (drive, path.lstrip("/"))))


def folder_name(path: str) -> str:
    """Return the name of the folder of a file; empty for the input folder itself."""
    return path.rpartition("/")[0].rpartition("/")[2]


def clean(value: str) -> str:
    """Return a value of a template without characters that could lead to another folder.

    Examples
    --------
    >>> clean("../../etc"), clean("a/b"), clean("Wait... what"), clean("."), clean("..jpg")
    ('_._._etc', 'a_b', 'Wait. what', '_', '_.jpg')
    """
    value = _UNSAFE.sub("_", value).strip()
    if value and not value.strip("."):
        return "_"
    # A leading dot would hide the file or folder.
    return re.sub(r"\.{2,}", ".", re.sub(r"^\.{2,}", "_.", value))


def _filled(part: Part, row: Row) -> str:
    """Return one part of a path; drop separators beside empty values."""
    text, is_hole = "", False
    dates = [piece.format or DAY for piece in part if piece.is_field and piece.text == "taken"]
    for piece in part:
        if not piece.is_field:
            text += piece.text.lstrip(_BETWEEN) if is_hole else piece.text
            is_hole = False
        elif value := clean(_value(piece, row, dates)):
            text, is_hole = text + value, False
        else:
            is_hole = True
    text = (text.rstrip(_BETWEEN) if is_hole else text).strip()
    return "_" if text and not text.strip(".") else shortened(text, "", LONGEST_STEM)


# Sets of strftime codes that together determine the day.
_DAYS = (("Yy", "mbB", "d"), ("Yy", "j"))


def _contains_day(format: str) -> bool:
    codes = set(re.findall("%(.)", format))
    return any(all(codes.intersection(any_of) for any_of in day) for day in _DAYS)


def _value(piece: Piece, row: Row, dates: Sequence[str]) -> str:
    """Return the value of a field; an event omits its day if `dates` contain it."""
    stem, ending = split_name(row.path)
    match piece.text:
        case "name":
            return stem + ending
        case "stem":
            return stem
        case "ext":
            return ending.removeprefix(".")  # the suffix at the end of a name keeps its dot
        case "folder":
            return folder_name(row.path)
        case "taken":
            moment = moment_of(row)
            return moment.strftime(piece.format or DAY) if moment else UNDATED
        case "event" if row.event:
            return row.event.partition(" ")[2] if any(map(_contains_day, dates)) else row.event
        case "event":
            return "" if dates else UNDATED
        case "scene":
            return format(row.scene or 0, piece.format)
        case "scene_name":
            return row.scene_name
        case _:
            return row.camera


def moment_of(row: Row) -> datetime | None:
    """Return the capture time in the camera's local time; None if only the file has a time."""
    if not row.taken_at or row.taken_from == FILE_TIME:
        return None
    return local_time(datetime.fromisoformat(row.taken_at))
