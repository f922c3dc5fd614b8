"""The page of `dupimg tune`, over HTTP and in a real browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browser import faults, launched, number_of, shows_its_icon, visits
from files import snapshot
from tuned import truth, write_photos

import dupimg
from dupimg.tuning.pair_labels import read_pairs
from dupimg.tuning.questions import DIFFERENT, SAME_PHOTO, SAME_SCENE

WEB = Path(dupimg.__file__).parent / "web/tune"
TEXTS = json.loads((WEB / "text.json").read_text("utf-8"))

KEYS = {SAME_PHOTO: "1", SAME_SCENE: "2", DIFFERENT: "3"}


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = write_photos(tmp_path_factory.mktemp("photos") / "<b>of me & you")
    dupimg.embed(folder, folder.parent / "vectors.npy", quiet=True)  # fills the cache
    return folder


class Running:
    """A run of `dupimg tune` and its page."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.address = next(
            match.group() for line in process.stdout if (match := re.search(r"http://\S+", line))
        )

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, object]:
        url = urlsplit(self.address)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        with contextlib.closing(connection):
            content = None if body is None else json.dumps(body)
            headers = {"Content-Type": "application/json"} | headers
            method = "GET" if body is None else "POST"
            connection.request(method, f"{url.path}{path}", content, headers)
            answer = connection.getresponse()
            data = answer.read()
        is_json = answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(data) if is_json else data

    def answer(self, state: dict) -> dict:
        rows, paths = state["question"]["rows"], [p["path"] for p in state["question"]["photos"]]
        status, state = self.ask("answer", {"answer": truth(*paths), "rows": rows})
        assert status == 200
        return state

    @contextlib.contextmanager
    def visit(self) -> Iterator[None]:
        """Hold the stream of a page open."""
        url = urlsplit(self.address)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        connection.request("GET", f"{url.path}alive")
        answer = connection.getresponse()
        answer.readline()
        yield
        answer.close()
        connection.close()


@contextlib.contextmanager
def running(photos: Path, output: Path, *words: str) -> Iterator[Running]:
    command = [sys.executable, "-m", "dupimg", "tune", str(photos), str(output), "--browser=no"]
    process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True)
    guard = threading.Timer(150, process.kill)
    guard.start()
    try:
        yield Running(process)
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def test_over_http(photos, tmp_path):
    before = snapshot(photos)
    output = tmp_path / "out"
    with running(photos, output, "--pairs=12") as page:
        with page.visit():
            _, state = page.ask("state")
            assert state["question"]["number"] == 1
            assert "cosine" not in json.dumps(state)  # it is not to be seen before the answer
            status, content = page.ask(f"photo/{state['question']['rows'][0]}")
            assert (status, content[:2]) == (200, b"\xff\xd8")
            assert page.ask("photo/999")[0] == 403
            assert page.ask("answer", {"answer": "maybe", "rows": [0, 1]})[0] == 400
            assert page.ask("answer", [])[0] == 400
            status, refused = page.ask("answer", {"answer": DIFFERENT, "rows": [-1, -2]})
            assert (status, refused["message"]) == (409, ["refused.other_pair"])
            (output / "labels.csv").mkdir()  # nothing can be written there
            rows = state["question"]["rows"]
            status, refused = page.ask("answer", {"answer": DIFFERENT, "rows": rows})
            assert (status, refused["message"][0]) == (422, "refused.not_written")
            (output / "labels.csv").rmdir()
            assert page.ask("answer", {}, Origin="http://evil.example")[0] == 403
            assert page.ask("state", Host="evil.example")[0] == 403
            assert not (output / "labels.csv").exists()
            for number in range(12):
                assert state["question"]["number"] == number + 1
                state = page.answer(state)
                assert len(read_pairs(output / "labels.csv")) == number + 1
            assert 0 < state["said"]["cosine"] <= 1
            assert state["question"] is None
            assert state["result"]["scenes"]["table"]["precision"]
            _, state = page.ask("back", {})
            assert (state["question"]["number"], state["answers"]) == (12, 11)
            _, state = page.ask("finish", {})
            assert state["question"] is None
            _, state = page.ask("back", {})
            assert (state["question"]["number"], state["answers"]) == (12, 11)
            state = page.answer(state)
            _, state = page.ask("more", {})
            assert (state["question"]["number"], state["question"]["total"]) == (13, 22)
        said = page.process.stdout.read()  # it ends when the page is closed
        assert page.process.wait(10) == 0
    assert "12 answers" in said
    assert {file.name for file in output.iterdir()} == {
        "labels.csv", "precision.csv",
    }  # fmt: skip
    assert snapshot(photos) == before


@pytest.fixture(scope="module")
def chromium():
    with launched() as browser:
        yield browser


def shown(page) -> list[str]:
    """Return the paths of both photos."""
    return [caption.get_attribute("title") for caption in page.locator("figcaption").all()]


