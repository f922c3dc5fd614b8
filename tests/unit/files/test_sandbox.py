from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import decoders
import numpy as np
import pytest
from files import sample, save
from PIL import Image

from dupimg.cli.main import main
from dupimg.files.cache import Cache
from dupimg.files.images import UnreadablePhoto
from dupimg.files.photos import find_files
from dupimg.files.reading import read_files
from dupimg.files.sandbox import Sandbox, open_sandbox
from dupimg.model.embedder import PhotoEmbedder

MISBEHAVIOUR = {
    "dies": "the decoder crashed (signal 11)",
    "eats": "not enough memory to decode this file",
    "hangs": "decoding took longer than 2 seconds",
}
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits memory on Linux only")


class Caller(Sandbox):
    """Calls one function at a time."""

    def call(self, function, *arguments):
        (answer,) = self.map(partial(decoders.call, function), [arguments])
        return answer

    def refusal(self, function, *arguments) -> str:
        answer = self.call(function, *arguments)
        assert isinstance(answer, UnreadablePhoto)
        return str(answer)


@pytest.fixture(scope="module")
def sandbox():
    with Caller(2, time_limit=2) as sandbox:
        yield sandbox


@pytest.fixture
def photos(tmp_path):
    """Return eight paths in two batches; what some of their names say happens to the decoder."""
    with Image.open(sample("chelsea.png")) as cat:
        small = cat.resize((90, 60))
    names = (
        "a.jpg",
        "dies-1.jpg",
        "b.png",
        "eats.jpg",
        "c.jpg",
        "hangs.jpg",
        "dies-2.jpg",
        "d.jpg",
    )
    return [
        save(small.rotate(10 * turn), tmp_path / "photos" / name) for turn, name in enumerate(names)
    ]


def reason_of(name: str) -> str:
    return next((MISBEHAVIOUR[word] for word in MISBEHAVIOUR if name.startswith(word)), "")


def test_results_and_errors_are_those_of_the_function(sandbox):
    assert sandbox.call(divmod, 7, 3) == (2, 1)
    assert sandbox.refusal(decoders.refuse, "no picture") == "no picture"
    with pytest.raises(KeyError, match="a bug"):
        sandbox.call(decoders.fail, "a bug")


@pytest.mark.parametrize("hang", [decoders.sleep, decoders.spin])
def test_a_decoder_that_hangs_is_killed(hang):
    start = time.monotonic()
    with Caller(1, time_limit=0.5) as sandbox:
        assert sandbox.refusal(hang) == "decoding took longer than 0.5 seconds"
        assert sandbox.call(abs, -1) == 1
    assert 0.5 < time.monotonic() - start < 5


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_decoder_that_dies_is_replaced(sandbox, number):
    assert sandbox.refusal(decoders.die, number) == f"the decoder crashed (signal {number:d})"
    assert sandbox.refusal(decoders.leave, 3) == "the decoder crashed (exit status 3)"
    assert sandbox.call(abs, -1) == 1


def test_a_worker_that_died_while_idle_is_replaced():
    with Caller(1, time_limit=5) as sandbox:
        os.kill(sandbox.call(os.getpid), signal.SIGKILL)
        time.sleep(0.2)
        assert sandbox.call(abs, -1) == 1


@linux
def test_memory_is_limited_and_lent(sandbox):
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    pid = sandbox.call(os.getpid)
    assert sandbox.refusal(decoders.take, machine) == "not enough memory to decode this file"
    assert sandbox.call(decoders.take, 1 << 29) == 1 << 29
    if machine > 4 << 30:  # more than a worker has for itself, less than what can be lent
        assert sandbox.call(decoders.take, 3 << 29) == 3 << 29
    assert sandbox.call(os.getpid) == pid


def test_neighbours_go_on_while_others_hang_and_die(sandbox):
    calls = [(abs, -1), (decoders.die,), (decoders.sleep,), (abs, -2), (decoders.die,), (abs, -3)]

    def outcome(number: int) -> object:
        answer = sandbox.call(*calls[number % len(calls)])
        return str(answer) if isinstance(answer, UnreadablePhoto) else answer

    with ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(outcome, range(12)))
    crashed, late = MISBEHAVIOUR["dies"], MISBEHAVIOUR["hangs"]
    assert outcomes == 2 * [1, crashed, late, 2, crashed, 3]


