"""Find free names that are valid on the target disk.

Some file systems, as on USB disks and network shares, refuse names that others allow;
`acceptable_path` replaces these.
"""

from __future__ import annotations

import os
import re
from itertools import count
from pathlib import PurePosixPath

from dupimg.files.companion_names import folded, split_name

# Nearly every file system allows names of 255 bytes; the rest is for suffixes.
LONGEST_STEM, LONGEST_NAME = 200, 255

# Characters that exFAT, NTFS and SMB refuse, and bytes that are not UTF-8.
_REFUSED = re.compile(r'[<>:"|?*\\\x00-\x1f\x7f\ud800-\udfff]')

# Names of devices on Windows, whatever the extension.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?=\.|$)", re.IGNORECASE)


def acceptable_path(path: str) -> str:
    r"""Return a relative path that is valid on every file system.

    Parameters
    ----------
    path : str
        A relative path with forward slashes.

    Returns
    -------
    str
        ``< > : " | ? * \``, control characters and bytes that are not UTF-8 become ``_``; dots
        and spaces at the end of a part are dropped; names of devices get a ``_``.

    Examples
    --------
    >>> acceptable_path("Trip: Rome/Album 1. /who is this?.jpg")
    'Trip_ Rome/Album 1/who is this_.jpg'
    >>> acceptable_path("con.txt")
    'con_.txt'
    """
    return "/".join(map(_acceptable_name, path.split("/")))


def _acceptable_name(name: str) -> str:
    allowed = _REFUSED.sub("_", name).rstrip(". ") or "_" * bool(name)
    return _RESERVED.sub(r"\1_", allowed, count=1) if _RESERVED.match(allowed) else allowed


def acceptable_end(end: str) -> str:
    """Return the end of a name in a form that is valid on every file system."""
    return _acceptable_name(f"x{end}")[1:]


class Names:
    """Hands out names that are distinct on any file system."""

    def __init__(self, portable: bool) -> None:
        self._uses: dict[str, int] = {}
        # Numbered stems of companions.
        self._beside: set[str] = set()
        # Destinations of files.
        self._placed: set[str] = set()
        self._portable = portable

    def allowed(self, name: str) -> str:
        """Return a path in a form that is valid on the disk."""
        return acceptable_path(name) if self._portable else name

    def allowed_end(self, end: str) -> str:
        """Return the end of a name in a form that is valid on the disk."""
        return acceptable_end(end) if self._portable else end

    def reserve(self, place: str) -> None:
        """Reserve a destination, and its stem with any suffix."""
        for name in (place, place.removesuffix(split_name(place)[1])):
            self._uses.setdefault(folded(name), 1)
        self._placed.add(folded(place))

    def reserve_place(self, place: str) -> None:
        """Reserve a destination."""
        self._uses.setdefault(folded(place), 1)

    def reserve_folders(self, path: str) -> None:
        """Reserve the names of all folders in a path."""
        for folder in PurePosixPath(path).parents:
            self._uses.setdefault(folded(str(folder)), 1)

    def clear_of_files(self, path: str) -> str:
        """Return a path with numbers added to folders whose names are taken by files."""
        clear = ""
        *folders, name = path.split("/")
        for folder in folders:
            places = (f"{clear}{folder}" + f"-{n}" * (n > 1) for n in count(1))
            clear = next(place for place in places if folded(place) not in self._placed) + "/"
        return clear + name

    def claim(
        self, stem: str, ending: str = "", *, suffix: str = "", longest: int = LONGEST_STEM
    ) -> str:
        """Return the first free name of stem + ending, stem-2 + ending and so on.

        With `suffix`, the name followed by it is free, too.
        """
        wanted = name = shortened(stem, ending, longest)
        while self._uses.get(folded(name), 0) or self._uses.get(folded(name + suffix), 0):
            # Continue from the last number, as thousands of photos may share one file time.
            number = self._uses[folded(wanted)] = self._uses.get(folded(wanted), 1) + 1
            name = shortened(stem, f"-{number}{ending}", longest)
        self._uses[folded(name)] = 1
        return name

    def is_free(self, place: str) -> bool:
        """Return whether a destination is free."""
        return not self._uses.get(folded(place), 0)

    def claim_file(self, place: str) -> str:
        """Return a destination, or the first free one with a number before its suffix."""
        suffix = split_name(place)[1]
        return self.claim(place.removesuffix(suffix), suffix, longest=LONGEST_NAME)

    def claim_beside(self, stem: str, ending: str, own: str = "") -> str:
        """Return the first free name of stem + ending, stem-2 + ending and so on, for a companion.

        No photo has or gets a numbered stem of a companion. `own` is the current place of the file,
        which counts as free.
        """
        name = shortened(stem, ending, LONGEST_NAME)
        number, beside = 1, ""
        while name != own and (
            self._uses.get(folded(name), 0) or (beside in self._uses and beside not in self._beside)
        ):
            number += 1
            name = shortened(stem, f"-{number}{ending}", LONGEST_NAME)
            beside = folded(f"{stem}-{number}")
        if beside:
            self._beside.add(beside)
            self._uses.setdefault(beside, 1)
        self._uses[folded(name)] = 1
        return name


def shortened(stem: str, ending: str, longest: int) -> str:
    """Shorten the last part of a path to the limit of file systems."""
    folder, slash, name = stem.rpartition("/")
    while len(os.fsencode(name + ending)) > longest:
        name = name[:-1]
    return folder + slash + name + ending
