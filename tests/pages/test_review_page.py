from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

import pytest
from browser import faults, number_of, texts, visits
from files import make_files, read_files, sample, save
from PIL import Image
from planned import edit_plan, row_of, set_cells, write_planned

from dupimg.cli.main import main
from dupimg.plans.report import read_report


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """Plan a folder for real: a cat with two copies, two views, a cup; return both folders."""
    folder = tmp_path_factory.mktemp("planned")
    source = folder / "in"
    cat = Image.open(sample("chelsea.png")).convert("RGB")
    save(cat, source / "cat.png", taken="2024:05:01 10:00:00")
    save(cat, source / "copy.jpg", quality=80, taken="2024:05:01 10:00:01")
    save(cat.resize((300, 200)), source / "small.webp", taken="2024:05:01 10:00:02")
    for minute, side in enumerate(("left", "right"), start=1):
        view = Image.open(sample(f"motorcycle_{side}.png")).convert("RGB")
        save(view, source / f"{side}.jpg", taken=f"2024:05:01 11:0{minute}:00", quality=95)
    save(Image.open(sample("coffee.png")), source / "cup.png", taken="2024:05:01 12:00:00")
    make_files(source, {"left.xmp": "sidecar", "notes.txt": "notes"})
    words = ["--quiet", "--cache=none", "--duplicate_rule=cosine"]
    assert main(["plan", str(source), str(folder / "out"), *words]) == 0
    return folder


@pytest.fixture
def output(planned, tmp_path):
    return shutil.copytree(planned / "out", tmp_path / "out")


@contextlib.contextmanager
def reviewed(output: Path) -> Iterator[subprocess.Popen]:
    """Start `dupimg review`, and end it if nobody has."""
    command = [sys.executable, "-u", "-m", "dupimg", "review", str(output), "--browser=no"]
    command.append(f"--cache={output.parent / 'cache.sqlite'}")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=output.parent)
    lines = iter(process.stdout.readline, "")
    process.address = next(found[0] for line in lines if (found := re.search(r"http://\S+", line)))
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def server(output):
    with reviewed(output) as process:
        yield process


@pytest.fixture
def visit(browser, server):
    with visits(browser) as visit:
        yield lambda view="", **options: visit(server.address + view, **options)


def rows(output: Path) -> dict[str, tuple[str, int | None]]:
    """Return action and scene of every file, as the plan on the disk says."""
    return {row.path: (row.action, row.scene) for row in read_report(output / "plan.csv")}


def saved(page) -> None:
    page.wait_for_selector(".saving.saved")


def tile(page, name: str):
    return page.locator(".tile", has=page.locator(".name", has_text=re.compile(f"^{name}$")))


def photo(page, name: str):
    return page.locator(f'.photo[aria-label^="{name}, "]')


def test_a_click_is_saved_at_once_and_undone_to_the_byte(visit, output):
    before = (output / "plan.csv").read_bytes()
    page = visit("#duplicates")
    tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True).click()
    saved(page)
    assert rows(output)["copy.jpg"][0] == "keep"
    assert "keep by hand (was remove)" in tile(page, "copy.jpg").inner_text()
    assert number_of(tile(page, "copy.jpg").locator('[data-key="keep"]:focus')) == 1
    page.keyboard.press("Control+z")
    page.wait_for_selector('[data-key="undo"]:disabled')
    assert (output / "plan.csv").read_bytes() == before
    page.keyboard.press("Control+Shift+z")
    page.wait_for_selector('[data-key="redo"]:disabled')
    assert rows(output)["copy.jpg"][0] == "keep"


def test_keys_decide_about_the_current_photo_and_the_focus_stays(visit, output):
    page = visit("#duplicates")
    for key in ("j", "ArrowRight", "u"):
        page.keyboard.press(key)
    saved(page)
    assert rows(output)["copy.jpg"][0] == "leave"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("p")
    saved(page)
    assert rows(output)["small.webp"][0] == "keep"
    assert rows(output)["cat.png"][0] == "keep"


