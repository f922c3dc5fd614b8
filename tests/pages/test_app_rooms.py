"""Ways out of the app's runs, in a real browser: stopped, quit in the middle, back from tune."""

from __future__ import annotations

import itertools

import pytest
from browser import number_of, settle, visits
from files import make_files, read_files
from test_app_page import heading, press, started
from tuned import truth, write_photos


@pytest.fixture
def home(tmp_path):
    """Return a home folder with 24 photos of six things."""
    write_photos(tmp_path / "home/Pictures/six")
    return tmp_path / "home"


def test_a_run_is_stopped_and_quit_and_goes_on_in_another_life(home, browser):
    photos = home / "Pictures/six"
    before = read_files(photos)
    with started(home) as app, visits(browser, "#heading") as visit:
        page = visit(f"{app.address}#/new?input={photos}")
        press(page, "Look at my photos")
        press(page, "Pause")
        page.get_by_text("Paused.").wait_for()
        press(page, "Stop")
        press(page, "Let it run")
        press(page, "Stop")
        page.get_by_role("dialog").get_by_role("button", name="Stop").click()
        heading(page, "Interrupted")
        press(page, "Go on")
        press(page, "Pause")
        page.get_by_text("Paused.").wait_for()
        press(page, "Quit")
        page.get_by_role("dialog").get_by_text("1 run is going on.").wait_for()
        press(page, "Cancel")
        page.get_by_text("Paused.").wait_for()
        press(page, "Quit")
        press(page, "Stop and quit")
        heading(page, "dupimg has ended")
        assert app.wait(20) == 0
    with started(home) as app, visits(browser, "#heading") as visit:
        page = visit(app.address)
        page.get_by_text("Unfinished", exact=True).click()
        press(page, "Go on")
        heading(page, "Ready to look at")
    assert read_files(photos) == before


def test_what_tune_refuses_is_told_once_on_a_phone(home, browser):
    photos = home / "Pictures/one"
    make_files(photos, {"a.jpg": (home / "Pictures/six/china/whole.jpg").read_bytes()})
    with started(home) as app, visits(browser, "#heading") as visit:
        address = f"{app.address}#/new?input={photos}"
        page = visit(address, viewport={"width": 360, "height": 780})
        press(page, "Find my thresholds by answering questions")
        page.get_by_text("too few to compare").wait_for(timeout=60_000)
        toast = page.locator("#message")
        assert toast.inner_text() == ""
        toast.evaluate("it => { it.textContent = 'as wide as the page allows '.repeat(3); }")
        assert toast.bounding_box()["width"] == 360 - 2 * 16


def test_what_a_run_refuses_is_in_sight_on_a_phone(home, browser):
    with started(home) as app, visits(browser, "#heading") as visit:
        address = f"{app.address}#/new?input={home / 'Pictures/six'}"
        page = visit(address, viewport={"width": 360, "height": 780}, locale="zh-CN")
        page.get_by_text("高级选项").click()
        page.get_by_label("网络", exact=True).fill("efficient")
        press(page, "开始查看照片")
        told = page.get_by_text("您是否想输入 efficientnet_lite0？")
        told.wait_for(timeout=60_000)
        settle(page)
        assert 0 < told.bounding_box()["y"] < 780
        assert page.evaluate("document.activeElement.id") == "option-model"


def test_tune_leads_back_to_the_form_with_its_thresholds(home, browser):
    with started(home) as app, visits(browser, "#heading") as visit:
        page = visit(f"{app.address}#/new?input={home / 'Pictures/six'}")
        page.get_by_text("Advanced").click()
        page.get_by_label("Threshold for scenes").fill("0.83")
        press(page, "Find my thresholds by answering questions")
        page.locator(".pair").wait_for(timeout=60_000)
        page.keyboard.press("3")
        page.get_by_text("Pair 2 of").wait_for()
        # Left before the end, by its button and as browsers go back: the form is as it was.
        for leave in (lambda: press(page, "Back to the app"), page.go_back):
            leave()
            heading(page, "What shall happen?")
            page.get_by_text("Your answers are kept.").wait_for()
            assert page.get_by_label("Threshold for scenes").input_value() == "0.83"
            press(page, "Find my thresholds by answering questions")
            page.get_by_text("Pair 2 of").wait_for(timeout=60_000)
        page.keyboard.press("ArrowLeft")
        page.get_by_text("Pair 1 of").wait_for()
        while page.locator(".pair").count():
            pair = [each.get_attribute("title") for each in page.locator("figcaption").all()]
            answer = ["same photo", "same scene", "different"].index(truth(*pair))
            shown = page.inner_text("#main")
            page.locator(".answers button").nth(answer).click()
            page.wait_for_function(
                "was => document.querySelector('#main').innerText !== was", arg=shown
            )
        used = page.locator(".recommended-name")
        assert number_of(used) == 2
        latest = max((home.parent / "state/dupimg/runs").iterdir()).name
        waiting = visit(f"{app.address}#/run?id={latest}&answered=yes")
        heading(waiting, "Taking over your answers")
        waiting.close()
        asked = itertools.count()
        page.route(  # the browser loses two requests
            "**/run?id=*", lambda r: r.abort() if next(asked) < 2 else r.continue_()
        )
        press(page, "Done")
        heading(page, "What shall happen?")
        assert next(asked) > 2
        page.get_by_text("The thresholds that your answers recommend are filled in.").wait_for()
        for kind in ("duplicates", "scenes"):
            assert 0.5 < float(page.get_by_label(f"Threshold for {kind}").input_value()) < 1
