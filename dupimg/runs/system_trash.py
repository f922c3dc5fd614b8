"""Send files to the system's trash, and restore them on systems that list its content."""

from __future__ import annotations

import configparser
import contextlib
import os
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from send2trash import send2trash

from dupimg.runs.execute import history
from dupimg.runs.journal import Journal
from dupimg.runs.transfer import MOVE, is_whole, place


def send_to_trash(journals: Sequence[Journal], number: int, output_dir: Path) -> None:
    """Send the file of a row to the trash of its disk.

    Parameters
    ----------
    journals : sequence of Journal
        Journals of the last run, the run that it added to, and so on; all are marked.
    number : int
        Row number in the first journal; its file is unchanged.
    output_dir : Path

    Raises
    ------
    OSError
        The file could not be sent, and is at its old place.
    """
    marks = list(history(journals, number))
    for journal, row in marks:
        journal.mark_trashing(row, str(_home_trash()))
        journal.sync()
    path = output_dir / journals[0].record.rows[number].destination
    try:
        send2trash(os.fspath(path))
    finally:
        is_there = os.path.lexists(path)
        for journal, row in marks:
            (journal.mark_untrashed if is_there else journal.mark_trashed)(row)


def get_back(
    journals: Sequence[Journal], numbers: Sequence[int], output_dir: Path
) -> frozenset[int]:
    """Restore files from the trash to their places, as far as they are found.

    Parameters
    ----------
    journals : sequence of Journal
        See `send_to_trash`.
    numbers : sequence of int
        Row numbers of trashed files in the first journal.
    output_dir : Path

    Returns
    -------
    frozenset of int
        Rows whose files are no longer in the trash, because it was emptied. Empty on systems that
        do not list the content of the trash.
    """
    known: defaultdict[str, list[tuple[Path, Path, Path]]] = defaultdict(list)
    used = next((journal.trash for journal in journals if journal.trash), "")
    trashes = [*_trashes(output_dir.resolve(), used)]
    for origin, path, note in _trashed_files(trashes) if numbers else ():
        known[origin.name].append((origin, path, note))
    gone = set()
    for number in numbers:
        row = journals[0].record.rows[number]
        destination = output_dir / row.destination
        # By name within the output folder, which may have been renamed since.
        end = Path(row.destination).parts
        found = [file for file in known[destination.name] if file[0].parts[-len(end) :] == end]
        with contextlib.suppress(OSError):  # unreadable files stay in the trash
            _restore([(path, note) for _, path, note in found], destination, row.digest)
        if os.path.lexists(destination):
            for journal, row_number in history(journals, number):
                journal.mark_untrashed(row_number)
        # It may still be in the trash of another user.
        elif trashes and not found and output_dir.stat().st_uid == os.getuid():
            gone.add(number)
    return frozenset(gone)


def _restore(found: Sequence[tuple[Path, Path]], destination: Path, digest: str) -> None:
    for path, note in found:
        if not os.path.lexists(destination) and is_whole(path, digest):
            place(path, destination, MOVE, digest)
            note.unlink(missing_ok=True)


def _trashed_files(trashes: Sequence[tuple[Path, Path]]) -> Iterator[tuple[Path, Path, Path]]:
    """Yield the old places, the current places and the info files of trashed files.

    According to the specification of freedesktop.org, version 1.0.
    """
    for top, trash in trashes:
        for note in sorted((trash / "info").glob("*.trashinfo")):
            parser = configparser.ConfigParser(interpolation=None)
            try:
                parser.read_string(note.read_text(encoding="utf-8"))
                origin = top / unquote(parser["Trash Info"]["Path"])
            except (OSError, ValueError, KeyError, configparser.Error):
                continue
            yield origin, trash / "files" / note.stem, note


def _home_trash() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share") / "Trash"


def _trashes(folder: Path, used: str) -> Iterator[tuple[Path, Path]]:
    """Yield the base of paths and the folder of each trash: the user's and the disk's.

    Also the `used` one, as programs may have a home folder of their own. Only systems with the
    specification of freedesktop.org list the content of their trash.
    """
    if sys.platform in ("win32", "darwin"):
        return
    for trash in dict.fromkeys((_home_trash(), *([Path(used)] if used else []))):
        yield trash.parent, trash
    top = folder
    while not top.is_mount():
        top = top.parent
    yield top, top / ".Trash" / str(os.getuid())
    yield top, top / f".Trash-{os.getuid()}"
