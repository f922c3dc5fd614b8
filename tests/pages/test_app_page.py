"""The application in a real browser: from choosing a folder to undo, with a kill in the middle."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import faults, shows_its_icon, visits
from files import make_files, read_files, sample, save
from PIL import Image


@pytest.fixture
def home(tmp_path) -> Path:
    """Return a home folder with a cat, two copies of it, a cup and notes."""
    photos = tmp_path / "home/Pictures/Cats & <b>cups"
    cat = Image.open(sample("chelsea.png")).convert("RGB")
    save(cat, photos / "cat.png")
    save(cat, photos / "copy.jpg", quality=85)
    save(cat, photos / "more/copy.jpg", quality=80)
    save(Image.open(sample("coffee.png")), photos / "cup.png")
    make_files(photos, {"notes.txt": "notes"})
    return tmp_path / "home"


@contextlib.contextmanager
def started(home: Path, *words: str) -> Iterator[subprocess.Popen]:
    state = home.parent / "state"
    env = os.environ | {"HOME": str(home), "XDG_STATE_HOME": str(state)}
    command = [sys.executable, "-m", "dupimg", "app", "--browser=no", *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env)
    try:
        process.address = re.search(r"http://\S+", process.stdout.readline())[0]
        yield process
    finally:
        process.kill()
        process.communicate()


def child(home: Path) -> int:
    """Return the process of the latest run."""
    latest = max((home.parent / "state/dupimg/runs").glob("*/run.json"))
    return json.loads(latest.read_text())["pid"]


def heading(page, name: str) -> None:
    page.get_by_role("heading", name=name, exact=True).wait_for(timeout=60_000)


def press(page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_from_choosing_a_folder_to_undo_with_a_run_killed_and_resumed(home, browser):
    photos = home / "Pictures/Cats & <b>cups"
    output = home / "Pictures/Cats & <b>cups sorted"
    before = read_files(photos)
    with started(home) as app, started(home) as second:
        assert second.address == app.address
        assert second.wait(10) == 0
        with visits(browser, "#heading") as visit:
            page = visit(app.address, viewport={"width": 1280, "height": 900})
            assert shows_its_icon(page)
            assert faults(page) == []
            press(page, "Choose photos")
            press(page, "Cats & <b>cups")
            press(page, "more")
            page.get_by_role("navigation", name="Where you are").get_by_role(
                "button", name="Cats & <b>cups"
            ).click()
            page.get_by_text("3 photos here").wait_for()
            assert faults(page) == []
            press(page, "Choose this folder")
            heading(page, "What shall happen?")
            page.get_by_text("Advanced").click()
            page.get_by_label("Threshold for scenes").fill("0.99")
            press(page, "Look at my photos")
            page.get_by_text("expected at most that").wait_for()
            assert faults(page) == []
            page.get_by_label("Threshold for scenes").fill("")
            press(page, "Look at my photos")
            press(page, "Pause")
            page.get_by_text("Paused.").wait_for()
            assert faults(page) == []
            os.kill(child(home), signal.SIGKILL)
            heading(page, "Interrupted")
            press(page, "Go on")
            heading(page, "Ready to look at")
            assert not (output / "processed").exists()
            assert faults(page) == []
            press(page, "Review")
            page.wait_for_selector("#tabs a")
            press(page, "Back to the app")
            heading(page, "Ready to look at")
            press(page, "Apply")
            page.get_by_role("dialog").get_by_text("Move", exact=True).click()
            page.get_by_role("dialog").get_by_role("button", name="Apply").click()
            heading(page, "Done")
            assert len(list((output / "remove").iterdir())) == 2
            assert len(list(photos.rglob("*.*"))) == 0
            assert faults(page) == []
            page.get_by_text("Bring single files back").click()
            page.get_by_text("more/copy.jpg").click()
            press(page, "Bring 1 file back")
            heading(page, "Done")
            assert (photos / "more/copy.jpg").exists()
            press(page, "Take the whole run back")
            page.get_by_role("dialog").get_by_role("button", name="Take the whole run back").click()
            heading(page, "Taken back")
            assert read_files(photos) == before
            press(page, "Quit")
            page.get_by_role("dialog").get_by_role("button", name="Quit").click()
            heading(page, "dupimg has ended")
        assert app.wait(10) == 0


def test_a_phone_and_chinese(home, browser):
    with started(home) as app, visits(browser, "#heading") as visit:
        page = visit(
            app.address,
            viewport={"width": 360, "height": 780},
            color_scheme="dark",
            locale="zh-CN",
        )
        for view in ("", f"#/new?input={home / 'Pictures'}", "#/result?folder=/no"):
            page.goto(app.address + view)
            page.wait_for_timeout(300)
            assert page.evaluate("document.documentElement.scrollWidth") == 360
            assert faults(page) == []
        page.get_by_text("找不到").wait_for()