def test_another_keeper_takes_the_place_of_the_first(visit, output):
    page = visit("#duplicates")
    photo(page, "small.webp").click()
    viewer = page.get_by_role("dialog")
    viewer.get_by_role("button", name="Make this the keeper").click()
    saved(page)
    actions = {path: action for path, (action, _) in rows(output).items()}
    assert actions["small.webp"] == "keep"
    assert actions["cat.png"] == actions["copy.jpg"] == "remove"
    page.keyboard.press("Escape")
    assert "Keeper" in tile(page, "small.webp").inner_text()
    assert "Remove" in tile(page, "cat.png").inner_text()
    assert texts(page.locator(".tile .name"))[0] == "small.webp"
    reasons = {row.path: str(row.reason) for row in read_report(output / "plan.csv") if row.width}
    assert reasons["small.webp"] == "keep by hand (was remove): keeper of 2 duplicates"
    assert reasons["cat.png"] == "remove by hand (was keep): similar to the keeper"
    assert reasons["copy.jpg"] == "similar to what was the keeper; the keeper was chosen by hand"
    shown = tile(page, "copy.jpg").locator(".why").inner_text()
    assert shown == "similar to what was the keeper; the keeper was chosen by hand"
    assert tile(page, "cat.png").locator(".why").inner_text() == (
        "remove by hand (was keep): similar to the keeper"
    )
    # Nobody knows how like the new keeper is what was compared with the old one.
    assert number_of(tile(page, "cat.png").locator(".cosine")) == 1
    assert number_of(tile(page, "copy.jpg").locator(".cosine")) == 0


def test_what_is_not_a_duplicate_is_kept_and_remembered(visit, output):
    page = visit("#duplicates")
    apart = tile(page, "copy.jpg").get_by_role("button", name="Not a duplicate")
    apart.click()
    saved(page)
    assert rows(output)["copy.jpg"][0] == "keep"
    page.reload()
    apart.wait_for()
    assert apart.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Control+z")
    page.wait_for_selector('[data-key="undo"]:disabled')
    page.reload()
    apart.wait_for()
    assert apart.get_attribute("aria-pressed") == "false"


def test_scenes_are_split_merged_and_moved(visit, output):
    before = rows(output)
    assert before["left.jpg"][1] == before["right.jpg"][1] == 2
    page = visit("#scenes/all")
    photo(page, "left.jpg").focus()
    page.keyboard.press("m")
    page.get_by_role("button", name="New scene").click()
    saved(page)
    assert rows(output)["left.jpg"][1] == 4
    assert rows(output)["right.jpg"][1] == 2
    scene = page.locator(".segment", has=page.get_by_role("heading", name="Scene 1"))
    scene.get_by_role("button", name="Merge with the next scene").click()
    saved(page)
    assert rows(output)["left.jpg"][1] == rows(output)["cat.png"][1] == 1
    page.locator(".segment", has=photo(page, "cup.png")).get_by_label("Select the photos").click()
    page.get_by_role("button", name="Move to scene").click()
    page.get_by_label("Number of the scene").fill("2")
    page.keyboard.press("Enter")
    saved(page)
    assert rows(output)["cup.png"][1] == 2
    photo(page, "cup.png").focus()
    page.keyboard.press("m")
    page.get_by_role("button", name="Move to scene").click()
    page.get_by_role("dialog").get_by_role("button", name="New scene").click()
    saved(page)
    assert rows(output)["cup.png"][1] == 4


def focused(page) -> str:
    """Return how a screen reader names what has the focus."""
    return page.evaluate(
        """() => {
            const { activeElement: it } = document;
            return it === document.body ? "" : it.ariaLabel ?? it.innerText;
        }"""
    )


def test_scenes_are_split_moved_and_merged_by_keyboard_alone(visit, output):
    before = (output / "plan.csv").read_bytes()
    page = visit("#scenes/all")

    def press(*keys):
        for key in keys:
            page.keyboard.press(key)
        saved(page)

    press("j", "j", "j", "m", "ArrowLeft", "m", "n")
    assert rows(output)["left.jpg"][1] == rows(output)["right.jpg"][1] == 4
    page.locator("#selection").wait_for(state="hidden")
    assert focused(page).startswith("left.jpg, ")
    press("m", "ArrowRight", "m", "v")
    assert focused(page) == "Number of the scene"
    page.keyboard.press("Escape")
    assert focused(page).startswith("right.jpg, ")
    press("v", "3", "Enter")
    assert {rows(output)[f"{name}.jpg"][1] for name in ("left", "right")} == {3}
    assert focused(page).startswith("right.jpg, ")
    page.keyboard.press("v")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused(page) == "New scene"
    press("Enter")
    assert rows(output)["right.jpg"][1] == 4
    assert focused(page).startswith("right.jpg, ")
    press("ArrowLeft", "g")
    assert rows(output)["right.jpg"][1] == rows(output)["cup.png"][1] == 3
    assert focused(page).startswith("cup.png, ")
    for _ in range(4):
        press("Control+z")
    page.wait_for_selector('[data-key="undo"]:disabled')
    assert (output / "plan.csv").read_bytes() == before
    assert focused(page).startswith("cup.png, ")


