"""Files that change between two looks, or between a look and the step that takes them."""

from __future__ import annotations

import os
import time

import pytest
from files import make_files, read_files, sample
from PIL import Image
from planned import row_of, write_planned

import dupimg
from dupimg.files.cache import Cache
from dupimg.files.identity import identity_of
from dupimg.files.photos import content_digest
from dupimg.runs import preflight
from dupimg.runs.journal import Journal

WAYS = {"copy": {}, "move": {"process_mode": "move"}, "hard_link": {"hard_link": True}}
TAKEN = 0x9003


def photo(path, taken):
    """Write a photo of last year; only `taken` tells two of them apart."""
    exif = Image.Exif()
    exif.get_ifd(0x8769)[TAKEN] = taken
    with Image.open(sample("china.jpg")) as picture:
        picture.resize((320, 240)).save(path, exif=exif)
    os.utime(path, (1.5e9, 1.5e9))


def retouch(path, taken):
    """Correct the date as exiftool -P -overwrite_original_in_place does."""
    before = path.stat()
    other = path.with_name("other.jpg")
    photo(other, taken)
    time.sleep(0.05)  # longer than a step of the clock
    with path.open("r+b") as file:
        file.write(other.read_bytes())
    other.unlink()
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (
        after.st_ino, after.st_size, after.st_mtime_ns,
    )  # fmt: skip


@pytest.fixture
def source(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    photo(folder / "a.jpg", "2012:01:01 00:00:00")
    make_files(folder, {"notes.txt": b"notes"}, mtime=1.5e9)
    return folder


@pytest.mark.parametrize("way", WAYS)
def test_a_photo_that_was_retouched_in_place_is_read_again(tmp_path, source, way):
    said = {"cache": str(tmp_path / "cache.sqlite"), "quiet": True}
    dupimg.organize(source, tmp_path / "one", **said, **WAYS[way])
    dupimg.undo(tmp_path / "one", **said)
    retouch(source / "a.jpg", "2022:05:01 10:00:00")
    before = read_files(source)
    result = dupimg.organize(source, tmp_path / "two", **said, **WAYS[way])
    (row,) = (row for row in result.rows if row.path == "a.jpg")
    assert (row.failed, row.taken_at[:10]) == (False, "2022-05-01")
    assert (tmp_path / "two" / row.destination).read_bytes() == before["a.jpg"]
    assert not dupimg.undo(tmp_path / "two", **said).failed
    assert read_files(source) == before


@pytest.mark.parametrize("way", WAYS)
def test_a_photo_that_is_retouched_before_its_step_is_not_taken(tmp_path, source, way):
    output = tmp_path / "out"
    write_planned(source, output, [row_of(source, path) for path in ("a.jpg", "notes.txt")])
    result = dupimg.apply(
        output,
        quiet=True,
        cache="none",
        announce=lambda _: retouch(source / "a.jpg", "2022:05:01 10:00:00"),
        **WAYS[way],
    )
    failed = {row.path: str(row.reason) for row in result.rows if row.failed}
    assert list(failed) == ["a.jpg"]
    assert "its content is not what was read before" in failed["a.jpg"]
    assert not (output / "other/a.jpg").exists()
    assert not dupimg.undo(output, quiet=True).failed
    assert set(read_files(source)) == {"a.jpg", "notes.txt"}


@pytest.mark.parametrize("way", ["move", "hard_link"])
def test_what_a_rename_or_a_link_does_to_the_times_is_no_change(tmp_path, source, way, monkeypatch):
    path = tmp_path / "cache.sqlite"
    said = {"cache": str(path), "quiet": True}
    result = dupimg.organize(source, tmp_path / "out", **said, **WAYS[way])
    placed = [tmp_path / "out" / row.destination for row in result.rows]
    with Cache(path) as cache:
        known = cache.digests([file.lstat() for file in placed])
    assert known == [content_digest(file) for file in placed]
    dupimg.undo(tmp_path / "out", **said)
    with Cache(path) as cache:
        assert None not in cache.digests([(source / row.path).lstat() for row in result.rows])


def test_a_file_that_only_its_content_tells_is_read_in_the_next_run(tmp_path, source):
    # A filesystem without ctime: the cache believes in the content of before.
    path, file = tmp_path / "cache.sqlite", source / "notes.txt"
    said = {"cache": str(path), "quiet": True}
    before = content_digest(file)
    dupimg.plan(source, tmp_path / "out", **said)
    file.write_bytes(b"other")
    os.utime(file, (1.5e9, 1.5e9))
    with Cache(path) as cache:
        cache.remember_digest(file.lstat(), before)
    assert dupimg.organize(source, tmp_path / "wrong", **said).failed
    with Cache(path) as cache:
        assert cache.digests([file.lstat()]) == [None]
    assert not dupimg.organize(source, tmp_path / "right", **said).failed
    # The same where apply refuses the plan.
    with Cache(path) as cache:
        cache.remember_digest(file.lstat(), before)
    dupimg.plan(source, tmp_path / "out", **said)
    with pytest.raises(dupimg.UsageError, match="another content"):
        dupimg.apply(tmp_path / "out", **said)
    dupimg.plan(source, tmp_path / "out", **said)
    assert not dupimg.apply(tmp_path / "out", **said).failed


def test_a_file_of_an_old_plan_is_read_before_it_is_renamed(tmp_path, source):
    output = tmp_path / "out"
    rows = [row_of(source, "a.jpg")]
    write_planned(source, output, [row.having(identity="") for row in rows])
    retouched = {}

    def announce(_):
        retouch(source / "a.jpg", "2022:05:01 10:00:00")
        retouched.update(read_files(source))

    assert dupimg.apply(output, quiet=True, process_mode="move", announce=announce).failed
    assert read_files(source) == retouched


def test_the_journal_holds_what_tells_a_file(tmp_path, source):
    dupimg.organize(source, tmp_path / "out", quiet=True)
    for row in Journal(tmp_path / "out").record.rows:
        assert row.identity == identity_of((source / row.path).lstat())
    assert (
        preflight.check_unchanged(Journal(tmp_path / "out").record.rows, source, jobs=1, quiet=True)
        == []
    )
