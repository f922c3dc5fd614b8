from __future__ import annotations

import os

import pytest
from files import read_files, sample, snapshot
from PIL import Image

import dupimg
from dupimg.plans.report import read_report
from dupimg.runs.journal import Journal, read_plan

WAYS = {"copy": {}, "move": {"process_mode": "move"}, "hard_link": {"hard_link": True}}
SAID = {"quiet": True, "cache": "none"}


def save(path, name, size, quality=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(sample(name)) as picture:
        picture.convert("RGB").resize(size).save(path, quality=quality)
    os.utime(path, (1.5e9, 1.5e9))


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    save(folder / "large.jpg", "china.jpg", (640, 420))
    save(folder / "small, old.jpg", "china.jpg", (320, 210))
    save(folder / "cup.jpg", "coffee.png", (300, 200))
    (folder / "large.xmp").write_text("<x:xmpmeta xmlns:x='adobe:ns:meta/'/>")
    (folder / "notes.txt").write_text("notes")
    return folder


def told(output):
    return {row.path: row for row in read_report(output / "report.csv")}


@pytest.mark.parametrize("way", WAYS)
def test_one_file_goes_back_and_the_others_stay(tmp_path, source, way):
    before, output = snapshot(source), tmp_path / "out"
    dupimg.organize(source, output, **WAYS[way], **SAID)
    placed = read_files(output)
    copy = told(output)["small, old.jpg"]
    assert copy.action == "remove"
    result = dupimg.undo(output, file=copy.destination, **SAID)
    assert [(o.path, o.result) for o in result.outcomes] == [("small, old.jpg", "taken back")]
    assert (source / "small, old.jpg").read_bytes() == before["small, old.jpg"][0]
    left = {n: c for n, c in placed.items() if n != copy.destination and not n.endswith(".csv")}
    assert {n: c for n, c in read_files(output).items() if not n.endswith(".csv")} == left
    row = told(output)["small, old.jpg"]
    assert (row.action, row.destination, row.keeper) == ("leave", "", "")
    assert "by hand" in str(row.reason)
    assert "1 file brought back" in str(dupimg.status(output))
    dupimg.undo(output, **SAID)
    assert snapshot(source) == before


def test_what_was_brought_back_may_change_and_the_run_can_still_be_taken_back(tmp_path, source):
    output = tmp_path / "out"
    dupimg.organize(source, output, process_mode="move", **SAID)
    dupimg.undo(output, file="cup.jpg", **SAID)
    (source / "cup.jpg").unlink()
    result = dupimg.undo(output, **SAID)
    assert (result.failed, result.status.state) == (False, "undone")
    assert set(read_files(source)) == {"large.jpg", "large.xmp", "small, old.jpg", "notes.txt"}


@pytest.mark.parametrize("way", WAYS)
def test_what_is_back_already_is_not_counted_as_taken_back(tmp_path, source, way):
    before, output = snapshot(source), tmp_path / "out"
    dupimg.organize(source, output, **WAYS[way], **SAID)
    assert dupimg.undo(output, file="cup.jpg", **SAID).taken_back == 1
    again = dupimg.undo(output, file="cup.jpg", **SAID)
    assert (again.taken_back, again.already_back, again.failed) == (0, 1, False)
    notes = output / "other/notes.txt"
    if way == "move":  # a person puts it back
        notes.rename(source / "notes.txt")
    else:
        notes.unlink()
    undone = dupimg.undo(output, **SAID)
    assert (undone.taken_back, undone.already_back, undone.failed) == (3, 1, False)
    assert "already           1 file, back before\n" in undone.summary()
    assert "notes.txt,other/notes.txt,already back," in (output / "undo.csv").read_text()
    assert snapshot(source) == before


def test_what_is_gone_is_named_by_the_place_where_it_was(tmp_path, source):
    output = tmp_path / "out"
    dupimg.organize(source, output, process_mode="move", **SAID)
    (output / "other/notes.txt").unlink()
    assert dupimg.undo(output, **SAID).left == 1
    assert f"{output}/other/notes.txt is gone" in (output / "undo.csv").read_text()


def test_companions_go_with_their_photo_and_commas_part_names(tmp_path, source):
    before, output = snapshot(source), tmp_path / "out"
    dupimg.organize(source, output, process_mode="move", **SAID)
    result = dupimg.undo(output, file="large.jpg,notes.txt", **SAID)
    assert sorted(outcome.path for outcome in result.outcomes) == [
        "large.jpg", "large.xmp", "notes.txt",
    ]  # fmt: skip
    assert {n: c for n, c in before.items() if n in snapshot(source)} == snapshot(source)
    assert not (output / "other").exists()
    # by the place, from where a person looks; once more does no harm
    dupimg.undo(output, file=["small, old.jpg", str(output / told(output)["cup.jpg"].destination)])
    dupimg.undo(output, file="cup.jpg", **SAID)
    assert snapshot(source) == before


def test_a_companion_alone(tmp_path, source):
    output = tmp_path / "out"
    dupimg.organize(source, output, process_mode="move", **SAID)
    dupimg.undo(output, file="large.xmp", **SAID)
    assert set(read_files(source)) == {"large.xmp"}
    save(tmp_path / "more/new.jpg", "rocket.jpg", (300, 200))
    assert not dupimg.add(tmp_path / "more", output, **SAID).failed
    assert set(read_files(source)) == {"large.xmp"}


def test_photos_are_added_after_a_keeper_was_brought_back(tmp_path, source):
    output = tmp_path / "out"
    dupimg.organize(source, output, process_mode="move", **SAID)
    dupimg.undo(output, file="large.jpg", **SAID)
    save(tmp_path / "more/new.jpg", "rocket.jpg", (300, 200))
    assert not dupimg.add(tmp_path / "more", output, **SAID).failed
    assert told(output)["large.jpg"].action == "leave"
    assert {row.path for row in Journal(output).record.rows} >= {"large.jpg", "small, old.jpg"}


def test_a_photo_of_the_run_before_an_addition(tmp_path, source):
    before, output = snapshot(source), tmp_path / "out"
    dupimg.organize(source, output, process_mode="move", **SAID)
    save(tmp_path / "more/larger.jpg", "china.jpg", (640, 427), quality=97)
    dupimg.add(tmp_path / "more", output, process_mode="move", **SAID)
    place = told(output)["large.jpg"].destination
    assert place.startswith("remove/")  # a better one took its place
    dupimg.undo(output, file="large.jpg", **SAID)
    assert (source / "large.jpg").read_bytes() == before["large.jpg"][0]
    dupimg.undo(output, **SAID)  # the addition
    assert set(read_files(tmp_path / "more")) == {"larger.jpg"}
    assert told(output)["large.jpg"].action == "leave"
    dupimg.undo(output, **SAID)
    assert snapshot(source) == before


def test_what_changed_since_is_left_and_tried_again(tmp_path, source):
    output = tmp_path / "out"
    dupimg.organize(source, output, process_mode="move", **SAID)
    place = output / told(output)["cup.jpg"].destination
    content = place.read_bytes()
    place.write_bytes(b"edited")
    result = dupimg.undo(output, file="cup.jpg", **SAID)
    assert result.failed
    assert result.status.state == "applied"
    assert place.read_bytes() == b"edited"
    place.write_bytes(content)
    assert not dupimg.undo(output, file="cup.jpg", **SAID).failed


def test_failed_files_are_tried_again_but_not_those_brought_back(tmp_path, source):
    output = tmp_path / "out"
    dupimg.plan(source, output, **SAID)
    dupimg.apply(output, announce=lambda _: (source / "notes.txt").rename(tmp_path / "n"), **SAID)
    dupimg.undo(output, file="cup.jpg", **SAID)
    (tmp_path / "n").rename(source / "notes.txt")
    assert not dupimg.apply(output, **SAID).failed
    actions = {path: row.action for path, row in told(output).items()}
    assert (actions["cup.jpg"], actions["notes.txt"]) == ("leave", "other")


@pytest.mark.parametrize(
    ("name", "message"), [("cupp.jpg", "Did you mean cup.jpg"), ("../in/cup.jpg", "not in place")]
)
def test_what_is_not_there_is_refused(tmp_path, source, name, message):
    dupimg.organize(source, tmp_path / "out", **SAID)
    before = read_files(tmp_path / "out")
    with pytest.raises(dupimg.UsageError, match=message):
        dupimg.undo(tmp_path / "out", file=name, **SAID)
    assert read_files(tmp_path / "out") == before


def test_an_unfinished_run_is_finished_first(tmp_path, source):
    output = tmp_path / "out"
    dupimg.plan(source, output, **SAID)
    Journal.begin(output, read_plan(output))
    with pytest.raises(dupimg.UsageError, match="not finished"):
        dupimg.undo(output, file="cup.jpg", **SAID)