def test_the_keys_of_the_selection_are_on_its_buttons_and_in_the_help(visit):
    page = visit("#scenes/all")
    page.keyboard.press("j")
    page.keyboard.press("m")
    bar = page.locator("#selection")
    keys = {
        button.get_attribute("aria-keyshortcuts"): button.get_attribute("title")
        for button in bar.get_by_role("button").all()
    }
    assert list(keys) == ["N", "V", "P", "X", "U", "Escape"]
    assert keys["V"] == "Key V"
    assert keys["Escape"] == "Select nothing · Key Esc"
    page.keyboard.press("?")
    assert {*keys} - {"Escape"} <= {*texts(page.locator("#help kbd"))}
    assert faults(page) == []


def test_the_focus_goes_from_the_bar_of_the_selection_back_to_the_photo(visit, output):
    page = visit("#scenes/all")
    for key in ("Select nothing", "New scene", "Leave"):
        photo(page, "left.jpg").focus()
        page.keyboard.press("m")
        page.locator("#selection").get_by_role("button", name=key).focus()
        page.keyboard.press("Enter")
        page.locator("#selection").wait_for(state="hidden")
        saved(page)
        assert focused(page).startswith("left.jpg, ")
    assert rows(output)["left.jpg"] == ("leave", 4)


def test_the_large_view_closes_when_its_list_has_become_empty(visit, output):
    set_cells(output / "plan.csv", "left.jpg", action="leave")
    page = visit("#files/leave")
    photo(page, "left.jpg").click()
    page.keyboard.press("p")
    page.get_by_role("dialog").wait_for(state="hidden")
    saved(page)
    assert rows(output)["left.jpg"][0] == "keep"


def test_a_new_scene_is_seen_where_it_belongs_and_what_was_removed_can_come_back(visit, output):
    page = visit("#scenes/several")
    photo(page, "left.jpg").focus()
    page.keyboard.press("n")
    saved(page)
    titles = texts(page.locator(".title-line h3"))
    assert titles == ["Scene 4"]  # of one photo, but new; that of the other one is a single
    page.keyboard.press("x")
    saved(page)
    gone = page.locator("li.gone", has=photo(page, "left.jpg"))
    assert "left.jpg will be removed" in page.locator("#message").inner_text()
    assert faults(page) == []
    gone.get_by_role("button", name="Undo").click()
    gone.wait_for(state="detached")
    saved(page)
    assert rows(output)["left.jpg"] == ("keep", 4)


@pytest.fixture
def twins(tmp_path):
    """Plan two groups: a cup twice, and a cat with a smaller copy in another folder."""
    source = tmp_path / "in"
    cup = save(Image.open(sample("coffee.png")), source / "cup.png")
    shutil.copy(cup, source / "again.png")
    cat = Image.open(sample("chelsea.png")).convert("RGB")
    save(cat, source / "camera" / "cat.png")
    save(cat.resize((300, 200)), source / "mail" / "cat.jpg", quality=90)
    assert main(["plan", str(source), str(tmp_path / "out"), "--quiet", "--cache=none"]) == 0
    return tmp_path / "out"


def test_groups_are_marked_accepted_and_a_folder_is_preferred(browser, twins):
    with reviewed(twins) as server, visits(browser) as visit:
        page = visit(server.address + "#duplicates")
        share = page.locator(".reviewed-share")
        assert share.inner_text() == "0 of 2 reviewed"
        page.get_by_role("button", name="Accept all copies (2)").wait_for()
        page.get_by_role("button", name="Accept all identical (1)").click()
        page.locator("#message", has_text="1 group accepted").wait_for()
        page.reload()
        page.locator(".mark.is-reviewed").wait_for()  # remembered beside the plan
        assert share.inner_text() == "1 of 2 reviewed"
        page.keyboard.press("e")
        assert focused(page).startswith("camera/cat.png, ")
        page.get_by_role("button", name="Prefer a folder").click()
        assert faults(page) == []
        page.get_by_role("dialog").get_by_role("button", name="mail").click()
        saved(page)
        assert rows(twins)["mail/cat.jpg"][0] == "keep"
        assert rows(twins)["camera/cat.png"][0] == "remove"
        page.locator(".reviewed-share", has_text="2 of 2 reviewed").wait_for()
        page.keyboard.press("Control+z")
        page.wait_for_selector('[data-key="undo"]:disabled')
        tile(page, "cat.jpg").get_by_role("checkbox").check()
        page.locator("#selection").get_by_role("button", name="Make keepers").click()
        saved(page)
        assert rows(twins)["mail/cat.jpg"][0] == "keep"
        assert faults(page) == []


