"""The input folders of a run, and the paths of their files in rows.

With one folder a path is relative to it. With several it starts with the label of its folder: the
name of the folder, extended by the names of its parents until all labels differ. A file that
`dupimg add` found elsewhere has an absolute path. Only `Inputs` knows these rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any, Protocol, TypeVar

from dupimg.files.companion_names import folded
from dupimg.files.durable import REMOVED_FOLDER, holds_result
from dupimg.files.photos import File, Found, Listing, Photo, Video, by_time, find_files
from dupimg.messages import Message, message

F = TypeVar("F", File, Photo, Video)


class Root(Protocol):
    """The base of paths: a folder, or several with their labels."""

    def __truediv__(self, path: str, /) -> Path:
        """Return the location of a path."""


@dataclass(frozen=True)
class Inputs:
    """The input folders of a run.

    Attributes
    ----------
    folders : mapping of str to str
        Absolute folders by their labels. The label of a single folder is empty.
    protected : tuple of str
        Paths, as in rows, of the folders in which nothing may change; an empty path is the whole
        of a single folder.

    Examples
    --------
    >>> inputs = Inputs.join([Path("/disk/photos"), Path("/card/photos")], [Path("/nas/best")])
    >>> inputs.folders == {
    ...     "disk/photos": "/disk/photos", "card/photos": "/card/photos", "best": "/nas/best"
    ... }
    True
    >>> str(inputs / "card/photos/2024/a.jpg"), inputs.is_protected("best/b.jpg")
    ('/card/photos/2024/a.jpg', True)
    >>> str(Inputs.join([Path("/disk/photos")]) / "2024/a.jpg")
    '/disk/photos/2024/a.jpg'
    """

    folders: Mapping[str, str]
    protected: tuple[str, ...] = ()

    @classmethod
    def join(cls, folders: Sequence[Path], protected: Sequence[Path] = ()) -> Inputs:
        """Assign labels to folders.

        Parameters
        ----------
        folders : sequence of Path
            No folder may be inside another.
        protected : sequence of Path
            Those outside of `folders` become further folders.
        """
        places = [folder.resolve() for folder in folders]
        kept = _outermost([folder.resolve() for folder in protected])
        outside = [p for p in kept if not any(p.is_relative_to(place) for place in places)]
        labels = _labels([*places, *outside])
        return cls({labels[place]: str(place) for place in labels})._protecting(kept)

    def protecting(self, more: Sequence[Path]) -> Inputs:
        """Return the same folders with more protected ones."""
        return self._protecting([Path(self / path) for path in self.protected] + [*more])

    def _protecting(self, folders: Sequence[Path]) -> Inputs:
        kept = _outermost([folder.resolve() for folder in folders])
        return replace(self, protected=tuple(sorted(map(self.name, kept))))

    @property
    def movable(self) -> dict[str, Path]:
        """The folders that are not protected as a whole, by label."""
        whole = {label: Path(folder) for label, folder in self.folders.items()}
        return {label: folder for label, folder in whole.items() if label not in self.protected}

    @property
    def places(self) -> tuple[Path, ...]:
        """All folders, protected ones included."""
        protected = (self / path for path in self.protected)
        return tuple(dict.fromkeys([*map(Path, self.folders.values()), *protected]))

    def __truediv__(self, path: str) -> Path:
        """Return the location of a path."""
        label = self.label(path)
        if label is None:
            return Path(path)
        inside = path[len(label) + 1 :] if label else path
        return Path(self.folders[label], inside)

    def label(self, path: str) -> str | None:
        """Return the label at the start of a path; None for an absolute path."""
        label = next((label for label in self.folders if _is_in(path, label)), None)
        if label is None and not PurePath(path).is_absolute():
            raise LookupError(f"Got {path!r}, which begins with none of {list(self.folders)}.")
        return label

    def inside(self, path: str) -> str:
        """Return a path relative to its folder; absolute paths stay unchanged."""
        label = self.label(path)
        return path[len(label) + 1 :] if label else path

    def root(self, path: str) -> Path:
        """Return the input folder of a path; for an absolute path its parent."""
        label = self.label(path)
        return Path(path).parent if label is None else Path(self.folders[label])

    def folder(self, path: str) -> str:
        """Return the input folder of a path; empty for a single folder or an absolute path."""
        label = self.label(path)
        return self.folders[label] if label else ""

    def name(self, place: Path) -> str:
        """Return the path in rows for a resolved location; empty for a single folder itself."""
        for label, folder in self.folders.items():
            if place.is_relative_to(folder):
                inside = place.relative_to(folder).as_posix()
                return "/".join(part for part in (label, inside) if part not in ("", "."))
        return place.as_posix()

    def is_protected(self, path: str) -> bool:
        """Return whether a path is inside a protected folder."""
        return any(_is_in(path, folder) for folder in self.protected)

    def zone(self, path: str) -> tuple[str | None, bool]:
        """Return the folder and the protection of a file, which its companions must share."""
        return self.label(path), self.is_protected(path)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values, which `from_json` reads."""
        return {"folders": dict(self.folders), "protected": list(self.protected)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> Inputs:
        """Return the inputs from the values of `to_json`."""
        return Inputs(values["folders"], tuple(values["protected"]))

    def __str__(self) -> str:
        """Return the folders that are not protected, separated by commas."""
        return ", ".join(map(str, self.movable.values() or self.folders.values()))


# A single folder without protection: paths stay as they are.
ONE_FOLDER = Inputs({"": ""})


def _is_in(path: str, folder: str) -> bool:
    if not folder:
        return not PurePath(path).is_absolute()
    return path == folder or path.startswith(f"{folder}/")


def _outermost(folders: Sequence[Path]) -> list[Path]:
    """Return distinct folders without those inside another."""
    unique = dict.fromkeys(folders)
    return [f for f in unique if not any(f != o and f.is_relative_to(o) for o in unique)]


def _labels(places: Sequence[Path]) -> dict[Path, str]:
    """Label folders so that no label equals or starts another one."""
    if len(places) == 1:
        return {places[0]: ""}
    names = {place: (place.anchor.strip(":\\/"), *place.parts[1:]) for place in places}
    names = {place: tuple(filter(None, parts)) or ("root",) for place, parts in names.items()}
    lengths = dict.fromkeys(places, 1)

    def label(place: Path) -> str:
        return "/".join(names[place][-lengths[place] :])

    while longer := [
        place
        for place in places
        if lengths[place] < len(names[place])
        and any(_may_collide(label(place), label(other)) for other in places if other != place)
    ]:
        for place in longer:
            lengths[place] += 1
    return {place: label(place) for place in places}


def _may_collide(one: str, other: str) -> bool:
    """Return whether paths of two labels might collide on any file system."""
    one, other = folded(one), folded(other)
    return _is_in(one, other) or _is_in(other, one)


class _Walked:
    """Ensures that each real folder is walked only once, under one name.

    Device and inode identify a folder, also by a bind mount or as protected inside an input.
    """

    def __init__(self, passed_over: Path | None, known: Mapping[tuple[int, int], str]) -> None:
        self._names: dict[tuple[int, int], str | None] = {}
        self._known = known
        self.notes: list[Message] = []
        self.known_ones: list[str] = []
        if passed_over is not None and (place := _place(passed_over)):
            self._names[place] = None

    def enter(self, folder: Path, name: str) -> bool:
        """Return whether to walk a folder under this name."""
        place = _place(folder)
        if place is not None and (known := self._known.get(place, name)) != name:
            self._note_same_folder(folder, name, known)
            self.known_ones.append(known)
            return False
        if place is None or place not in self._names:  # an unlistable folder gets its own note
            if place is not None:
                self._names[place] = name
            return True
        if (before := self._names[place]) not in (None, name):
            self._note_same_folder(folder, name, before)
        return False

    def note(self, told: Message) -> None:
        """Add a note for the user."""
        self.notes.append(message("note.labelled", note=told))

    def _note_same_folder(self, folder: Path, name: str, before: str | None) -> None:
        self.note(message("note.same_folder", folder=name or str(folder), other=before or "."))


def _place(folder: Path) -> tuple[int, int] | None:
    try:
        status = folder.stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino) if status.st_ino else None


