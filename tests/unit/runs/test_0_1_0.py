"""What dupimg 0.1.0 left behind goes on: its outputs, its plans and its cache."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
from pathlib import Path

import pytest
from files import sample, save, snapshot
from PIL import Image

from dupimg.cli.main import main
from dupimg.files.cache import Cache
from dupimg.files.images import MAX_PIXELS
from dupimg.files.photos import find_files
from dupimg.files.reading import read_files
from dupimg.messages import message
from dupimg.plans.reasons import by_hand_reason, kept_reason
from dupimg.plans.record import reason_of_0_1_0
from dupimg.review.edited_plan import Choice
from dupimg.review.review_session import ReviewSession
from dupimg.runs.journal import Journal, read_plan
from dupimg.runs.status import status

FIXTURES = Path(__file__).parents[2] / "fixtures/0.1.0"
STEM = "image-0001-20240501100030000"


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    shutil.copytree(FIXTURES / "photos", folder)
    (folder / "link").symlink_to("notes.txt")
    for path in folder.iterdir():
        os.utime(path, (1e9, 1e9), follow_symlinks=False)
    return folder


@pytest.fixture
def left_behind(photos, tmp_path):
    """Return a function that brings back an output folder as 0.1.0 left it."""

    def bring_back(name: str) -> Path:
        output = tmp_path / name
        (output / ".dupimg").mkdir(parents=True)
        for path in (*(FIXTURES / "planned").iterdir(), *(FIXTURES / name).iterdir()):
            text = path.read_text("utf-8").replace('"/photos"', json.dumps(str(photos)))
            folder = output / ".dupimg" if path.suffix == ".jsonl" else output
            (folder / path.name).write_text(text, "utf-8")
        if Journal.exists(output):
            journal = Journal(output)
            for step in journal.done:
                row = journal.record.rows[step]
                (output / row.destination).parent.mkdir(exist_ok=True)
                shutil.copy2(photos / row.path, output / row.destination)
        return output

    return bring_back


def test_an_edited_plan_is_carried_out(left_behind):
    output, as_it_was = left_behind("planned"), FIXTURES / "finished"
    assert main(["apply", str(output / "plan.csv"), "--quiet"]) == 0
    assert (output / "report.csv").read_bytes() == (as_it_was / "report.csv").read_bytes()
    assert (output / f"processed/{STEM}.jpg").exists()
    assert not (output / "other/notes.txt").exists()


def test_an_interrupted_run_is_finished(left_behind):
    output = left_behind("interrupted")
    assert Journal(output).failed == {3: message("why.no_space")}
    assert "unfinished, 2 of 8 files were put in place" in str(status(output))
    assert main(["apply", str(output), "--quiet"]) == 0
    as_it_was = (FIXTURES / "finished/report.csv").read_bytes()
    assert (output / "report.csv").read_bytes() == as_it_was


@pytest.mark.parametrize("name", ["finished", "interrupted"])
def test_a_run_is_taken_back(left_behind, photos, name):
    output, before = left_behind(name), snapshot(photos)
    assert "put in place" in str(status(output))
    assert main(["undo", str(output), "--quiet"]) == 0
    assert snapshot(photos) == before
    assert not any((output / folder).exists() for folder in ("processed", "remove", "other"))
    assert str(status(output)).endswith("taken back, every file is where it was.")
    assert main(["apply", str(output), "--quiet"]) == 0  # and can be carried out again
    assert (output / f"processed/{STEM}.jpg").exists()


def test_photos_are_added(left_behind, photos):
    output = left_behind("finished")
    with Image.open(sample("chelsea.png")) as picture:
        save(picture.convert("RGB").resize((320, 212)), photos / "new/large.jpg")
    (photos / "new/small.jpg").write_bytes((photos / "cup.jpg").read_bytes())
    assert main(["add", str(photos / "new"), str(output), "--quiet", "--cache=none"]) == 0
    reasons = {row.path: str(row.reason) for row in Journal(output).record.rows}
    assert reasons["new/small.jpg"] == "identical bytes; the keeper was there before"
    assert reasons["cup.jpg"] == "keeper of 1 duplicate"
    assert reasons["roof.xmp"] == "sidecar of roof.jpg"
    assert main(["undo", str(output), "--quiet"]) == 0
    as_it_was = (FIXTURES / "finished/report.csv").read_bytes()
    assert (output / "report.csv").read_bytes() == as_it_was


def test_a_plan_is_reviewed(left_behind):
    output = left_behind("planned")
    session = ReviewSession(output, Cache(None))
    state = session.current()
    reasons = {row.path: row.reason for row in state.rows}
    assert state.problems == ()
    assert reasons["cat small.jpg"] == by_hand_reason("keep", "remove", kept_reason(2))
    assert reasons["half.jpg"].code == "text"
    # What 0.1.0 wrote into the plan is no person's: it is replaced by what is true now.
    edited = {"cat small.jpg": "remove", "cat copy.jpg": "keep"}
    choices = [Choice(path, action) for path, action in edited.items()]
    saved = session.decide(state.file.stamp, choices)
    reasons = {row.path: str(row.reason) for row in saved.state.rows}
    assert reasons["cat copy.jpg"] == "keeper of 2 duplicates"
    assert reasons["cat.jpg"] == "identical bytes; the keeper has a path that sorts first"


def test_a_result_is_shown(left_behind, photos):
    output = left_behind("finished")
    assert "finished, 8 of 8 files were put in place (mode copy), 0 failed" in str(status(output))
    journal = Journal(output)
    reasons = {row.path: row.reason for row in journal.record.rows}
    assert reasons["notes.txt"] == by_hand_reason("leave", "other", message("reason.not_a_picture"))
    assert [row.failed for row in journal.record.rows] == [False] * 10
    assert {path: str(reason) for path, reason in reasons.items()} == {
        path: json.loads(line)["reason"]
        for line in (FIXTURES / "finished/journal.jsonl").read_text("utf-8").splitlines()
        if (path := json.loads(line).get("path"))
    }
    assert read_plan(output).rows[0].reason == kept_reason(2)


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ("no duplicate", "reason.no_duplicate"),
        ("keeper of 1,200 duplicates", "reason.keeper_of"),
        ("identical bytes; the keeper has more pixels", "reason.both"),
        ("remove by hand (was keep): similar to the keeper", "reason.by_hand_because"),
        ("keep by hand (was leave)", "reason.by_hand"),
        ("folder could not be listed: Permission denied", "reason.folder_not_listed"),
        ("folder could not be listed: I/O; strange", "reason.folder_not_listed"),
        ("keeper of 3 duplicates; and more", "text"),
        ("a person's own by hand (was good)", "text"),
    ],
)
def test_reasons_are_read_with_the_same_english(sentence, code):
    assert (reason_of_0_1_0(sentence).code, str(reason_of_0_1_0(sentence))) == (code, sentence)


def test_what_the_cache_says_of_headers_is_read_anew(photos, tmp_path):
    path = tmp_path / "cache.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript((FIXTURES / "cache.sql").read_text("utf-8"))
    with Cache(path) as cache:
        listing = read_files(
            photos,
            find_files(photos),
            max_pixels=MAX_PIXELS,
            jobs=1,
            advance=lambda: None,
            cache=cache,
        )
    assert {file.path: str(file.reason) for file in listing.others} == {
        "empty.jpg": "empty file",
        "link": "symbolic link to notes.txt, not followed",
        "notes.txt": "not a picture",
        "roof.xmp": "not a picture",
    }
    assert len(listing.photos) == 6
