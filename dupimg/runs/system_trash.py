"""The system's trash: send files there, and get them back where the system says where they are."""

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
        Of the last run, the one that it added to, and so on: all of them are told.
    number : int
        Row of the first journal, whose file is whole.
    output_dir : Path

    Raises
    ------
    OSError
        The file is where it was.
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
    """Bring files back from the trash to where they were, as far as they are found there.

    Parameters
    ----------
    journals : sequence of Journal
        As in `send_to_trash`.
    numbers : sequence of int
        Rows of the first journal that were sent to the trash.
    output_dir : Path

    Returns
    -------
    frozenset of int
        Those rows whose files are not in the trash any more: it was emptied. Where the system does
        not say what is in its trash, none.
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
        # The output folder may have been renamed since.
        end = Path(row.destination).parts
        found = [file for file in known[destination.name] if file[0].parts[-len(end) :] == end]
        with contextlib.suppress(OSError):  # what cannot be had stays in the trash
            _restore([(path, note) for _, path, note in found], destination, row.digest)
        if os.path.lexists(destination):
            for journal, row_number in history(journals, number):
                journal.mark_untrashed(row_number)
        # Another person has another trash, in which it may still be.
        elif trashes and not found and output_dir.stat().st_uid == os.getuid():
            gone.add(number)
    return frozenset(gone)


def _restore(found: Sequence[tuple[Path, Path]], destination: Path, digest: str) -> None:
    for path, note in found:
        if not os.path.lexists(destination) and is_whole(path, digest):
            place(path, destination, MOVE, digest)
            note.unlink(missing_ok=True)


def _trashed_files(trashes: Sequence[tuple[Path, Path]]) -> Iterator[tuple[Path, Path, Path]]:
    """Yield where files in trashes were, where they are, and the notes that say so.

    By the specification of freedesktop.org, version 1.0.
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
    """Yield the folder that paths start from, and the trash: of the person, and of the disk.

    Also the one that was `used`: programs may be given a home of their own. Systems other than
    those of freedesktop.org do not tell what is in their trash.
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