def test_a_scene_gets_a_name(visit, output):
    page = visit("#scenes/all")
    scene = page.locator(".segment", has=photo(page, "left.jpg"))
    scene.get_by_role("button", name="Name this scene").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("Workshop")
    assert faults(page) == []
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Workshop").wait_for()
    saved(page)
    named = {row.path: row.scene_name for row in read_report(output / "plan.csv")}
    assert named["left.jpg"] == named["right.jpg"] == "Workshop"
    assert named["cup.png"] == ""


def test_the_large_view_draws_what_two_photos_share_and_zooms_both(visit):
    page = visit("#scenes/several")
    photo(page, "left.jpg").click()
    page.keyboard.press("l")
    page.wait_for_selector(".detail", state="attached")
    assert page.locator(".same-detail").count() > 5
    about = page.locator(".marks-about").inner_text()
    assert re.search(r"\d+ matched details", about)
    assert faults(page) == []
    widths = "() => [...document.querySelectorAll('.canvas')].map((c) => c.offsetWidth)"
    before = page.evaluate(widths)
    box = page.locator(".picture").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2)
    page.mouse.wheel(0, -600)
    page.wait_for_function(f"({widths})()[1] > {1.5 * before[1]}")
    places = "() => [...document.querySelectorAll('.canvas')].map((c) => c.style.left)"
    first, second = page.evaluate(places)
    assert first == second != "0px"
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4 - 60, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    moved = page.evaluate(places)
    assert moved[0] == moved[1] != first
    page.keyboard.press("z")
    assert page.evaluate(widths) == before
    page.keyboard.press("1")
    assert "100 %" in page.locator(".zoom").inner_text()
    page.keyboard.press("w")
    page.get_by_role("slider").fill("80")
    assert (
        page.evaluate("document.querySelector('.slider figure').style.cssText") == "--shown: 80%;"
    )
    assert faults(page) == []


@pytest.mark.parametrize("wrong", ["99999", "0", "-1", "beach", "", "1e3", "9" * 200])
def test_a_scene_that_does_not_exist_is_no_place_for_a_photo(visit, output, wrong):
    before = (output / "plan.csv").read_bytes()
    page = visit("#scenes/all", viewport={"width": 360, "height": 800})
    photo(page, "left.jpg").focus()
    page.keyboard.press("m")
    page.get_by_role("button", name="Move to scene").click()
    number = page.get_by_label("Number of the scene")
    number.fill(wrong)
    page.keyboard.press("Enter")
    sheet = page.get_by_role("dialog")
    why = f"There is no scene {wrong}: the last one is 3." if wrong else "up to 3, or choose New"
    assert why in sheet.get_by_role("alert").inner_text()
    assert sheet.evaluate("sheet => sheet.scrollWidth <= sheet.clientWidth")
    assert faults(page) == []
    assert (output / "plan.csv").read_bytes() == before
    number.fill("1")
    page.keyboard.press("Enter")
    saved(page)
    assert rows(output)["left.jpg"][1] == 1


def test_a_decision_that_cannot_be_is_taken_back_with_the_reason(visit, output):
    before = rows(output)
    page = visit("#duplicates")
    tile(page, "cat.png").get_by_role("button", name="Remove", exact=True).click()
    page.wait_for_selector("#message:not(:empty)")
    message = page.locator("#message").inner_text()
    assert message.startswith("Not saved:")
    assert "cat.png: duplicate group 1 would go as a whole" in message
    assert "Keeper" in tile(page, "cat.png").inner_text()
    assert rows(output) == before
    tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True).click()
    page.locator("#message", has_text="copy.jpg stays").wait_for()
    assert rows(output)["copy.jpg"][0] == "keep"


def test_a_plan_that_was_changed_elsewhere_is_not_overwritten(visit, output):
    page = visit("#duplicates")
    page.route("**/alive", lambda route: None)  # answers nothing, and so tells of no change
    page.reload()
    page.wait_for_selector(".tile")
    set_cells(output / "plan.csv", "cup.png", action="leave")
    tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True).click()
    page.wait_for_selector("#message:not(:empty)")
    assert page.locator("#message").inner_text().startswith("Not saved: the plan was changed")
    assert rows(output)["cup.png"][0] == "leave"
    assert rows(output)["copy.jpg"][0] == "remove"
    tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True).click()
    page.wait_for_function("() => document.querySelector('#review-tools').textContent !== ''")
    page.wait_for_selector('[data-key="undo"]:enabled')
    assert rows(output)["copy.jpg"][0] == "keep"


def test_the_page_follows_the_spreadsheet(visit, output):
    page = visit("#files")
    set_cells(output / "plan.csv", "cup.png", action="remove")
    page.locator(".file.remove", has_text="cup.png").wait_for()
    assert "changed elsewhere" in page.locator("#message").inner_text()