Find = Callable[..., Found]


def find_inputs(
    inputs: Inputs,
    *,
    within: Sequence[Path] | None = None,
    output_dir: Path | None = None,
    known: Iterable[str] = (),
    find: Find = find_files,
) -> Found:
    """Find the files of all folders; a folder reached twice counts once, preferably as protected.

    Parameters
    ----------
    inputs : Inputs
    within : sequence of Path, optional
        Search only these folders and the protected ones.
    output_dir : Path, optional
        Skipped if it is inside a folder.
    known : iterable of str
        Paths that folders keep even if they are reached under another name.
    find : callable
        Finds the files of one folder, as `find_files` does.

    Returns
    -------
    Found
        With paths as in rows, in order of path.
    """
    places = {place: name for name in known if (place := _place(inputs / name)) is not None}
    walked = _Walked(output_dir, places)
    protected = [name for name in inputs.protected if (inputs / name).is_dir()]
    if within is None:
        names = [*protected, *inputs.folders]
    else:
        names = [*protected, *(inputs.name(folder.resolve()) for folder in within)]
    waiting, parts = [*dict.fromkeys(names)], []
    while waiting:
        parts += [_find_under(inputs, name, walked, find) for name in waiting]
        waiting, walked.known_ones = walked.known_ones, []
    results = tuple(path for part in parts for path in part.results)
    passed_over = (message("note.earlier_result", folder=str(inputs / path)) for path in results)
    results_noted = (message("note.labelled", note=note) for note in passed_over)
    return Found(
        tuple(sorted((file for part in parts for file in part.files), key=lambda file: file[0])),
        tuple(other for part in parts for other in part.others),
        sum(part.system_folders for part in parts),
        sum(part.system_files for part in parts),
        (*walked.notes, *results_noted),
        sum(part.passed_over for part in parts),
        frozenset().union(*(part.excluded for part in parts)),
        results,
    )