def test_a_batch_goes_on_in_the_next_worker(sandbox):
    names = ["a", "dies", "b", "eats", "dies", "dies", "hangs", "c"]
    answers = sandbox.map(decoders.misbehave, names)
    assert [str(answer) for answer in answers] == [reason_of(name) or name for name in names]


def test_workers_load_only_what_decoding_needs(sandbox):
    modules = sandbox.call(decoders.modules)
    assert "PIL.Image" in modules
    assert not {"torch", "sklearn", "scipy", "pandas", "dupimg.model.embedder"} & set(modules)


def test_what_decoders_print_is_not_seen(sandbox, capfd):
    assert sandbox.call(decoders.chatter) == 40
    assert capfd.readouterr() == ("", "")


def test_interruption_is_left_to_the_parent(sandbox):
    assert sandbox.call(decoders.interrupt) == "went on"


def test_closing_ends_calls_and_processes():
    sandbox = Caller(1, time_limit=600)
    with ThreadPoolExecutor(1) as pool:
        pid = pool.submit(sandbox.call, os.getpid).result()
        pending = pool.submit(sandbox.call, decoders.sleep)
        time.sleep(0.3)
        sandbox.close()
        assert str(pending.result(timeout=10)) == "the decoder crashed (signal 9)"
    wait_until_gone([pid], seconds=5)
    with pytest.raises(RuntimeError, match="closed sandbox"):
        sandbox.call(abs, -1)


