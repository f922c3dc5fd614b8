"""Apply the user's names of scenes to all files of each scene."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from dupimg.messages import message
from dupimg.plans.plan import Problem
from dupimg.plans.plan_file import Edit
from dupimg.plans.rows import Row


def name_scenes(
    rows: Sequence[Row], decided: Mapping[str, Row], edits: Iterable[Edit]
) -> tuple[list[Row], list[Problem]]:
    """Set scene names that the user entered in the row of any photo of a scene.

    The row of a photo that was moved to another scene still has the old scene's name, which only
    counts if the new scene has no name.

    Parameters
    ----------
    rows : sequence of Row
        The rows with the user's edits.
    decided : mapping of str to Row
        The decided rows by path.
    edits : iterable of Edit

    Returns
    -------
    rows : list of Row
        In the same order.
    problems : list of Problem
        Scenes with more than one name, with their rows.
    """
    written = {edit.path: edit for edit in edits if edit.scene_name}
    if not written and not any(row.scene_name for row in rows):
        return list(rows), []
    named = [row for row in rows if row.path in written and row.scene is not None]
    old = Counter((decided[row.path].scene, written[row.path].scene_name) for row in named)
    of_scene: defaultdict[int | None, list[list[Edit]]] = defaultdict(lambda: [[], [], []])
    for row in named:
        edit, before = written[row.path], decided[row.path].scene
        came_along = old[before, edit.scene_name] > 1 or row.keeper or row.companion_of
        kind = 0 if row.scene == before else 2 if came_along else 1
        of_scene[row.scene][kind].append(edit)
    names: dict[int | None, str] = {}
    problems: list[Problem] = []
    for scene, (own, moved, along) in of_scene.items():
        counting = [*own, *moved] or along
        names[scene] = counting[0].scene_name
        problems += _conflict(scene, counting)
    return [row.having(scene_name=names.get(row.scene, "")) for row in rows], problems


def _conflict(scene: int | None, edits: Sequence[Edit]) -> Iterator[Problem]:
    """Yield a problem if a scene has several names."""
    rows: dict[str, list[int]] = {}
    for edit in edits:
        rows.setdefault(edit.scene_name, []).append(edit.number)
    if len(rows) > 1:
        names = "; ".join(f"{name!r} ({_rows(numbers)})" for name, numbers in rows.items())
        told = message("problem.scene_names", scene=str(scene), names=names)
        yield Problem(edits[0].path, told, edits[0].number)


def _rows(numbers: Sequence[int], *, shown: int = 5) -> str:
    """Return the numbers of rows as text, only the first few of many."""
    return ", ".join(map(str, sorted(numbers)[:shown])) + ", …" * (len(numbers) > shown)
