from __future__ import annotations

import errno
import hashlib
import os

import pytest
from files import make_files, read_files, snapshot

from dupimg.apply import apply_plan, place
from dupimg.plan import Row


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def row(path: str, destination: str, content: bytes) -> Row:
    return Row(path, "keep", destination, digest=digest(content), reason="no duplicate")


def run(rows, source, target, mode="copy"):
    return apply_plan(rows, source, target, mode=mode, jobs=2, advance=lambda: None)


def test_copy_leaves_the_input_untouched_and_keeps_times(tmp_path):
    source, target = tmp_path / "in", tmp_path / "out"
    make_files(source, {"a/x.jpg": b"one", "y.txt": b"two"}, mtime=1_234_567_890.123456)
    (source / "y.txt").chmod(0o640)
    before = snapshot(source)
    rows = [row("a/x.jpg", "processed/1.jpg", b"one"), row("y.txt", "other/b/y.txt", b"two")]
    assert run(rows, source, target).failures == 0
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
    placed = run(rows, tmp_path, other_filesystem, "move")
    assert read_files(other_filesystem) == {"processed/1.jpg": b"one"}
    assert read_files(tmp_path) == {"changed.jpg": b"new"}
    assert placed.failures == 1


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_nothing_is_overwritten(tmp_path, mode):
    make_files(tmp_path, {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious"})
    placed = run([row("x.jpg", "processed/1.jpg", b"one")], tmp_path / "in", tmp_path / "out", mode)
    assert read_files(tmp_path) == {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious"}
    assert placed.failures == 1
    assert placed.rows[0].destination == ""
    assert "File exists" in placed.rows[0].reason


@pytest.mark.parametrize("mode", ["copy", "move"])
def test_without_hard_links_nothing_is_overwritten_either(tmp_path, mode, monkeypatch):
    def no_links(source, destination):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", no_links)
    make_files(tmp_path, {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious", "in/y": b"two"})
    rows = [row("x.jpg", "processed/1.jpg", b"one"), row("y", "other/y", b"two")]
    assert run(rows, tmp_path / "in", tmp_path / "out", mode).failures == 1
    left = {"in/x.jpg": b"one", "out/processed/1.jpg": b"precious", "out/other/y": b"two"}
    assert read_files(tmp_path) == (left if mode == "move" else {"in/y": b"two"} | left)


def test_a_photo_that_changed_or_vanished_fails_alone(tmp_path):
    make_files(tmp_path, {"in/changed.jpg": b"new", "in/fine.jpg": b"fine"})
    rows = [
        row("changed.jpg", "processed/1.jpg", b"old"),
        row("gone.jpg", "processed/2.jpg", b"gone"),
        row("fine.jpg", "processed/3.jpg", b"fine"),
    ]
    placed = run(rows, tmp_path / "in", tmp_path / "out")
    assert read_files(tmp_path / "out") == {"processed/3.jpg": b"fine"}
    assert placed.failures == 2
    assert [placed_row.reason for placed_row in placed.rows] == [
        "NOT copied: the content differs from what was read before; no duplicate",
        "NOT copied: No such file or directory; no duplicate",
        "no duplicate",
    ]


def test_a_full_disk_leaves_no_half_file(small_filesystem):
    folder, size = small_filesystem
    make_files(folder / "in", {"x.jpg": b"x" * (size * 2 // 3)})
    content = (folder / "in/x.jpg").read_bytes()
    with pytest.raises(OSError, match="No space left"):
        place(folder / "in/x.jpg", folder / "out/1.jpg", "copy", digest(content))
    assert read_files(folder) == {"in/x.jpg": content}
