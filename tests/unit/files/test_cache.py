from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
import time

import pytest

from dupimg.files.cache import Cache, CacheWarning, cache_path
from dupimg.files.identity import identity_of


def test_what_is_remembered_survives_the_process(tmp_path):
    path, file = tmp_path / "deep" / "cache.sqlite", tmp_path / "photo.jpg"
    file.write_bytes(b"photo")
    os.utime(file, (1e9, 1e9))
    with Cache(path) as cache:
        assert cache.digests([file.stat()]) == [None]
        cache.remember_digest(file.stat(), "d1")
        cache.remember_header("d1", "reader 1", {"width": 3, "reason": "caf\udce9"})
        cache.remember_embedding("d1", "model 1", b"\0\1\2")
    with Cache(path) as cache:
        assert cache.digests([file.stat()]) == ["d1"]
        assert cache.headers(["d1", "d2"], "reader 1") == {
            "d1": {"width": 3, "reason": "caf\udce9"}
        }
        assert cache.headers(["d1"], "reader 2") == {}
        assert cache.embeddings(["d0", "d1"], "model 1") == {"d1": b"\0\1\2"}
        assert cache.embeddings(["d1"], "model 2") == {}


def test_a_changed_file_is_not_known(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"photo")
    with Cache(tmp_path / "cache.sqlite") as cache:
        cache.remember_digest(file.stat(), "d1")
        assert cache.digests([file.stat()]) == [None]  # written a moment ago
        os.utime(file, (1e9, 1e9))
        cache.remember_digest(file.stat(), "d1")
        assert cache.digests([file.stat()]) == ["d1"]
        time.sleep(0.05)  # longer than a step of the filesystem's clock
        file.write_bytes(b"other")
        os.utime(file, (1e9, 1e9))  # of the same size, and as if it had not been changed
        assert cache.digests([file.stat()]) == [None]


def test_thousands_at_once(tmp_path):
    digests = [f"{i:064}" for i in range(5000)]
    with Cache(tmp_path / "cache.sqlite") as cache:
        for digest in digests:
            cache.remember_embedding(digest, "model", digest.encode())
        assert len(cache.embeddings(reversed(digests), "model")) == 5000