def test_two_pages_see_each_other(visit, output):
    first, second = visit("#duplicates"), visit("#duplicates")
    tile(first, "copy.jpg").get_by_role("button", name="Leave", exact=True).click()
    saved(first)
    tile(second, "copy.jpg").locator(".badge.leave").wait_for()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_what_could_not_be_saved_does_not_look_decided(visit, server, output):
    page = visit("#duplicates")
    saved(page)
    server.send_signal(signal.SIGSTOP)
    tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True).click()
    page.wait_for_selector(".saving.saving")
    tile(page, "copy.jpg").locator(".badge.keep").wait_for()
    assert rows(output)["copy.jpg"][0] == "remove"
    server.kill()
    page.wait_for_selector(".saving.lost")
    tile(page, "copy.jpg").locator(".badge.remove").wait_for()


def test_without_a_connection_one_can_look_but_not_decide(visit, server, output):
    before = (output / "plan.csv").read_bytes()
    page = visit("#duplicates")
    saved(page)
    server.kill()
    page.wait_for_selector(".saving.lost")
    command = f"dupimg review {output} --browser=no --cache={output.parent / 'cache.sqlite'}"
    assert f"run {command} again" in page.locator("#message").inner_text()
    keep = tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True)
    assert keep.is_disabled()
    assert page.get_by_role("button", name="Apply").is_disabled()
    page.keyboard.press("j")
    for key in ("ArrowRight", "p", "x", "u", "b", "d", "Control+z"):
        page.keyboard.press(key)
    assert texts(page.locator(".tile .badge")) == ["Keeper", "Remove", "Remove"]
    assert page.locator("#message").inner_text() != ""
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    assert viewer.get_by_role("button", name="Keep", exact=True).is_disabled()
    assert "No connection" in viewer.inner_text()
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Scenes").click()
    page.get_by_label("Select the photos").first.click()
    assert page.get_by_role("button", name="New scene").is_disabled()
    assert faults(page) == []
    assert (output / "plan.csv").read_bytes() == before


def test_decisions_go_on_when_the_connection_is_back(visit, output):
    page = visit("#duplicates")
    saved(page)
    page.route("**/decide", lambda route: route.abort())
    keep = tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True)
    keep.click()
    page.locator("#message", has_text="Connected again").wait_for()
    assert rows(output)["copy.jpg"][0] == "remove"
    assert "Remove" in tile(page, "copy.jpg").locator(".badge").inner_text()
    page.unroute("**/decide")
    keep.click()
    page.wait_for_selector('[data-key="undo"]:enabled')
    assert rows(output)["copy.jpg"][0] == "keep"


def test_apply_shows_the_changes_first_then_carries_them_out(visit, server, output, planned):
    page = visit("#duplicates")
    tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True).click()
    saved(page)
    page.get_by_role("button", name="Apply").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_text("1 file changed by you").click()
    [decided] = texts(sheet.locator(".lines"))
    assert decided.startswith("copy.jpg: remove → keep")
    assert "6 to keep · 1 to remove · 1 other file" in sheet.inner_text()
    assert str(output) in sheet.inner_text()
    sheet.get_by_text("Ready to apply.").wait_for()
    assert faults(page) == []
    sheet.get_by_role("button", name="Apply").click()
    sheet.get_by_role("heading", name="Applied").wait_for()
    told = [re.sub(r"\s+", " ", text) for text in texts(sheet.locator("dd"))]
    kilobytes = round((planned / "in/small.webp").stat().st_size / 1000, 1)
    assert told == [
        "8", "6 3 scenes", f"1 {kilobytes:g} kB of duplicates", "1 isn't a readable photo",
        str(output / "report.csv"),
    ]  # fmt: skip
    assert faults(page) == []
    content = {Path(name).suffix: data for name, data in read_files(output / "processed").items()}
    assert len(read_files(output / "processed")) == 6
    assert content[".xmp"] == b"sidecar"
    assert [*read_files(output / "remove").values()] == [(planned / "in/small.webp").read_bytes()]
    assert (planned / "in/copy.jpg").read_bytes() in read_files(output / "processed").values()
    sheet.get_by_role("button", name="Bring single files back").click()
    page.locator(".file", has_text="copy.jpg").get_by_role("button", name="Bring back").click()
    sheet.get_by_role("heading", name="1 file is back where it was").wait_for()
    assert len(read_files(output / "processed")) == 5
    # What takes back all is not beside what is about a file.
    assert texts(sheet.get_by_role("button")) == ["", "Result", "Bring more files back"]
    sheet.get_by_role("button", name="Bring more files back").click()
    assert (
        number_of(page.locator(".file", has_text="copy.jpg").get_by_text("Back", exact=True)) == 1
    )
    page.get_by_role("button", name="Result").click()
    assert texts(sheet.locator("dd strong"))[:2] == ["8", "5"]
    assert faults(page) == []
    sheet.get_by_role("button", name="Take the whole run back").click()
    sheet.get_by_role("heading", name="Taken back").wait_for()
    assert not (output / "processed").exists()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Duplicates").first.click()
    tile(page, "small.webp").get_by_role("button", name="Keep", exact=True).click()
    saved(page)
    assert rows(output)["small.webp"][0] == "keep"  # decided, and it goes on
    page.close()
    assert server.wait(timeout=30) == 0


