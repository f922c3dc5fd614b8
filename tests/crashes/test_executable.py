"""The program that `scripts/build_executable.py` built, tried as a person would."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from browser import visits
from files import make_files, read_files

PROGRAM = os.environ.get("DUPIMG_EXECUTABLE", "")

pytestmark = pytest.mark.skipif(
    not PROGRAM, reason="needs a built program: set DUPIMG_EXECUTABLE to its path"
)

SECONDS_TO_START = 3


def start(*words: object, **variables: str) -> subprocess.Popen:
    """Start the program as a double click does: without a terminal."""
    own = {"creationflags": subprocess.CREATE_NEW_CONSOLE} if sys.platform == "win32" else {}
    return subprocess.Popen(
        [str(Path(PROGRAM).resolve()), *map(str, words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        env=os.environ | {"BROWSER": "true"} | variables,
        **own,
    )


def run(*words: object) -> str:
    """Run a command to its end; return what it printed."""
    process = start(*words)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    return printed


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """Return the folder of the demo, with a result in it."""
    folder = tmp_path_factory.mktemp("executable") / "demo"
    printed = run("demo", folder)
    assert (folder / "sorted/report.html").exists(), printed
    assert "13 duplicates" in printed
    return folder


def kill_at(step: str, photos: Path, output: Path, told: Path) -> None:
    """Kill `organize` as soon as it is at a step; its worker processes end with it."""
    told.mkdir()
    process = start("organize", photos, output, "--jobs=2", "--yes", DUPIMG_PROGRESS=str(told))
    program, news = psutil.Process(process.pid), told / "progress.jsonl"
    while not (news.exists() and f'"step": "{step}"' in news.read_text()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    workers = program.children(recursive=True)
    assert workers
    program.kill()
    process.communicate()
    assert psutil.wait_procs(workers, timeout=10)[1] == []


def test_it_starts_within_seconds():
    run("--version")  # from the disk into the memory
    begin = time.perf_counter()
    assert "organize" in run("--help")
    assert time.perf_counter() - begin < SECONDS_TO_START


def test_a_run_that_was_killed_goes_on(demo, tmp_path):
    photos, output = demo / "photos", tmp_path / "out"
    make_files(photos / "notes", {f"{n}.txt": str(n) for n in range(500)})
    kill_at("embedding", photos, output, tmp_path / "first")
    assert not (output / "processed").exists()
    kill_at("copying", photos, output, tmp_path / "second")
    run("organize", photos, tmp_path / "at once", "--yes")
    expected = read_files(tmp_path / "at once/other")
    assert len(read_files(output / "other")) < len(expected)
    run("organize", photos, output, "--jobs=2", "--yes")
    for folder in ("processed", "remove", "other"):
        assert read_files(output / folder) == read_files(tmp_path / "at once" / folder)


def test_without_words_and_terminal_it_is_the_app(demo, tmp_path, browser):
    state = {name: str(tmp_path) for name in ("XDG_STATE_HOME", "LOCALAPPDATA")}
    begin = time.perf_counter()
    process = start(**state)
    try:
        address = re.search(r"http://127\.0\.0\.1:\S+", process.stdout.readline())[0]
        with visits(browser, "#heading") as visit:
            page = visit(f"{address}#/new?input={demo / 'photos'}")
            assert time.perf_counter() - begin < 2 * SECONDS_TO_START  # and the page is there
            page.get_by_role("button", name="Look at my photos", exact=True).click()
            page.get_by_role("heading", name="Ready to look at").wait_for(timeout=120_000)
            page.get_by_role("button", name="Quit", exact=True).click()
            page.get_by_role("dialog").get_by_role("button", name="Quit").click()
            page.get_by_role("heading", name="dupimg has ended").wait_for()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.communicate()


def test_what_needs_torch_says_so(demo, tmp_path):
    process = start("plan", demo / "photos", tmp_path / "out", "--backend=torch")
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "this program comes without" in printed
