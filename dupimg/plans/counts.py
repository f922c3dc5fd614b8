"""Count the files of a plan or result by action."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from dupimg.files.identity import inode_of
from dupimg.plans.rows import KEEP, LEAVE, OTHER, REMOVE, Row


@dataclass(frozen=True)
class Counts:
    """Counts of the rows of a plan or of a finished run.

    Attributes
    ----------
    found : int
        All files: kept + removed + other + left + failed.
    kept, removed, other, left : int
        Files by action, companions included and failed ones excluded.
    failed : int
        Files that could not be transferred; they are still at their old places.
    scenes : int
        Scenes that the kept files are sorted into; none where these stay where they are.
    photos, videos, companions : int
        Readable photos, videos that are no companions, and the companions of both.
    unsearched : int
        Folders that could not be listed.
    bytes_freed : int
        Size of the removed files that are not in the system's trash; a file with hard links counts
        only if all of them are removed.
    trashed : int
        Removed files that were sent to the system's trash.
    """

    found: int = 0
    kept: int = 0
    removed: int = 0
    other: int = 0
    left: int = 0
    failed: int = 0
    scenes: int = 0
    photos: int = 0
    videos: int = 0
    companions: int = 0
    unsearched: int = 0
    bytes_freed: int = 0
    trashed: int = 0

    @property
    def by_action(self) -> dict[str, int]:
        """The counts of the four actions by their names in the plan."""
        return {KEEP: self.kept, REMOVE: self.removed, OTHER: self.other, LEAVE: self.left}

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Counts:
        """Count rows.

        Examples
        --------
        >>> rows = [Row("a.jpg", "keep", "processed/a.jpg", scene=1), Row("b.jpg", "remove")]
        >>> counts = Counts.of(rows)
        >>> counts.found, counts.kept, counts.removed, counts.scenes
        (2, 1, 1, 1)
        """
        rows = list(rows)
        done = [row for row in rows if not row.failed]
        actions = Counter(row.action for row in done)
        return cls(
            found=len(rows),
            kept=actions[KEEP],
            removed=actions[REMOVE],
            other=actions[OTHER],
            left=actions[LEAVE],
            failed=len(rows) - len(done),
            scenes=len({row.scene for row in done if row.action == KEEP and row.destination}),
            photos=sum(row.is_photo for row in rows),
            videos=sum(row.is_video for row in rows),
            companions=sum(row.is_companion for row in rows),
            unsearched=sum(_is_unsearched(row) for row in rows),
            bytes_freed=_bytes_freed(rows),
            trashed=sum(row.trashed for row in rows),
        )


def names_of_one_file(rows: Sequence[Row]) -> list[list[int]]:
    """Return the groups of rows that are hard links to one file, as row numbers.

    Examples
    --------
    >>> names = Row("a", "keep", identity="1:7:9:0:0"), Row("b", "remove", identity="1:7:9:0:0")
    >>> names_of_one_file([*names, Row("c", "keep", identity="1:8:9:0:0")])
    [[0, 1]]
    """
    numbers: defaultdict[str, list[int]] = defaultdict(list)
    for number, row in enumerate(rows):
        if row.identity:
            numbers[inode_of(row.identity)].append(number)
    return [names for names in numbers.values() if len(names) > 1]


def _bytes_freed(rows: Sequence[Row]) -> int:
    gone = [row.action == REMOVE and not row.failed for row in rows]
    counted = [gone[number] and not row.trashed for number, row in enumerate(rows)]
    freed = sum(row.bytes for row, counts in zip(rows, counted, strict=True) if counts)
    for names in names_of_one_file(rows):
        count = sum(counted[number] for number in names)
        once = count > 0 and all(gone[number] for number in names)
        freed -= rows[names[0]].bytes * (count - once)
    return freed


def _is_unsearched(row: Row) -> bool:
    return row.reason is not None and row.reason.code == "reason.folder_not_listed"