def wait_until_gone(pids: list[int], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(is_running(pid) for pid in pids):
        assert time.monotonic() < deadline, f"{pids} still run"
        time.sleep(0.05)


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


ORPHANS = """
import os, sys, threading, time
import decoders
from dupimg.files.sandbox import Sandbox

if __name__ == "__main__":
    sandbox = Sandbox(3, time_limit=0.5)
    markers = [f"{sys.argv[1]}/{name}" for name in ("idle", "sleep", "spin")]
    with open(markers[0], "w") as file:
        file.write(str(sandbox.map(decoders.pid, [0])[0]))
    sandbox._places.get()  # so that this worker stays idle
    for hang, marker in zip((decoders.sleep, decoders.spin), markers[1:]):
        threading.Thread(target=sandbox.map, args=(hang, [marker])).start()
    while not all(os.path.exists(marker) and os.path.getsize(marker) for marker in markers):
        time.sleep(0.01)
    os.kill(os.getpid(), 9)
"""


def run(script: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    tests = Path(__file__).parents[2]
    return subprocess.run(
        [sys.executable, script, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env=os.environ | {"PYTHONPATH": f"{tests}{os.pathsep}{tests.parent}"},
    )


UNGUARDED = """
import sys
from dupimg import organize

print("once")
organize(*sys.argv[1:], quiet=True)
"""


def test_a_script_needs_no_guard_against_running_anew_in_each_worker(photos, tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    folder = tmp_path / "some"
    folder.mkdir()
    shutil.copy(photos[0], folder)
    done = run(tmp_path / "script.py", folder, tmp_path / "out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n", "")
    assert len(list((tmp_path / "out/processed").iterdir())) == 1


def test_no_process_outlives_a_killed_parent(tmp_path):
    (tmp_path / "script.py").write_text(ORPHANS)
    assert run(tmp_path / "script.py", tmp_path).returncode == -signal.SIGKILL
    pids = [int((tmp_path / name).read_text()) for name in ("idle", "sleep", "spin")]
    wait_until_gone(pids[:2], seconds=5)
    wait_until_gone(pids[2:], seconds=30)  # after 10 × 0.5 seconds of processor time


def test_a_function_that_workers_do_not_have_is_an_error(sandbox, monkeypatch):
    def made_up(item: object) -> None: ...

    # Of a module that a worker imports quickly: on a busy machine this one takes too long.
    made_up.__module__, made_up.__qualname__ = "decoders", "made_up"
    monkeypatch.setattr("decoders.made_up", made_up, raising=False)
    with pytest.raises(AttributeError, match="made_up"):
        sandbox.map(made_up, [1, 2])


def test_without_a_time_limit_there_is_no_process():
    with open_sandbox(2, time_limit=None) as map:
        assert list(map(decoders.pid, [0])) == [os.getpid()]
        assert [str(answer) for answer in map(decoders.refuse, ["no", "never"])] == ["no", "never"]
        (answer,) = map(decoders.take, [1 << 50])
        assert str(answer) == MISBEHAVIOUR["eats"]


def test_embedding_is_the_same_to_the_bit_and_bad_photos_fail_alone(photos, monkeypatch):
    good = [number for number, path in enumerate(photos) if not reason_of(path.name)]
    expected = PhotoEmbedder().transform([photos[number] for number in good])
    monkeypatch.setattr("dupimg.model.stream.read_views", decoders.read_views)
    embedder = PhotoEmbedder(time_limit=2, batch_size=4, n_jobs=2)
    results = dict(embedder.stream(photos))
    assert sorted(results) == list(range(8))
    np.testing.assert_array_equal([results[number].vector for number in good], expected)
    assert {photos[number].name: str(results[number]) for number in set(results) - set(good)} == {
        path.name: reason_of(path.name) for path in photos if reason_of(path.name)
    }


def test_closing_the_stream_does_not_wait_for_a_decoder(photos, monkeypatch):
    monkeypatch.setattr("dupimg.model.stream.read_views", decoders.read_views)
    others = multiprocessing.active_children()
    stream = PhotoEmbedder(time_limit=60, batch_size=1, n_jobs=2).stream(
        [photos[0], *(path for path in photos if path.name.startswith("hangs"))]
    )
    assert next(stream)[0] == 0
    workers = [child.pid for child in multiprocessing.active_children() if child not in others]
    assert workers
    start = time.monotonic()
    stream.close()
    assert time.monotonic() - start < 10
    wait_until_gone(workers, seconds=5)


def test_headers_are_read_in_workers_and_bad_files_fail_alone(photos, monkeypatch):
    folder = photos[0].parent
    monkeypatch.setattr("dupimg.files.reading._read_facts", decoders.read_facts)
    options = {"max_pixels": 10**9, "jobs": 2, "advance": lambda: None}
    listing = read_files(folder, find_files(folder), time_limit=2, **options)
    assert [photo.path for photo in listing.photos] == ["a.jpg", "b.png", "c.jpg", "d.jpg"]
    assert {(photo.width, photo.height) for photo in listing.photos} == {(90, 60)}
    assert all(other.readable for other in listing.others)
    assert {other.path: str(other.reason) for other in listing.others} == {
        path.name: reason_of(path.name) for path in photos if reason_of(path.name)
    }


def test_headers_are_the_same_with_and_without_workers(photos):
    folder = photos[0].parent
    options = {"max_pixels": 10**9, "jobs": 2, "advance": lambda: None}
    here, there = (
        read_files(folder, find_files(folder), time_limit=limit, **options) for limit in (None, 60)
    )
    assert here == there
    assert len(here.photos) == 8


def listing_of(folder, cache, found=None, **options):
    options = {"max_pixels": 10**9, "jobs": 2, "advance": lambda: None, "time_limit": 2} | options
    with Cache(cache) as remembered:
        return read_files(folder, found or find_files(folder), cache=remembered, **options)


def test_headers_that_failed_for_want_of_time_or_memory_are_read_again(photos, tmp_path):
    folder, cache = photos[0].parent, tmp_path / "cache.sqlite"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dupimg.files.reading._read_facts", decoders.read_facts)
        assert len(listing_of(folder, cache).photos) == 4
    assert len(listing_of(folder, cache, time_limit=60).photos) == 8


def test_a_file_that_could_not_be_opened_is_read_again(photos, tmp_path):
    folder, cache = photos[0].parent, tmp_path / "cache.sqlite"
    found = find_files(folder)
    folder.rename(tmp_path / "away")
    listing = listing_of(folder, cache, found)
    assert {other.digest for other in listing.others} == {""}
    assert len(listing.others) == 8
    (tmp_path / "away").rename(folder)
    assert len(listing_of(folder, cache).photos) == 8


def test_photos_that_failed_for_want_of_time_or_memory_are_embedded_again(photos, tmp_path):
    words = ["organize", str(photos[0].parent)]
    flags = ["--time_limit=2", f"--cache={tmp_path / 'cache.sqlite'}", "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dupimg.model.stream.read_views", decoders.read_views)
        assert main([*words, str(tmp_path / "first"), *flags]) == 0
    assert len(list((tmp_path / "first/other").iterdir())) == 4
    assert main([*words, str(tmp_path / "second"), *flags]) == 0
    assert not (tmp_path / "second/other").exists()
