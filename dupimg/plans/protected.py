"""Mark the rows of files in protected folders, which never change."""

from __future__ import annotations

from collections.abc import Iterable

from dupimg.files.inputs import Inputs
from dupimg.messages import message
from dupimg.plans.reasons import both
from dupimg.plans.rows import LEAVE, Row


def from_inputs(rows: Iterable[Row], inputs: Inputs) -> list[Row]:
    """Set the input folder of rows, and the action of protected ones to "leave".

    What an earlier run has brought to its place is in no protected folder any more.

    Parameters
    ----------
    rows : iterable of Row
        Decided rows without destinations.
    inputs : Inputs

    Returns
    -------
    list of Row
    """

    def noted(row: Row) -> Row:
        row = row.having(input=inputs.folder(row.path) or row.input)
        if row.protected or row.earlier or not inputs.is_protected(row.path):
            return row
        reason = both(message("reason.protected"), row.reason)
        return row.having(protected=True, action=LEAVE, reason=reason)

    return [noted(row) for row in rows]