def _find_under(inputs: Inputs, name: str, walked: _Walked, find: Find) -> Found:
    """Find the files of the folder with the path `name`."""
    root = inputs / name
    # A new folder may contain a known one.
    is_around = any(Path(folder).is_relative_to(root) for folder in inputs.folders.values())

    def path(inside: str) -> str:
        if is_around and inputs.label(name) is None:
            return inputs.name(root / inside)
        return f"{name}/{inside}" if name and inside else name or inside

    # Duplicates removed by an earlier run will be deleted, so they must not be keepers.
    is_result = inputs.is_protected(name) and holds_result(root)

    def enter(inside: str) -> bool:
        if is_result and inside == REMOVED_FOLDER:
            walked.note(message("note.removed_before", folder=str(root / inside)))
            return False
        return walked.enter(root / inside, path(inside))

    found = find(
        root,
        enter=enter,
        below="" if inputs.label(name) is None else inputs.inside(name),
    )
    return replace(
        found,
        files=tuple((path(inside), status) for inside, status in found.files),
        others=tuple(replace(other, path=path(other.path)) for other in found.others),
        excluded=frozenset(map(path, found.excluded)),
        results=tuple(map(path, found.results)),
    )


def by_zone(inputs: Inputs, listing: Listing, pair: Callable[[Listing], Listing]) -> Listing:
    """Pair companions within each folder, and protected files separately.

    Parameters
    ----------
    inputs : Inputs
    listing : Listing
    pair : callable
        See `dupimg.files.companions.pair_companions`.

    Returns
    -------
    Listing
        Sorted as before.
    """
    files: tuple[File | Photo | Video, ...] = (*listing.photos, *listing.videos, *listing.others)
    zone = {file.path: inputs.zone(file.path) for file in files}
    if len(set(zone.values())) < 2:
        return pair(listing)

    def of(one: object, files: tuple[F, ...]) -> tuple[F, ...]:
        return tuple(file for file in files if zone[file.path] == one)

    def paired(one: object) -> Listing:
        photos, videos = of(one, listing.photos), of(one, listing.videos)
        return pair(replace(listing, photos=photos, videos=videos, others=of(one, listing.others)))

    parts = [paired(one) for one in set(zone.values())]
    return replace(
        listing,
        photos=tuple(sorted((f for part in parts for f in part.photos), key=by_time)),
        videos=tuple(sorted((f for part in parts for f in part.videos), key=by_time)),
        others=tuple(sorted((f for part in parts for f in part.others), key=_path)),
        companions=tuple(sorted((f for part in parts for f in part.companions), key=_path)),
    )


def _path(file: File) -> str:
    return file.path
