"""Store the duplicate groups that the user has reviewed, beside the plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from dupimg.files.durable import STATE_FOLDER, write_durably
from dupimg.runs.journal import plan_marks


class ReviewedGroups:
    """The numbers of the reviewed groups of one plan.

    Parameters
    ----------
    output_dir : Path
        The output folder; a new plan in it starts without reviewed groups.
    """

    def __init__(self, output_dir: Path) -> None:
        self._file = output_dir / STATE_FOLDER / "reviewed.json"
        self._plan = list(plan_marks(output_dir)[0] or ())
        self.numbers = self._read()

    def mark(self, numbers: Iterable[int], *, reviewed: bool) -> None:
        """Mark groups as reviewed or not.

        Raises
        ------
        OSError
            The file cannot be written.
        """
        changed = self.numbers | set(numbers) if reviewed else self.numbers - set(numbers)
        with write_durably(self._file) as file:
            known = {"plan": self._plan, "groups": sorted(changed)}
            file.write(json.dumps(known).encode())
        self.numbers = changed

    def _read(self) -> set[int]:
        try:
            known = json.loads(self._file.read_bytes())
            return set(known["groups"]) if known["plan"] == self._plan else set()
        except (OSError, ValueError, KeyError, TypeError):
            return set()
