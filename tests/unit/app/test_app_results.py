"""What the app says of an output folder: as its plan and its journal have it."""

from __future__ import annotations

import pytest
from files import make_files
from planned import row_of, write_planned

from dupimg import add, apply, organize
from dupimg import undo as bring_back
from dupimg.app.results import describe, history
from dupimg.app.runs import Runs
from dupimg.runs.journal import UNDOING, Journal, locked
from dupimg.runs.past_runs import past_runs


@pytest.fixture
def photos(tmp_path):
    make_files(tmp_path / "in", {"a.jpg": b"twin", "b.jpg": b"twin", "c.jpg": b"another"})
    return tmp_path / "in"


def write_plan(photos, output, **settings):
    """Plan a photo with a duplicate, and another photo of their scene."""
    duplicate = row_of(photos, "b.jpg", "remove", keeper="a.jpg", cosine_to_keeper=1.0)
    rows = [row_of(photos, "a.jpg", "keep"), duplicate, row_of(photos, "c.jpg", "keep")]
    return write_planned(photos, output, rows, settings=settings)


def test_where_only_duplicates_go_there_are_no_scenes_and_only_they_take_room(photos, tmp_path):
    write_plan(photos, tmp_path / "all")
    write_plan(photos, tmp_path / "only", only="duplicates")
    told = describe(tmp_path / "all")
    assert [scene["count"] for scene in told["scenes"]] == [2]
    assert told["space"]["needed"] == 15
    told = describe(tmp_path / "only")
    assert (told["only"], told["scenes"]) == ("duplicates", [])
    assert [group["count"] for group in told["duplicates"]] == [1]
    assert told["space"]["needed"] == 4


def begun(runs, verb, output):
    """Begin a command as the app does, wait for its end, and return it."""
    run = runs.start(f"dupimg {verb} '{output}'", output_dir=output)
    run.wait_for_end()
    return run


def test_the_history_has_what_others_did_and_where_it_came_to(photos, tmp_path):
    output, runs = tmp_path / "out", Runs(tmp_path / "state")
    write_plan(photos, output)
    begun(runs, "apply", output)
    # As the review does, in a process of its own.
    bring_back(output, file="b.jpg", quiet=True)
    bring_back(output, quiet=True)
    begun(runs, "apply", output)
    begun(runs, "undo", output)
    apply(output, process_mode="move", quiet=True)
    told = history(output, list(runs))
    assert [(entry["kind"], entry["state"], entry.get("files")) for entry in told] == [
        ("plan", "done", 0),
        ("apply", "done", None),
        ("back", "done", 1),
        ("undo", "done", 2),
        ("apply", "done", None),
        ("undo", "done", None),
        ("apply", "done", 3),
    ]
    assert ["command" in entry for entry in told] == [False, True, False, False, True, True, False]
    assert [run.kind for run in past_runs(output)] == [
        "plan", "apply", "back", "undo", "apply", "undo", "apply"
    ]  # fmt: skip


def test_the_history_of_an_addition_that_was_undone_and_of_a_run_cut_short(tmp_path):
    output = tmp_path / "out"
    make_files(tmp_path / "notes", {"a.txt": b"a", "b.txt": b"b"})
    make_files(tmp_path / "more", {"c.txt": b"c"})
    organize(tmp_path / "notes", output, quiet=True, cache="none")
    add(tmp_path / "more", output, quiet=True, cache="none")
    bring_back(output, quiet=True)
    with locked(output), Journal(output) as journal:
        journal.mark_state(UNDOING)
    kinds = [(run.kind, run.state, run.files) for run in past_runs(output)]
    assert kinds == [
        ("apply", "done", 2), ("add", "done", 1), ("undo", "done", 1),
        ("undo", "undoing", 0),
    ]  # fmt: skip
