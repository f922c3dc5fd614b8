"""Count the edited copies that each duplicate rule judges rightly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from dupimg.evaluation.edits import EDITS
from dupimg.evaluation.metrics import Truth
from dupimg.plans.plan import Groups

# The rule whose verdicts are shown.
_SHOWN = "verified"


class EditScore:
    """The score of each duplicate rule on originals with one edited copy each.

    Parameters
    ----------
    edit : str
        A key of `EDITS`.
    n_others : int
        Number of other photos, which come first; then follow k originals and their k copies.
    decided : mapping of str to Groups
        The groups found by each rule.
    truth : Truth
        The truth about all photos.
    """

    def __init__(
        self, edit: str, n_others: int, decided: Mapping[str, Groups], truth: Truth
    ) -> None:
        self.edit, self.decided = edit, decided
        self._kind, self._truth = EDITS[edit], truth
        self._originals, self._copies = np.arange(n_others, len(truth.groups)).reshape(2, -1)

    def found(self, rule: str) -> float:
        """Return the share of copies that are found and of whose pair the right photo goes."""
        keepers = self.decided[rule].keepers
        if self._kind.both_stay:
            stay = keepers[self._copies] == self._copies
            return float(np.mean(stay & ~self._wrong(rule) & self._named(rule)))
        together = keepers[self._copies] == keepers[self._originals]
        return float(np.mean(together & ~self._wrong(rule)))

    def n_wrong(self, rule: str) -> int:
        """Return the number of originals and copies that go for each other but must stay."""
        return int(self._wrong(rule).sum())

    def n_unrelated(self, rule: str) -> int:
        """Return the number of removals between an edited copy and an unrelated photo."""
        keepers = self.decided[rule].keepers
        goes = np.flatnonzero(keepers != np.arange(len(keepers)))
        edited = np.isin(goes, self._copies) | np.isin(keepers[goes], self._copies)
        return int((self._truth.are_unrelated(goes, keepers[goes]) & edited).sum())

    def verdict_row(self) -> dict[str, object]:
        """Return a table row with the expected and the actual verdicts on the copies."""
        counts = pd.Series(self._verdicts(_SHOWN)).replace("", "not compared").value_counts()
        return {
            "edit": self.edit,
            "expected": " or ".join(self._kind.verdicts),
            "named so": self._named(_SHOWN).mean(),
            "verdicts": ", ".join(f"{verdict} {count}" for verdict, count in counts.items()),
        }

    def _wrong(self, rule: str) -> NDArray[np.bool_]:
        keepers = self.decided[rule].keepers
        original_goes = keepers[self._originals] == self._copies
        if self._kind.both_stay:
            return original_goes | (keepers[self._copies] == self._originals)
        return original_goes & self._kind.original_stays

    def _named(self, rule: str) -> NDArray[np.bool_]:
        return np.isin(self._verdicts(rule), self._kind.verdicts)

    def _verdicts(self, rule: str) -> NDArray[np.str_]:
        """Return the verdict on each copy and its original; empty if they were not compared."""
        look = self.decided[rule].second_look
        if look is None:
            return np.full(len(self._copies), "")
        of_copy = look.compared_with[self._copies] == self._originals
        of_original = look.compared_with[self._originals] == self._copies
        verdicts = look.verdicts[self._copies], look.verdicts[self._originals]
        return np.select([of_copy, of_original], verdicts, "")


def edit_tables(scores: Sequence[EditScore]) -> Iterator[tuple[str, pd.DataFrame]]:
    """Tabulate the edited copies that the rules find, and their wrong removals.

    Parameters
    ----------
    scores : sequence of EditScore
        One or more, of the same rules.

    Yields
    ------
    title, table
    """
    rules = list(scores[0].decided)
    found = [{"edit": s.edit} | {rule: s.found(rule) for rule in rules} for s in scores]
    yield "Edited copies found as such, by edit and rule", pd.DataFrame(found)
    wrong = [
        {
            "rule": rule,
            "that must stay": sum(s.n_wrong(rule) for s in scores),
            "for an unrelated photo": sum(s.n_unrelated(rule) for s in scores),
        }
        for rule in rules
    ]
    yield "Originals and edited copies removed wrongly, by rule", pd.DataFrame(wrong)
    yield f"Verdicts on edited copies, {_SHOWN}", pd.DataFrame([s.verdict_row() for s in scores])