def test_apply_tells_what_follows_from_a_decision_apart(visit):
    page = visit("#duplicates")
    tile(page, "small.webp").get_by_role("button", name="Make this the keeper").click()
    saved(page)
    page.get_by_role("button", name="Apply").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_text("2 files changed by you").click()
    sheet.get_by_text("1 other file changed as a consequence").click()
    decided, followed = texts(sheet.locator(".lines"))
    assert sorted(re.findall(r"^\S+: \w+ → \w+", decided, re.M)) == [
        "cat.png: keep → remove", "small.webp: remove → keep",
    ]  # fmt: skip
    assert re.match(r"copy.jpg: to remove/\S+$", followed)
    assert faults(page) == []


@pytest.fixture
def grown(planned):
    """Let a photo of the input grow by a byte for the time of a test."""
    path = planned / "in/cup.png"
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content + b" ")
    yield path
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.fixture
def altered(planned):
    """Let a photo of the input have other bytes, as many and of the same time, for a test."""
    path = planned / "in/cup.png"
    content, status = path.read_bytes(), path.stat()
    path.write_bytes(content[:-1] + b"?")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    yield path
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_apply_says_at_once_what_stands_in_the_way(visit, output, grown):
    page = visit("#duplicates", viewport={"width": 400, "height": 800})
    page.get_by_role("button", name="Apply").click()
    sheet = page.get_by_role("dialog")
    problem = sheet.locator("#findings li")
    problem.wait_for()
    size = grown.stat().st_size
    why = f"cup.png: has {size} bytes now, {size - 1} in the plan; look at the photos again."
    assert texts(problem) == [why]
    assert "1 problem stands in the way" in sheet.inner_text()
    assert sheet.get_by_role("button", name="Apply").is_disabled()
    assert problem.evaluate("item => item.scrollWidth <= item.clientWidth")
    assert faults(page) == []
    grown.rename(grown.with_name("away.png"))
    sheet.get_by_label("Move").check()
    sheet.get_by_text("has vanished since the plan").wait_for()
    grown.with_name("away.png").rename(grown)
    assert not (output / "processed").exists()


def test_apply_can_go_on_as_soon_as_nothing_stands_in_the_way(visit, planned):
    page = visit("#duplicates")
    (planned / "in").rename(planned / "away")
    page.get_by_role("button", name="Apply").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_text("in does not exist.").wait_for()
    assert sheet.get_by_role("button", name="Apply").is_disabled()
    (planned / "away").rename(planned / "in")
    sheet.get_by_label("Hard link").check()
    sheet.get_by_text("Ready to apply.").wait_for()
    assert sheet.get_by_role("button", name="Apply").is_enabled()


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_nobody_is_told_that_nothing_happened_when_dupimg_is_killed(
    visit, server, output, planned, locale
):
    page = visit("#duplicates", locale=locale)
    saved(page)
    page.route("**/progress", lambda route: (server.kill(), server.wait(), route.continue_()))
    apply = {"en-GB": "Apply", "zh-CN": "执行"}[locale]
    page.get_by_role("button", name=apply).click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("button", name=apply).click()
    sheet.get_by_role(
        "heading", name={"en-GB": "Interrupted", "zh-CN": "已中断"}[locale]
    ).wait_for()
    for command in (f"`dupimg status {output}`", f"`dupimg apply {output}`"):
        assert command in sheet.inner_text()
        page.locator("#message", has_text=command).wait_for()
    told = sheet.inner_text() + page.locator("#message").inner_text()
    assert "Not applied" not in told
    if locale == "zh-CN":
        assert re.findall("[A-Za-z]{2,}", re.sub("`.*?`", "", told)) == ["dupimg", "dupimg"]
    assert faults(page) == []
    main(["apply", str(output), "--quiet"])
    results = [read_files(output / name) for name in ("processed", "remove", "other")]
    assert sum(map(len, results)) == len(read_files(planned / "in"))


