"""Errors half-way in a file, of a disk or a share: a clear end, the rest done, and going on."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest
from bad_disk import bad_disk
from files import read_files, sample
from PIL import Image

import dupimg
from dupimg.runs.journal import Journal, read_plan


@pytest.fixture
def disk(tmp_path):
    with bad_disk(tmp_path / "share") as disk:
        for name in ("astronaut.png", "chelsea.png", "china.jpg", "flower.jpg"):
            with Image.open(sample(name)) as picture:
                photo = picture.convert("RGB")
                photo.save(disk.folder / f"{name[:-4]}.jpg", quality=98)
                photo.save(disk.folder / f"{name[:-4]} small.jpg", quality=40)
        yield disk


def reasons(result):
    return {row.path: str(row.reason) for row in result.rows}


def test_a_file_that_cannot_be_read_stays_is_named_and_comes_in_later(disk, tmp_path):
    before, output = read_files(disk.folder), tmp_path / "out"
    with disk.failing() as bad:
        result = dupimg.organize(disk.folder, output, process_mode="move", cache="none", quiet=True)
        assert (result.counts.found, result.unread, result.failed) == (8, 1, True)
        assert reasons(result)[bad.name] == "could not be read: Input/output error"
        assert f"could not be read and stays where it is: {bad.name}" in result.summary()
        assert [path.name for path in disk.folder.glob("*.*")] == [bad.name]
    added = dupimg.add(disk.folder, output, process_mode="move", cache="none", quiet=True)
    assert (added.counts.found, added.unread, added.failed) == (8, 0, False)
    assert "added           1 file:" in added.summary()
    assert not list(disk.folder.glob("*.*"))
    dupimg.undo(output, quiet=True)
    dupimg.undo(output, quiet=True)
    assert read_files(disk.folder) == before


def test_what_a_comparison_could_not_read_is_named(disk, tmp_path):
    (tmp_path / "other").mkdir()
    with disk.failing() as bad:
        words = {"output": tmp_path / "pairs.csv", "cache": "none", "quiet": True}
        result = dupimg.compare(disk.folder, tmp_path / "other", **words)
        assert result.failed
        assert f"FAILED   share/{bad.name}: could not be read" in result.summary()


def test_a_copy_that_fails_half_way_leaves_nothing_and_is_taken_up_again(disk, tmp_path):
    output = tmp_path / "out"
    dupimg.plan(disk.folder, output, cache="none", quiet=True)
    with disk.failing(), pytest.raises(dupimg.UsageError, match="cannot be read: Input/output"):
        dupimg.apply(output, quiet=True)
    record = read_plan(output)
    with Journal.begin(output, replace(record, run=replace(record.run, mode="copy"))):
        pass  # a run that was checked, and is to begin
    with disk.failing() as bad:
        result = dupimg.apply(output, quiet=True)
        assert result.counts.failed == 1
        assert reasons(result)[bad.name].startswith("NOT copied: Input/output error")
        assert len([path for path in read_files(output) if "/" in path]) == 7  # no part of it
    assert not dupimg.apply(output, quiet=True).failed
    assert dupimg.status(output).state == "applied"


def test_a_picture_that_fails_while_it_is_decoded_is_tried_another_time(disk, tmp_path):
    cache = tmp_path / "cache.sqlite"
    words = {"cache": str(cache), "quiet": True}
    dupimg.plan(disk.folder, tmp_path / "first", **words)
    with sqlite3.connect(cache) as known:  # as after a look that was interrupted
        for table in ("embeddings", "previews", "pairs"):
            known.execute(f"DELETE FROM {table}")
    with disk.failing() as bad:
        result = dupimg.plan(disk.folder, tmp_path / "second", **words)
        assert reasons(result)[bad.name] == "could not be read: Input/output error"
        assert result.counts.kept + result.counts.removed == 7
    again = dupimg.plan(disk.folder, tmp_path / "third", **words)
    assert again.counts.kept + again.counts.removed == 8


def test_a_duplicate_stays_out_of_the_trash_while_the_photo_that_stays_cannot_be_read(tmp_path):
    with bad_disk(tmp_path / "share") as disk:
        (tmp_path / "in").mkdir()
        with Image.open(sample("china.jpg")) as picture:
            picture.save(tmp_path / "in/a.jpg", quality=95)
            picture.save(tmp_path / "in/b.jpg", quality=60)
        output = disk.folder / "out"
        dupimg.organize(tmp_path / "in", output, process_mode="move", cache="none", quiet=True)
        before = read_files(output)
        with disk.failing("out/processed"):
            result = dupimg.trash(output, quiet=True)
        assert (len(result.trashed), len(result.left)) == (0, 1)
        assert {path for path in before if "report" not in path} <= read_files(output).keys()