def test_in_the_browser(photos, tmp_path, chromium):
    with (
        running(photos, tmp_path / "out", "--pairs=11", "--target=0.5") as run,
        visits(chromium, "#main > *") as visit,
    ):
        page = visit(run.address, viewport={"width": 1200, "height": 800})
        assert "<b>of me & you" in page.inner_text("#folder")
        assert shows_its_icon(page)
        for number in range(1, 12):
            page.get_by_text(f"Pair {number} of 11").wait_for()
            for image in page.locator(".pair img").all():
                image.evaluate("image => image.decode()")  # fails unless it is a picture
            answer = truth(*shown(page))
            if number == 1:
                assert faults(page) == []
                assert page.inner_text("#message") == ""
                page.keyboard.press(KEYS[answer])
                page.get_by_text("Pair 2 of 11").wait_for()
                assert "Their cosine is 0." in page.inner_text("#message")
                page.keyboard.press("ArrowLeft")
                page.get_by_text("Pair 1 of 11").wait_for()
            if number == 5:  # another pair has the same number
                page.keyboard.press("ArrowRight")
                page.get_by_text("Skipped.").wait_for()
                answer = truth(*shown(page))
            page.locator(".answers button").nth(int(KEYS[answer]) - 1).click()
        page.get_by_text("What your answers say").wait_for()
        assert number_of(page.locator(".curve")) == 2
        assert "dupimg organize" in page.inner_text(".command code")
        page.set_viewport_size({"width": 360, "height": 844})
        option = page.locator(".command .word", has_text="--duplicate_threshold=")
        assert option.bounding_box()["height"] < 30  # in one line, on a phone as well
        assert faults(page) == []
        labels = read_pairs(tmp_path / "out/labels.csv")
        assert [label.answer for label in labels].count("skipped") == 1
        assert all(
            label.answer in ("skipped", truth(label.path_a, label.path_b)) for label in labels
        )
        page.get_by_text("Ask about 10 more pairs").click()
        page.get_by_text("Pair 12 of 21").wait_for()
        page.get_by_text("Finish now").click()
        page.get_by_role("button", name="Done").click()
        page.get_by_text("You can close this page.").wait_for()
        assert "dupimg organize" in page.inner_text(".command code")
        assert run.process.wait(20) == 0
        assert (tmp_path / "out/precision.csv").exists()


def test_names_of_files_are_shown_in_full_where_there_is_room(photos, tmp_path, chromium):
    """An ellipsis stands for the last letters as soon as a name lacks a tenth of a pixel."""
    with (
        running(photos, tmp_path / "out") as run,
        visits(chromium, "#main > *") as visit,
    ):
        page = visit(run.address, viewport={"width": 1440, "height": 900})
        name = page.locator("figcaption .file").first
        folder = page.locator("figcaption .in-folder").first
        width = "it => it.getBoundingClientRect().width"
        folder.evaluate("it => it.textContent = ''")
        whole = name.evaluate(width)
        for letters in range(60, 90):  # somewhere there the folder must give way
            folder.evaluate(f"it => it.textContent = '{'i' * letters}' + 'W'.repeat(20) + '/'")
            assert name.evaluate(width) == whole
        assert folder.evaluate("it => it.scrollWidth > it.clientWidth")
        page.set_viewport_size({"width": 390, "height": 844})
        name.evaluate("it => it.textContent = 'W'.repeat(99)")
        assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_on_a_phone_in_the_dark_and_in_chinese(photos, tmp_path, chromium):
    size = {"width": 360, "height": 844}
    with (
        running(photos, tmp_path / ("a_long_name_" * 5)) as run,
        visits(chromium, "#main > *") as visit,
    ):
        page = visit(run.address, viewport=size, color_scheme="dark", locale="zh-CN")
        page.get_by_text("这两张照片是什么关系？").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert page.evaluate("document.documentElement.scrollHeight") <= 844
        assert faults(page) == []
        page.get_by_text("现在结束").click()
        page.get_by_text("根据您的回答").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert faults(page) == []
        page.get_by_text("English").click()
        page.get_by_text("What your answers say").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        page.get_by_role("button", name="Back").click()  # finished before the first answer
        page.get_by_text("Pair 1 of").wait_for()
        name = page.locator("#folder .file")
        assert name.inner_text() == photos.name
        assert name.bounding_box()["width"] > page.locator("#folder").bounding_box()["width"] / 2


def test_both_languages_say_the_same_and_all_that_is_asked_for():
    english, chinese = TEXTS["en"], TEXTS["zh-CN"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        names = [
            set(re.findall(r"\{(\w+)\}", entry if isinstance(entry, str) else entry["other"]))
            for entry in (text, chinese[key])
        ]
        assert names[0] == names[1], key
    script = "".join(file.read_text("utf-8") for file in WEB.glob("*.js"))
    asked = set(re.findall(r'\bt\("([^"]+)"', script))
    assert asked
    assert asked <= english.keys()