def test_another_page_knows_that_the_plan_was_being_carried_out(browser, tmp_path):
    names = [f"{number}.txt" for number in range(10_000)]
    source, output = tmp_path / "in", tmp_path / "out"
    make_files(source, dict.fromkeys(names, "notes"))
    write_planned(source, output, [row_of(source, name) for name in names])
    with reviewed(output) as server, visits(browser) as visit:
        page, other = visit(server.address), visit(server.address)
        page.get_by_role("button", name="Apply").click()
        sheet = page.get_by_role("dialog")
        sheet.get_by_role("button", name="Apply").click()
        sheet.get_by_role("progressbar").wait_for()
        with other.expect_event("console", lambda message: message.text == "applying"):
            other.evaluate(
                """() => new EventSource("alive").addEventListener("ping", ({ data }) =>
                    JSON.parse(data).applying && console.log("applying"))"""
            )
        other.wait_for_timeout(1100)  # by then the page itself has got a ping like that
        server.kill()
        for each in (page, other):
            each.locator("#message", has_text=f"`dupimg status {output}`").wait_for()
            assert "dupimg review" not in each.locator("#message").inner_text()


@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGSTOP")
def test_nobody_is_sent_to_the_review_when_the_answer_to_apply_is_lost(visit, server, output):
    page = visit("#duplicates")
    page.get_by_role("button", name="Apply").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_text("Ready to apply.").wait_for()
    server.send_signal(signal.SIGSTOP)
    sheet.get_by_role("button", name="Apply").click()
    server.kill()
    page.locator("#message", has_text=f"`dupimg status {output}`").wait_for()
    assert "dupimg review" not in page.locator("#message").inner_text()


def test_the_review_is_not_over_while_the_plan_cannot_be_read(visit, output):
    page = visit("#duplicates")
    saved(page)
    whole = (output / "plan.csv").read_bytes()
    (output / "plan.csv").write_bytes(b"")
    assert page.locator(".saving.unreadable").inner_text() == "Plan unreadable"
    assert "is empty" in page.locator("#message").inner_text()
    assert page.get_by_role("button", name="Apply").is_disabled()
    assert faults(page) == []
    (output / "plan.csv").write_bytes(whole)
    saved(page)
    tile(page, "copy.jpg").get_by_role("button", name="Keep", exact=True).click()
    page.wait_for_selector('[data-key="undo"]:enabled')
    assert rows(output)["copy.jpg"][0] == "keep"


def test_the_review_is_over_when_the_plan_was_carried_out_elsewhere(visit, output):
    page = visit("#duplicates")
    saved(page)
    assert main(["apply", str(output), "--quiet"]) == 0
    assert page.locator(".saving.over").inner_text() == "Review over"
    over = f"The plan in {output} was carried out or made anew meanwhile."
    assert over in page.locator("#message").inner_text()
    page.reload()
    page.get_by_text(over).wait_for()
    assert faults(page) == []


def test_why_a_plan_is_not_carried_out_can_be_read_to_the_end(visit, output, altered):
    page = visit("#duplicates", viewport={"width": 400, "height": 800})
    page.get_by_role("button", name="Apply").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("button", name="Apply").click()
    sheet.get_by_role("heading", name="Not applied").wait_for()
    error = sheet.locator("pre")
    assert "cup.png: has another content than in the plan" in error.inner_text()
    assert error.evaluate("pre => pre.scrollWidth <= pre.clientWidth")


NAMES = re.compile(r"\b[\w-]+\.(png|jpg|webp|xmp|txt|csv)|`.*?`|'.*?'|(processed|remove)/\S*")


def english(text: str, *known: str) -> set[str]:
    """Return the English words of a text, but for names of files and `known` ones."""
    return {*re.findall("[A-Za-z]{2,}", NAMES.sub("", text))} - {*known}


def test_chinese_readers_are_told_in_chinese_why_a_decision_cannot_be(visit):
    page = visit("#duplicates", locale="zh-CN")
    tile(page, "cat.png").get_by_role("button", name="移除", exact=True).click()
    page.wait_for_selector("#message:not(:empty)")
    message = page.locator("#message").inner_text()
    assert message == "未保存：cat.png：第 1 组重复照片会全部移除，必须保留一张。"


