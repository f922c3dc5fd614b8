"""Which numbers the scenes of a plan have, and a person may give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dupimg.plans.rows import Row


class SceneNumbers(NamedTuple):
    """The highest number of a scene that was decided, and that a person may give.

    Every photo can get a scene of its own. A number beyond that is a slip, and could make the names
    of all photos longer.
    """

    decided: int
    last: int

    @classmethod
    def of(cls, rows: Iterable[Row]) -> SceneNumbers:
        """Return the numbers of a plan."""
        scenes = [row.scene for row in rows if row.is_photo]
        decided = max(scenes, default=0)
        return cls(decided, decided + len(scenes))

    def read(self, cell: str) -> int | None:
        """Read the number of a scene as spreadsheets write it; None where it is none to give.

        Examples
        --------
        >>> numbers = SceneNumbers(decided=7, last=9)
        >>> numbers.read("7"), numbers.read("7.0"), numbers.read("7,0"), numbers.read("10")
        (7, 7, 7, None)
        """
        whole, _, fraction = cell.strip().replace(",", ".").partition(".")
        # Python refuses to read thousands of digits.
        is_number = whole.isdecimal() and len(whole) < 10 and not fraction.strip("0")
        number = int(whole) if is_number else 0
        return number if 1 <= number <= self.last else None
