"""Hold the decided plan, before any edits, with indexes for the review."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dupimg.plans.layout import BY_SCENES, Layout
from dupimg.plans.merge import Reviewed, SceneNumbers, merge_edits
from dupimg.plans.plan_file import Edit, PlanFile
from dupimg.plans.rows import Row


@dataclass(frozen=True)
class DecidedPlan:
    """The decided plan, before any edits, with cached indexes.

    Attributes
    ----------
    rows : tuple of Row
        Named rows.
    portable, layout, only
        See `dupimg.plans.record.Run`.
    """

    rows: tuple[Row, ...]
    portable: bool = False
    layout: Layout = BY_SCENES
    only: str | None = None

    def merged(self, file: PlanFile) -> Reviewed:
        """Return the plan with the edits of a file."""
        edits = file.filled_edits
        return merge_edits(
            self.rows, edits, portable=self.portable, layout=self.layout, only=self.only
        )

    @cached_property
    def row_of(self) -> dict[str, Row]:
        """The rows by path."""
        return {row.path: row for row in self.rows}

    @cached_property
    def scenes(self) -> SceneNumbers:
        """The scene numbers in use, and the allowed ones."""
        return SceneNumbers.of(self.rows)

    @cached_property
    def companions_of(self) -> dict[str, list[str]]:
        """The paths of companions by that of their photo."""
        companions = defaultdict(list)
        for row in self.rows:
            if row.is_companion:
                companions[row.companion_of].append(row.path)
        return companions

    def is_placed_by_hand(self, file: PlanFile) -> bool:
        """Return whether the user has edited any destination."""
        return any(
            edit is not None
            and edit.destination
            and edit.path in self.row_of
            and edit.destination != self.row_of[edit.path].destination
            for edit in file.edits
        )

    def has_each_row_once(self, edits: Sequence[Edit]) -> bool:
        """Return whether edits are about all rows, each once, and no others."""
        paths = {edit.path for edit in edits}
        return (
            paths == self.row_of.keys()
            and len(edits) == len(paths)
            and all(edit.digest in ("", self.row_of[edit.path].digest) for edit in edits)
        )

    def changed_by(self, edits: Iterable[Edit]) -> list[str]:
        """Return the paths of rows whose action or scene a person has changed."""
        rows = ((edit, self.row_of[edit.path]) for edit in edits)
        return [
            row.path
            for edit, row in rows
            if edit.action != row.action or edit.scene != str(row.scene or "")
        ]

    def concerned_by(self, paths: Iterable[str]) -> list[int]:
        """Return the numbers of all rows that decisions about these files may affect."""
        families = {self._family(self.row_of[path]) for path in paths}
        return sorted(number for family in families for number in self._families[family])

    @cached_property
    def _families(self) -> dict[int | str, list[int]]:
        families = defaultdict(list)
        for number, row in enumerate(self.rows):
            families[self._family(row)].append(number)
        return families

    def _family(self, row: Row) -> int | str:
        """Return a key for rows that belong together: a duplicate group, or a single photo."""
        photo = self.row_of.get(row.companion_of, row)
        return photo.duplicate_group or photo.keeper or photo.path
