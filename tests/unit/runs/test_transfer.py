from __future__ import annotations

import errno
import hashlib
import os

import pytest
from files import make_files, read_files, snapshot

from dupimg.files.inputs import Inputs
from dupimg.messages import as_text
from dupimg.plans.record import Record, Run
from dupimg.plans.rows import Row
from dupimg.runs.execute import carry_out, take_back
from dupimg.runs.journal import APPLIED, Journal
from dupimg.runs.transfer import displace, place


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def row(path: str, destination: str, content: bytes) -> Row:
    return Row(path, "keep", destination, digest=digest(content), reason=as_text("no duplicate"))


def run(rows, source, target, mode="copy"):
    """Carry rows out; return the rows with what failed, and the journal."""
    (target / ".dupimg").mkdir(parents=True, exist_ok=True)
    journal = Journal.begin(target, Record(Run(Inputs.join([source]), mode), tuple(rows)))
    return carry_out(journal, target, jobs=2, advance=lambda: None), journal


def test_copy_leaves_the_input_untouched_and_keeps_times(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    make_files(source, {"a/x.jpg": b"one", "y.txt": b"two"}, mtime=1_234_567_890.123456)
    (source / "y.txt").chmod(0o640)
    before = snapshot(source)
    rows = [row("a/x.jpg", "processed/1.jpg", b"one"), row("y.txt", "other/b/y.txt", b"two")]
    assert not run(rows, source, target)[1].failed
    assert snapshot(source) == before
    assert read_files(target) == {"processed/1.jpg": b"one", "other/b/y.txt": b"two"}
    assert (target / "other/b/y.txt").stat().st_mtime_ns == before["y.txt"][1]
    assert (target / "other/b/y.txt").stat().st_mode & 0o777 == 0o640


def test_move_takes_the_files_along(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    make_files(source, {"a/x.jpg": b"one", "y.txt": b"two"})
    mtime = (source / "a/x.jpg").stat().st_mtime_ns
    run([row("a/x.jpg", "processed/1.jpg", b"one")], source, target, "move")
    assert read_files(source) == {"y.txt": b"two"}
    assert snapshot(target) == {"processed/1.jpg": (b"one", mtime)}


def test_move_to_another_filesystem_is_a_verified_copy(tmp_path, other_filesystem):
    make_files(tmp_path, {"x.jpg": b"one", "changed.jpg": b"new"})
    rows = [row("x.jpg", "processed/1.jpg", b"one"), row("changed.jpg", "processed/2.jpg", b"old")]
    _, journal = run(rows, tmp_path, other_filesystem, "move")
    assert read_files(other_filesystem) == {"processed/1.jpg": b"one"}
    assert read_files(tmp_path) == {"changed.jpg": b"new"}
    assert set(journal.failed) == {1}


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_nothing_is_overwritten(tmp_path, mode):
    make_files(tmp_path, {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious"})
    rows = [row("x.jpg", "processed/1.jpg", b"one")]
    placed, journal = run(rows, tmp_path / "in", tmp_path / "out", mode)
    assert read_files(tmp_path) == {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious"}
    assert set(journal.failed) == {0}
    assert placed[0].destination == ""
    assert "is in the way" in str(placed[0].reason)


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_without_hard_links_nothing_is_overwritten_either(tmp_path, mode, monkeypatch):
    def no_links(source, destination):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    make_files(tmp_path, {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious", "in/y": b"two"})
    rows = [row("x.jpg", "processed/1.jpg", b"one"), row("y", "other/y", b"two")]
    assert set(run(rows, tmp_path / "in", tmp_path / "out", mode)[1].failed) == {0}
    left = {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious", "out/other/y": b"two"}
    assert read_files(tmp_path) == (left if mode == "move" else {"in/y": b"two"} | left)


def test_a_photo_that_changed_or_vanished_fails_alone(tmp_path):
    make_files(tmp_path, {"in/changed.jpg": b"new", "in/fine.jpg": b"fine"})
    rows = [
        row("changed.jpg", "processed/1.jpg", b"old"),
        row("gone.jpg", "processed/2.jpg", b"gone"),
        row("fine.jpg", "processed/3.jpg", b"fine"),
    ]
    placed, journal = run(rows, tmp_path / "in", tmp_path / "out")
    assert read_files(tmp_path / "out") == {"processed/3.jpg": b"fine"}
    assert set(journal.failed) == {0, 1}
    assert [str(placed_row.reason) for placed_row in placed] == [
        "NOT copied: its content is not what was read before; no duplicate",
        "NOT copied: No such file or directory; no duplicate",
        "no duplicate",
    ]


@pytest.mark.parametrize("links", [True, False])
def test_a_copy_is_on_the_disk_before_it_gets_its_name(tmp_path, links, monkeypatch):
    content = bytes(1 << 20)
    make_files(tmp_path, {"in/x.jpg": content, "out/other": b""})
    fsync, link, rename = os.fsync, os.link, os.rename
    calls = []

    def record_sync(descriptor):
        status = os.fstat(descriptor)
        calls.append(("sync", status.st_ino, status.st_size))
        fsync(descriptor)

    def record_link(source, destination):
        if not links:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        calls.append(("name", destination.parent.stat().st_ino))
        link(source, destination)

    def record_rename(source, destination):
        calls.append(("name", destination.parent.stat().st_ino))
        rename(source, destination)

    monkeypatch.setattr(os, "fsync", record_sync)
    monkeypatch.setattr(os, "link", record_link)
    monkeypatch.setattr(os, "rename", record_rename)
    place(tmp_path / "in/x.jpg", tmp_path / "out/1.jpg", "copy", digest(content))
    copy, folder = (tmp_path / "out/1.jpg").stat(), (tmp_path / "out").stat()
    assert calls == [
        ("sync", copy.st_ino, len(content)),
        ("name", folder.st_ino),
        ("sync", folder.st_ino, folder.st_size),
    ]


def test_a_full_disk_leaves_no_half_file(small_filesystem):
    folder, size = small_filesystem
    make_files(folder / "in", {"x.jpg": b"x" * (size * 2 // 3)})
    content = (folder / "in/x.jpg").read_bytes()
    with pytest.raises(OSError, match="No space left"):
        place(folder / "in/x.jpg", folder / "out/1.jpg", "copy", digest(content))
    assert read_files(folder) == {"in/x.jpg": content}


# Undo, and steps that are taken again after a crash.


@pytest.fixture(params=["copy", "move", "hard_link"])
def mode(request):
    return request.param


def state(folder):
    return {name: content for name, content in read_files(folder).items() if "undo" not in name}


def test_undo_restores_the_input_and_empties_the_output(tmp_path, mode):
    make_files(tmp_path, {"in/a/x.jpg": b"one", "in/y.txt": b"two"}, mtime=1.2e9)
    before = snapshot(tmp_path)
    rows = [row("a/x.jpg", "processed/1.jpg", b"one"), row("y.txt", "other/y.txt", b"two")]
    _, journal = run(rows, tmp_path / "in", tmp_path / "out", mode)
    assert set(read_files(tmp_path / "out")) == {"processed/1.jpg", "other/y.txt"}
    outcomes = take_back(journal, tmp_path / "out", jobs=2, advance=lambda: None)
    assert [outcome.result for outcome in outcomes] == ["taken back"] * 2
    assert snapshot(tmp_path) == before
    assert not Journal(tmp_path / "out").done
    assert not (tmp_path / "out/processed").exists()


def test_undo_leaves_what_was_changed_since_and_says_so(tmp_path, mode):
    make_files(tmp_path, {"in/x.jpg": b"one", "in/y.jpg": b"two"})
    rows = [row("x.jpg", "processed/1.jpg", b"one"), row("y.jpg", "processed/2.jpg", b"two")]
    _, journal = run(rows, tmp_path / "in", tmp_path / "out", mode)
    (tmp_path / "out/processed/1.jpg").unlink()
    make_files(tmp_path, {"out/processed/1.jpg": b"edited"})
    outcomes = take_back(journal, tmp_path / "out", jobs=2, advance=lambda: None)
    assert [outcome.result for outcome in outcomes] == ["left", "taken back"]
    assert "was changed since" in str(outcomes[0].reason)
    assert read_files(tmp_path / "out") == {"processed/1.jpg": b"edited"}
    assert Journal(tmp_path / "out").state == "undoing"


def test_undo_never_removes_the_only_copy(tmp_path):
    make_files(tmp_path, {"in/x.jpg": b"one", "in/y.jpg": b"two"})
    rows = [row("x.jpg", "processed/1.jpg", b"one"), row("y.jpg", "processed/2.jpg", b"two")]
    _, journal = run(rows, tmp_path / "in", tmp_path / "out", "copy")
    (tmp_path / "in/x.jpg").unlink()
    make_files(tmp_path, {"in/y.jpg": b"edited"})
    outcomes = take_back(journal, tmp_path / "out", jobs=2, advance=lambda: None)
    assert [
        "is gone" in str(outcomes[0].reason),
        "was changed since" in str(outcomes[1].reason),
    ] == [True] * 2
    assert read_files(tmp_path / "out") == {"processed/1.jpg": b"one", "processed/2.jpg": b"two"}


def test_undo_of_a_move_does_not_overwrite_a_new_file(tmp_path):
    make_files(tmp_path, {"in/x.jpg": b"one"})
    _, journal = run([row("x.jpg", "processed/1.jpg", b"one")], tmp_path / "in", tmp_path / "out",
                     "move")  # fmt: skip
    make_files(tmp_path, {"in/x.jpg": b"new"})
    (outcome,) = take_back(journal, tmp_path / "out", jobs=1, advance=lambda: None)
    assert outcome.result == "left"
    assert read_files(tmp_path) == {"in/x.jpg": b"new", "out/processed/1.jpg": b"one"}


def test_undo_moves_back_across_filesystems(tmp_path, other_filesystem):
    make_files(tmp_path, {"a/x.jpg": b"one"}, mtime=1.2e9)
    before = snapshot(tmp_path)
    _, journal = run(
        [row("a/x.jpg", "processed/1.jpg", b"one")], tmp_path, other_filesystem, "move"
    )
    assert read_files(tmp_path) == {}
    take_back(journal, other_filesystem, jobs=1, advance=lambda: None)
    assert snapshot(tmp_path) == before
    assert read_files(other_filesystem) == {}


def test_a_step_may_be_taken_and_taken_back_again(tmp_path, mode):
    make_files(tmp_path, {"in/x.jpg": b"one"})
    for _ in range(3):
        place(tmp_path / "in/x.jpg", tmp_path / "out/1.jpg", mode, digest(b"one"))
        assert read_files(tmp_path / "out") == {"1.jpg": b"one"}
    for _ in range(3):
        displace(tmp_path / "in/x.jpg", tmp_path / "out/1.jpg", mode, digest(b"one"))
        assert read_files(tmp_path) == {"in/x.jpg": b"one"}


def test_a_move_that_was_cut_between_its_halves_is_finished(tmp_path):
    make_files(tmp_path, {"in/x.jpg": b"one", "in/y.jpg": b"two", "out/2.jpg": b"two"})
    os.link(tmp_path / "in/x.jpg", tmp_path / "out/1.jpg")  # on one filesystem: two names
    place(tmp_path / "in/x.jpg", tmp_path / "out/1.jpg", "move", digest(b"one"))
    place(
        tmp_path / "in/y.jpg", tmp_path / "out/2.jpg", "move", digest(b"two")
    )  # across: two files
    assert read_files(tmp_path) == {"out/1.jpg": b"one", "out/2.jpg": b"two"}


def test_what_a_crash_left_half_written_is_replaced(tmp_path):
    make_files(tmp_path, {"in/x.jpg": b"one"})
    place(tmp_path / "in/x.jpg", tmp_path / "out/1.jpg", "copy", digest(b"one"))
    (tmp_path / "out/1.jpg").unlink()
    name = hashlib.sha256(b"1.jpg").hexdigest()[:16]
    make_files(tmp_path, {f"out/.dupimg-{name}.part": b"on"})
    place(tmp_path / "in/x.jpg", tmp_path / "out/1.jpg", "copy", digest(b"one"))
    assert read_files(tmp_path / "out") == {"1.jpg": b"one"}


def test_failed_steps_are_tried_again_when_the_run_goes_on(tmp_path):
    make_files(tmp_path, {"in/x.jpg": b"one", "out/processed/1.jpg": b"in the way"})
    _, journal = run([row("x.jpg", "processed/1.jpg", b"one")], tmp_path / "in", tmp_path / "out")
    journal.mark_state(APPLIED)
    assert set(journal.failed) == {0}
    (tmp_path / "out/processed/1.jpg").unlink()
    with Journal(tmp_path / "out") as again:
        carry_out(again, tmp_path / "out", jobs=1, advance=lambda: None)
        assert (again.done, again.failed) == ({0}, {})
