from __future__ import annotations

import json
import subprocess
import sys

import pytest

from dupimg.errors import UsageError
from dupimg.files.inputs import Inputs
from dupimg.messages import as_text
from dupimg.plans.record import Record, Run
from dupimg.plans.rows import Row
from dupimg.runs.journal import APPLIED, APPLYING, Journal, locked, read_plan, write_plan

ROWS = (
    Row("caf\udce9 猫\n.jpg", "keep", "processed/1.jpg", scene=1, nearest_cosine=1 / 3, digest="a"),
    Row("b.jpg", "remove", "remove/2.jpg", scene=1, modified_ns=1_234_567_890_123_456_789),
    Row("link", "other"),
)
RECORD = Record(Run(Inputs({"": "/photos \udcff"}), "copy", {"a": 1}), ROWS)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / ".dupimg").mkdir()
    return tmp_path


def test_a_plan_survives_the_disk_to_the_last_bit(folder):
    assert read_plan(folder) is None
    write_plan(folder, RECORD)
    assert read_plan(folder) == RECORD


def test_marks_survive_the_process(folder):
    with Journal.begin(folder, RECORD) as journal:
        assert (journal.record, journal.state, journal.done) == (RECORD, APPLYING, set())
        journal.mark_failed(0, as_text("no space \udce9"))
        journal.mark_done(1)
    with Journal(folder) as journal:
        assert (journal.done, journal.failed) == ({1}, {0: as_text("no space \udce9")})
        journal.mark_done(0)
        journal.mark_state(APPLIED)
    with Journal(folder) as journal:
        assert (journal.state, journal.done, journal.failed) == (APPLIED, {0, 1}, {})
        journal.mark_undone(0)
        assert journal.done == {1}


def test_a_plan_from_before_a_column_came_up_is_read(folder):
    write_plan(folder, RECORD)
    path = folder / ".dupimg/plan.jsonl"
    text = path.read_text().replace(', "nearest_scene_cosine": null', "")
    assert "nearest_scene_cosine" not in text
    path.write_text(text)
    assert read_plan(folder) == RECORD


@pytest.mark.parametrize("torn", [b"\n", b'\n{"done', b'\n{"done": 1', b"\n\xff\x00"])
def test_a_torn_mark_is_as_good_as_none_and_later_marks_count(folder, torn):
    Journal.begin(folder, RECORD).mark_done(0)
    with (folder / ".dupimg/journal.jsonl").open("ab") as file:
        file.write(torn)
    with Journal(folder) as journal:
        assert journal.done == {0}
        journal.mark_done(2)
    with Journal(folder) as journal:
        assert journal.done == {0, 2}


def test_an_earlier_journal_is_kept(folder):
    with Journal.begin(folder, RECORD) as journal:
        journal.mark_state(APPLIED)
    Journal.begin(folder, RECORD)
    names = sorted(path.name for path in (folder / ".dupimg").glob("*.jsonl"))
    assert names == ["journal-1.jsonl", "journal.jsonl"]


def test_one_run_at_a_time(tmp_path):
    (tmp_path / "out").mkdir()
    with (
        locked(tmp_path / "out"),
        pytest.raises(UsageError, match="another run is at work"),
        locked(tmp_path / "out"),
    ):
        pass
    with locked(tmp_path / "out"):
        pass


def test_a_dead_process_keeps_nobody_out(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from dupimg.runs.journal import locked\n"
        "with locked(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "out"])
    assert done.returncode == -9
    assert (tmp_path / "out/.dupimg/lock").exists()
    with locked(tmp_path / "out"):
        pass


def test_a_run_that_wrote_nothing_leaves_no_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "a" / "out"):
        _ = 1 / 0
    assert not (tmp_path / "a" / "out").exists()


def test_settings_of_version_0_1_0_are_read(tmp_path):
    path = tmp_path / ".dupimg/journal.jsonl"
    with locked(tmp_path), Journal.begin(tmp_path, RECORD):
        pass
    text = path.read_text()
    old = json.dumps(json.dumps({"keep": ["path"], "head": "own.npz"}))
    path.write_text(text.replace('{"a": 1}', old))
    assert path.read_text() != text
    with Journal(tmp_path) as journal:
        assert journal.record.run.settings == {
            "time_zone": None,
            "keep": ["path"],
            "scene_head": "own.npz",
        }
