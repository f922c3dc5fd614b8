"""Tell what the edits of a person change of a plan, and what follows from that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dupimg.plans.plan_file import Edit
from dupimg.plans.rows import Row
from dupimg.plans.scene_numbers import SceneNumbers


def describe_changes(
    before: Mapping[str, Row],
    after: Sequence[Row],
    known: Mapping[str, Edit],
    scenes: SceneNumbers,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell what is not as it was decided.

    Parameters
    ----------
    before : mapping of str to Row
        What was decided, by path.
    after : sequence of Row
        What is to be carried out.
    known : mapping of str to Edit
        What the person wrote, by path.
    scenes : SceneNumbers

    Returns
    -------
    changes : tuple of str
        What the person changed, a line each.
    consequences : tuple of str
        What is otherwise because of that, a line for each file.
    """
    lines = dict(_changes(before, after))
    chosen = _chosen_by_hand(before, after, known)
    changes = (line for path, line in lines.items() if path in chosen)
    consequences = (line for path, line in lines.items() if path not in chosen)
    return (*changes, *_not_taken(before, after, known, scenes)), tuple(consequences)


def _changes(before: Mapping[str, Row], after: Sequence[Row]) -> Iterator[tuple[str, str]]:
    """Yield the path of every file that is not as it was decided, and a line about it."""
    for row in after:
        old = before[row.path]
        parts = []
        if row.action != old.action:
            parts.append(f"{old.action} → {row.action}")
        if row.scene != old.scene:
            parts.append(f"scene {old.scene} → {row.scene}")
        if row.destination != old.destination:
            parts.append(f"to {row.destination}" if row.destination else "stays where it is")
        if parts:
            yield row.path, f"{row.path}: {', '.join(parts)}"


def _chosen_by_hand(
    before: Mapping[str, Row], after: Sequence[Row], known: Mapping[str, Edit]
) -> set[str]:
    """Return the files that a person decided about, rather than about others that they follow."""
    action_of = {row.path: row.action for row in after}

    def is_chosen(row: Row) -> bool:
        old, edit = before[row.path], known.get(row.path)
        if edit is None or edit.destination not in ("", old.destination):
            return True
        if row.is_companion:  # the page writes the action of a photo for its companions, too
            return row.action != action_of[row.companion_of]
        return row.action != old.action or (row.scene != old.scene and not row.keeper)

    return {row.path for row in after if is_chosen(row)}


def _not_taken(
    before: Mapping[str, Row], after: Sequence[Row], known: Mapping[str, Edit], scenes: SceneNumbers
) -> Iterator[str]:
    """Name the scenes that were written where they do not count: on what goes with a photo."""
    for row in after:
        edit = known.get(row.path)
        if edit is None or row.scene is None or not edit.scene:
            continue
        wanted = scenes.read(edit.scene)
        if wanted is not None and wanted not in (before[row.path].scene, row.scene):
            leader = row.keeper or row.companion_of
            yield f"{row.path}: scene {edit.scene} is not taken, it goes with {leader}"