def test_chinese_readers_are_told_in_chinese_what_stands_in_the_way(visit, output):
    wrong = {
        "cat.png": {"action": "remove"},
        "right.jpg": {"action": "kep"},
        "notes.txt": {"destination": "elsewhere/notes.txt", "action": "keep"},
        "left.xmp": {"action": "leave"},
    }
    for path, cells in wrong.items():
        set_cells(output / "plan.csv", path, **cells)
    edit_plan(output / "plan.csv", lambda path, line: None if path == "small.webp" else line)
    page = visit("#duplicates", locale="zh-CN")
    page.get_by_role("button", name="执行").click()
    page.locator("#findings .lines").wait_for()
    for folded in page.locator(".folded summary").all():
        folded.click()
    problems, changes, consequences = texts(page.locator(".lines"))
    assert len(problems.splitlines()) >= len(wrong) + 1
    assert english(problems, "keep", "remove", "leave", "other", "elsewhere") == set()
    assert "right.jpg：操作为 'kep'，应为 keep、remove 或 leave。是否想写 keep？" in problems
    assert "cat.png：保留 → 移除，到 remove/" in changes
    assert "small.webp：移除 → 不动，留在原处" in changes
    assert english(changes, "elsewhere") == english(consequences) == set()


def test_chinese_readers_are_told_in_chinese_what_was_done(visit, output):
    page = visit("#duplicates", locale="zh-CN")
    page.get_by_role("button", name="执行").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("button", name="执行").click()
    sheet.get_by_role("heading", name="已执行").wait_for()
    assert "5 3 个场景" in re.sub(r"\s+", " ", sheet.inner_text())
    told = sheet.inner_text().replace(str(output), "")
    assert english(told, "kB") == set()


def test_chinese_readers_are_told_in_chinese_that_a_plan_cannot_be_read(visit, output):
    page = visit("#duplicates", locale="zh-CN")
    saved(page)
    (output / "plan.csv").write_bytes(b"")
    told = page.locator("#message", has_text="为空")
    told.wait_for()
    assert english(told.inner_text().replace(str(output), "")) == set()


def test_chinese_readers_are_told_in_chinese_why_a_plan_is_not_carried_out(visit, altered):
    page = visit("#duplicates", locale="zh-CN")
    page.get_by_role("button", name="执行").click()
    sheet = page.get_by_role("dialog")
    sheet.get_by_role("button", name="执行").click()
    sheet.get_by_role("heading", name="未执行").wait_for()
    first, second = sheet.locator("pre").inner_text().splitlines()
    assert first.endswith("plan.csv 有 1 个问题，未触动任何文件：")
    why = "：cup.png：内容与计划中的不同；请重新查看照片。"
    assert re.fullmatch(rf"  第 \d 行{re.escape(why)}", second)


def test_the_server_stops_when_the_page_is_closed(visit, server):
    page = visit()
    page.close()
    assert server.wait(timeout=30) == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_review_has_no_serious_accessibility_fault(visit, theme):
    page = visit("#duplicates", color_scheme=theme, viewport={"width": 360, "height": 844})
    page.evaluate("document.querySelector('#to-app').hidden = false")
    assert page.locator(".bar").evaluate("bar => bar.scrollHeight <= bar.clientHeight")
    assert faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.evaluate("location.hash = '#scenes'")
    page.get_by_label("Select the photos").first.click()
    assert faults(page) == []
    page.get_by_role("button", name="Move to scene").click()
    assert faults(page) == []


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell script")
def test_the_command_line_of_the_browser_does_not_tell_the_address(browser, output, tmp_path):
    fake, told = tmp_path / "browser.sh", tmp_path / "told"
    fake.write_text(f'#!/bin/sh\nprintf %s "$*" > {told}.part\nmv {told}.part {told}\n')
    fake.chmod(0o700)
    (tmp_path / "home").mkdir()
    names = {"BROWSER": f"{fake} %s", "HOME": str(tmp_path / "home")}
    command = [sys.executable, "-u", "-m", "dupimg", "review", str(output), "--cache=none"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=os.environ | names
    ) as process:
        address = next(
            found[0] for line in process.stdout if (found := re.search(r"http://\S+", line))
        )
        wait_for(told.exists)
        uri = told.read_text()
        link = Path(url2pathname(urlsplit(uri).path))
        assert address.split("/")[3] not in uri
        assert link.stat().st_mode & 0o777 == 0o600
        assert link.parent.stat().st_mode & 0o777 == 0o700
        with visits(browser) as visit:
            page = visit(uri)
            assert page.url.startswith(address)
            wait_for(lambda: not link.parent.exists())
        assert process.wait(timeout=30) == 0


def wait_for(condition) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_only_who_has_the_address_gets_in(browser, server):
    page = browser.new_context().new_page()
    wrong = server.address.replace(server.address.split("/")[3], "a" * 43)
    assert page.goto(wrong).status == 403
    assert page.goto(server.address + "../../../../etc/passwd").status == 403
    page.context.close()