def test_a_killed_run_keeps_what_was_committed(tmp_path):
    path = tmp_path / "cache.sqlite"
    code = (
        "import os, sys; from pathlib import Path; from dupimg.files import cache\n"
        "with cache.Cache(Path(sys.argv[1])) as c:\n"
        "    c.remember_embedding('d', 'm', b'x'); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == -9
    with Cache(path) as cache:
        assert cache.embeddings(["d"], "m") == {"d": b"x"}


def test_two_processes_may_use_one_file(tmp_path):
    with Cache(tmp_path / "cache.sqlite") as one, Cache(tmp_path / "cache.sqlite") as two:
        one.remember_embedding("d1", "m", b"1")
        two.remember_embedding("d2", "m", b"2")
        assert one.embeddings(["d1", "d2"], "m") == {"d1": b"1", "d2": b"2"}


WRITER = """
import sys, time, warnings
from pathlib import Path
from dupimg.files import cache
warnings.simplefilter("error")
who, path, forever = sys.argv[1], Path(sys.argv[2]), sys.argv[3] == "forever"
with cache.Cache(path) as memory:
    number = 0
    while forever or number < 400:
        memory.remember_embedding(f"{who} {number}", "m", b"x" * 3000)
        number += 1
        time.sleep(0.001)
"""


def test_of_processes_at_once_each_keeps_what_it_learned_though_one_is_killed(tmp_path):
    path = tmp_path / "cache.sqlite"
    command = [sys.executable, "-c", WRITER]
    writers = [subprocess.Popen([*command, str(i), path, ""]) for i in range(3)]
    killed = subprocess.Popen([*command, "killed", path, "forever"])
    while not known(path, ["killed 0"]):
        time.sleep(0.05)
    killed.kill()
    killed.wait()
    assert [writer.wait(120) for writer in writers] == [0, 0, 0]
    assert len(known(path, [f"{i} {n}" for i in range(3) for n in range(400)])) == 1200


def known(path, digests):
    with Cache(path) as cache:
        return cache.embeddings(digests, "m")


def test_a_run_that_does_something_else_keeps_no_other_waiting(tmp_path):
    path = tmp_path / "cache.sqlite"
    with Cache(path) as idle, Cache(path) as other:
        for number in range(10):
            idle.remember_embedding(f"idle {number}", "m", b"x")
        start = time.monotonic()
        other.remember_distinct("d1", "d2")
        assert time.monotonic() - start < 1
    assert len(known(path, [f"idle {number}" for number in range(10)])) == 10


def test_what_could_not_be_written_is_written_later(tmp_path, monkeypatch):
    path = tmp_path / "cache.sqlite"
    monkeypatch.setattr("dupimg.files.cache._WAIT_SECONDS", 0.05)
    with Cache(path) as cache:
        holder = sqlite3.connect(path)
        holder.execute("BEGIN IMMEDIATE")
        cache.remember_embedding("d1", "m", b"1")
        assert cache.embeddings(["d1"], "m") == {}
        holder.rollback()
        holder.close()
        assert cache.embeddings(["d1"], "m") == {"d1": b"1"}


def test_a_file_that_is_not_what_it_was_thought_to_be_is_forgotten(tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(b"photo")
    os.utime(file, (1e9, 1e9))
    with Cache(tmp_path / "cache.sqlite") as cache:
        cache.remember_digest(file.stat(), "d1")
        cache.forget_file(identity_of(file.stat()))
        assert cache.digests([file.stat()]) == [None]


def test_none_remembers_nothing():
    with Cache(None) as cache:
        cache.remember_embedding("d", "m", b"x")
        assert cache.embeddings(["d"], "m") == {}


def use(path):
    with Cache(path) as cache:
        cache.remember_embedding("d", "m", b"x" * 100)
        return cache.embeddings(["d"], "m")


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_corrupt_file_is_a_warning(tmp_path, content):
    (tmp_path / "cache.sqlite").write_bytes(content)
    with pytest.warns(CacheWarning, match="the run goes on without"):
        assert use(tmp_path / "cache.sqlite") == {}
    assert (tmp_path / "cache.sqlite").read_bytes() == content


def test_the_database_of_another_program_is_left_alone(tmp_path):
    path = tmp_path / "cache.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE accounts (name TEXT)")
    before = path.read_bytes()
    with pytest.warns(CacheWarning, match="the database of another program"):
        assert use(path) == {}
    assert path.read_bytes() == before


def test_a_locked_file_is_a_warning(tmp_path, monkeypatch):
    path = tmp_path / "cache.sqlite"
    use(path)
    holder = sqlite3.connect(path)
    holder.execute("BEGIN EXCLUSIVE")
    monkeypatch.setattr("dupimg.files.cache._WAIT_SECONDS", 0.1)
    monkeypatch.setattr("dupimg.files.cache._LAST_WAIT_SECONDS", 0.1)
    with pytest.warns(CacheWarning, match="locked") as warned:
        use(path)
    assert "emove" not in str(warned[0].message)
    holder.close()


def test_a_place_that_cannot_be_written_is_a_warning(read_only_filesystem):
    with pytest.warns(CacheWarning):
        assert use(read_only_filesystem / "a" / "cache.sqlite") == {}


def test_the_default_is_in_the_cache_folder_of_the_user(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert "dupimg" in cache_path(None).parts
    assert cache_path("none") is None
    assert cache_path("a/none").name == "none"


def test_what_a_person_said_of_two_contents_is_remembered_at_once(tmp_path):
    path = tmp_path / "cache.sqlite"
    with Cache(path) as cache, Cache(path) as other:
        assert cache.is_open
        cache.remember_distinct("d2", "d1")
        cache.remember_distinct("d1", "d2")
        cache.remember_distinct("d1", "d3")
        cache.remember_distinct("d9", "d1")
        assert other.distinct_pairs(["d3", "d2", "d1"]) == [("d1", "d2"), ("d1", "d3")]
        assert other.distinct_pairs(["d1", "d4"]) == []
        cache.forget_distinct("d3", "d1")
        cache.forget_distinct("d3", "d1")
        assert other.distinct_pairs(f"d{number}" for number in range(2000)) == [
            ("d1", "d2"), ("d1", "d9"),
        ]  # fmt: skip


def test_a_cache_of_an_earlier_version_learns_what_it_lacks(tmp_path):
    path = tmp_path / "cache.sqlite"
    with Cache(path) as cache:
        cache.remember_embedding("d1", "model 1", b"x")
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE distinct_pairs")
    connection.close()
    with Cache(path) as cache:
        cache.remember_distinct("d1", "d2")
        assert cache.distinct_pairs(["d1", "d2"]) == [("d1", "d2")]
        assert cache.embeddings(["d1"], "model 1") == {"d1": b"x"}


def test_without_a_cache_no_pair_is_remembered():
    with Cache(None) as cache:
        cache.remember_distinct("d1", "d2")
        assert not cache.is_open
        assert cache.distinct_pairs(["d1", "d2"]) == []
