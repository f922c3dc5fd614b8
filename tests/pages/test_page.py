from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from browser import faults, number_of, shows_its_icon, texts, visits
from sheets import HOSTILE, duplicate, make_sheet, many_rows, photo, some_info, some_rows

from dupimg.cli.main import main
from dupimg.messages import as_text, message, quoted
from dupimg.pages.contact_sheet import write_page
from dupimg.plans.counts import Counts
from dupimg.plans.reasons import both, by_hand_reason, failed_reason, kept_reason, removed_reason
from dupimg.plans.report import read_report
from dupimg.plans.rows import KEEP, LEAVE, OTHER, REMOVE, Row

ACTIONS = (KEEP, REMOVE, OTHER)
VIEWS = ("summary", "duplicates", "scenes", "borderline", "files")


@pytest.fixture
def visit(browser):
    with visits(browser) as visit:
        yield visit


@pytest.fixture(scope="module")
def rows():
    return some_rows()


@pytest.fixture(scope="module")
def sheet(rows, tmp_path_factory):
    return make_sheet(tmp_path_factory.mktemp("planned"), rows).as_uri()


def names_by_block(page) -> dict[str, list[str]]:
    """Return the photos of each block in view, by its title."""
    blocks: dict[str, list[str]] = {}
    for title, labels in page.evaluate(
        """() => [...document.querySelectorAll(".segment ul")].map((list) => [
            list.getAttribute("aria-label"),
            [...list.querySelectorAll(".photo")].map((photo) => photo.ariaLabel)])"""
    ):
        names = [re.split(", (?=Keep|Kept|Remove|Leave|Left)", label)[0] for label in labels]
        blocks.setdefault(title, []).extend(names)
    return blocks


def focused(page) -> str:
    return page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''").split(", ")[0]


def loaded(page, selector: str) -> list[bool]:
    page.wait_for_function(
        "(selector) => [...document.querySelectorAll(selector)].every((image) => image.complete)",
        arg=selector,
    )
    return page.locator(selector).evaluate_all("images => images.map(i => i.naturalWidth > 0)")


def test_the_summary_counts_the_rows(visit, sheet, rows):
    page = visit(sheet)
    kept = sum(row.action == KEEP for row in rows)
    removed = sum(row.action == REMOVE for row in rows)
    assert texts(page.locator(".count strong")) == [str(len(rows)), str(kept), str(removed), "2"]
    assert "150\xa0kB of duplicates" in page.locator(".count.remove").inner_text()
    assert "4 scenes" in page.locator(".count.keep").inner_text()
    note = "The rule “verified” would have removed 1 more photo and spared 0."
    assert page.locator(".notes").inner_text() == note
    assert shows_its_icon(page)
    assert texts(page.locator(".tabs .tally")) == ["2", "4", "3", "12"]


def test_what_failed_is_counted_apart(visit, rows, tmp_path):
    why = quoted("No space left on device")
    bad = [
        replace(row, destination="", failed=True, reason=failed_reason("copy", why, row.reason))
        if row.path in ("rocket.jpg", "cat/other.jpg")
        else row
        for row in rows
    ]
    page = visit(make_sheet(tmp_path, bad, "applied").as_uri())
    counts = [int(text) for text in texts(page.locator(".count strong"))]
    assert counts == [12, 6, 2, 2, 2]
    assert counts[0] == sum(counts[1:])
    scenes = Counts.of(bad).scenes
    assert f"{scenes} scenes" in page.locator(".count.keep").inner_text()
    assert scenes == 3
    page.goto(page.url.split("#")[0] + "#scenes/all")
    assert len(texts(page.locator(".segment h3"))) == 3
    page.go_back()
    assert page.locator(".count.failed .about").inner_text() == "left where they were"
    page.locator(".count.failed").click()
    assert sorted(texts(page.locator(".file .name"))) == ["other.jpg", "rocket.jpg"]
    assert set(texts(page.locator(".file .badge"))) == {"Failed"}
    assert page.locator(".file .why").first.inner_text().startswith("NOT copied: No space left")
    assert all(loaded(page, ".file img"))


def test_scenes_are_counted_as_the_command_counts_them(visit, rows, tmp_path):
    left = [replace(row, action="leave") if row.path == "rocket.jpg" else row for row in rows]
    page = visit(write_page(left, tmp_path, some_info(tmp_path)).as_uri())
    scenes = Counts.of(left).scenes
    assert f"{scenes} scenes" in page.locator(".count.keep").inner_text()
    assert scenes == 3


def test_the_histogram_counts_every_photo_and_marks_both_thresholds(visit, sheet, rows):
    page = visit(sheet)
    page.wait_for_selector(".column", state="attached")
    bars = page.locator(".histogram title").all_text_contents()
    counts = [int(re.search(r": (\d+) photo", bar)[1]) for bar in bars]
    assert sum(counts) == sum(row.nearest_cosine is not None for row in rows)
    assert counts[-1] == 3  # 0.9991 twice and 1
    assert number_of(page.locator(".column.reached")) == 2  # with photos that are removed
    names = page.locator(".threshold-name").all_text_contents()
    assert names == ["Scenes 70 %", "Duplicates 95 %"]


def test_each_threshold_goes_by_the_cosine_of_its_embedding(visit, rows, tmp_path):
    cosines = {"left.jpg": 0.9, "right.jpg": 0.9, "rocket.jpg": 0.6951, "cat/best.png": 0.6951}
    near = {"rocket.jpg": "left.jpg", "cat/best.png": "rocket.jpg"}
    known = [
        replace(
            row,
            nearest_scene_cosine=cosines.get(row.path),
            nearest_in_scene=near.get(row.path, ""),
        )
        for row in rows
    ]
    page = visit(write_page(known, tmp_path, some_info(tmp_path)).as_uri())
    assert number_of(page.locator(".histogram")) == 2
    page.wait_for_selector(".threshold-name")
    names = page.locator(".threshold-name").all_text_contents()
    assert names == ["Duplicates 95 %", "Scenes 70 %"]
    labels = page.locator(".histogram").evaluate_all("charts => charts.map(c => c.ariaLabel)")
    assert labels == [
        "Histogram of 9 photos by how alike they are to the nearest photo. 4 reach 95 %, the "
        "threshold for duplicates.",
        "Histogram of 4 photos by how alike they are to the nearest photo. 2 reach 70 %, the "
        "threshold for scenes.",
    ]
    page.goto(page.url + "#borderline/scenes")
    page.wait_for_selector(".tile")
    # Beside each the photo that it was compared with.
    assert names_by_block(page) == {
        "69.5 % alike": ["rocket.jpg", "cat/best.png", "left.jpg", "rocket.jpg"]
    }


def test_the_words_of_histograms_are_as_large_as_others_on_every_screen(visit, rows, tmp_path):
    known = [replace(row, nearest_scene_cosine=row.nearest_cosine) for row in rows]
    page = visit(write_page(known, tmp_path, some_info(tmp_path)).as_uri())
    for width in (390, 1100, 1280, 1440, 2560):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(
            """() => [...document.querySelectorAll(".histogram")].every(
                (chart) => Math.abs(chart.getScreenCTM().a - 1) < 0.001 && chart.children.length)"""
        )
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_every_duplicate_group_shows_its_keeper_first(visit, sheet):
    page = visit(f"{sheet}#duplicates")
    assert names_by_block(page) == {
        "Group 1": ["cat/best.png", "cat/copy.jpg", "cat/other.jpg"],
        "Group 2": ["coffee.heic", "tasse/咖啡.jpg"],
    }
    tile = page.locator(".tile", has_text="other.jpg")
    for text in ("Remove", "96 % alike", "451 × 300", "50\xa0kB", "1 May 2024, 10:02:00", "cat"):
        assert text in tile.inner_text()
    assert "near duplicate; the keeper has more bytes" in tile.inner_text()
    assert "Keeper" in page.locator(".tile", has_text="best.png").inner_text()
    assert all(loaded(page, ".tile img"))


def test_scenes_are_strips_in_order_of_time_without_duplicates(visit, sheet):
    page = visit(f"{sheet}#scenes")
    assert names_by_block(page) == {
        "Scene 1": ["cat/best.png", "cat/asleep.jpg"],
        "Scene 2": ["right.jpg", "left.jpg"],
    }
    assert texts(page.locator(".copies")) == ["+2"]
    page.get_by_role("link", name="Single photos").click()
    assert list(names_by_block(page)) == ["Scene 3", "Scene 4"]


def test_borderline_shows_each_pair_once_least_certain_first(visit, sheet):
    page = visit(f"{sheet}#borderline")
    assert names_by_block(page) == {
        "96.1 % alike": ["cat/best.png", "cat/other.jpg"],
        "94.4 % alike": ["cat/asleep.jpg"],
        "71 % alike": ["left.jpg"],
    }
    assert texts(page.locator(".filters .tally")) == ["3", "1", "1", "1"]


def test_unreadable_files_and_companions_are_listed_with_the_reason(visit, sheet):
    page = visit(f"{sheet}#files/unreadable")
    assert texts(page.locator(".file .name")) == ["half.jpg", "notes.txt"]
    assert texts(page.locator(".file .why")) == ["truncated JPEG", "not a picture"]
    page.get_by_role("link", name="Companions").click()
    assert texts(page.locator(".file .why")) == ["sidecar, goes with left.jpg"]
    assert texts(page.locator(".filters .tally")) == ["12", "7", "3", "2", "1"]


def test_the_list_of_files_counts_as_the_summary_does(visit, rows, tmp_path):
    goes = replace(rows[-1], path="other.xmp", action=REMOVE, companion_of="cat/other.jpg")
    left = replace(rows[-1], path="asleep.xmp", action=LEAVE, companion_of="cat/asleep.jpg")
    page = visit(make_sheet(tmp_path, [*rows, goes, left]).as_uri())
    counted = texts(page.locator(".count strong"))
    assert counted == ["14", "7", "4", "2", "1"]
    page.get_by_role("navigation").get_by_role("link", name="Files").click()
    found, kept, removed, left, *_ = texts(page.locator(".filters .tally"))
    assert [found, kept, removed, left] == [*counted[:3], counted[4]]
    page.get_by_role("link", name="Kept").click()
    assert "left.xmp" in texts(page.locator(".file .name"))


@pytest.mark.parametrize("locale", ["en-US", "zh-CN"])
def test_how_many_copies_a_narrow_photo_has_is_told_in_full(visit, rows, tmp_path, locale):
    narrow = [replace(row, width=600, height=1000) for row in rows if row.scene is not None]
    sheet = make_sheet(tmp_path, narrow).as_uri()
    page = visit(f"{sheet}#scenes/all", locale=locale, viewport={"width": 390, "height": 844})
    copies = page.locator(".copies")
    assert texts(copies) == ["+2", "+1"]
    for badge in copies.all():
        right = badge.evaluate("it => it.getBoundingClientRect().right")
        assert right <= badge.evaluate("it => it.closest('li').getBoundingClientRect().right")
    alone = page.locator(".strip-photo", has=page.locator('[aria-label^="rocket.jpg"]'))
    assert re.search(r"\b1?\d:08:00", alone.inner_text())


def test_the_search_filters_every_view_and_its_counts(visit, sheet):
    page = visit(f"{sheet}#duplicates")
    page.keyboard.press("/")
    page.keyboard.type("咖啡")
    assert list(names_by_block(page)) == ["Group 2"]
    assert texts(page.locator(".tabs .tally")) == ["1", "0", "0", "1"]
    page.fill("#search", "CAT jpg")
    assert texts(page.locator(".tabs .tally")) == ["1", "1", "2", "3"]
    page.fill("#search", "nowhere")
    assert page.locator("#nothing").inner_text() == "Nothing matches this search."
    page.fill("#search", "")
    assert len(names_by_block(page)) == 2


def test_a_search_from_the_summary_lists_files(visit, sheet):
    page = visit(sheet)
    page.fill("#search", "left")
    page.wait_for_selector(".file")
    assert texts(page.locator(".file .name")) == ["left.jpg", "left.xmp"]


def test_groups_can_be_ordered_by_likeness_and_by_bytes(visit, tmp_path):
    rows = []
    for number, cosine, size in ((1, 0.99, 10), (2, 0.96, 20), (3, 0.97, 30)):
        best = photo(f"{number}.jpg", "rocket.jpg", number, number, duplicate_group=number)
        copy = duplicate(
            f"{number}b.jpg",
            "rocket.jpg",
            number,
            number,
            best.path,
            cosine_to_keeper=cosine,
            bytes=size,
            duplicate_group=number,
        )
        rows += [best, copy]
    page = visit(write_page(rows, tmp_path, some_info(tmp_path)).as_uri() + "#duplicates")
    assert list(names_by_block(page)) == ["Group 1", "Group 2", "Group 3"]
    page.select_option(".filters select", "likeness")
    assert list(names_by_block(page)) == ["Group 2", "Group 3", "Group 1"]
    page.select_option(".filters select", "bytes")
    assert list(names_by_block(page)) == ["Group 3", "Group 2", "Group 1"]


def test_keys_go_from_photo_to_photo_and_into_the_large_view(visit, sheet):
    page = visit(f"{sheet}#duplicates")
    visited = []
    for key in ("j", "ArrowRight", "ArrowRight", "ArrowRight", "k", "Home", "End", "ArrowLeft"):
        page.keyboard.press(key)
        visited.append(focused(page))
    assert visited == [
        "cat/best.png",
        "cat/copy.jpg",
        "cat/other.jpg",
        "coffee.heic",
        "cat/other.jpg",
        "cat/best.png",
        "tasse/咖啡.jpg",
        "coffee.heic",
    ]
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    assert number_of(viewer.locator("figure")) == 1  # a keeper alone
    page.keyboard.press("ArrowLeft")
    assert viewer.locator(".viewer-head h2").inner_text() == "other.jpg"
    page.keyboard.press("Escape")
    page.wait_for_selector("#viewer:empty", state="attached")
    assert focused(page) == "cat/other.jpg"


def test_arrows_up_and_down_go_to_the_photo_above_and_below(visit, sheet):
    page = visit(f"{sheet}#duplicates", viewport={"width": 480, "height": 800})
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert focused(page) == "cat/other.jpg"  # alone on the second line of its group
    page.keyboard.press("ArrowDown")
    assert focused(page) == "coffee.heic"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert focused(page) == "cat/best.png"


def test_side_by_side_shows_both_photos_and_stresses_what_differs(visit, sheet):
    page = visit(f"{sheet}#duplicates")
    page.get_by_role("button", name="cat/other.jpg").click()
    assert texts(page.locator("figcaption .name")) == ["best.png", "other.jpg"]
    assert loaded(page, ".stage img") == [True, True]
    differs = texts(page.locator("td.differs"))
    assert {"200\xa0kB", "50\xa0kB"} <= set(differs)
    assert "451 × 300 (0.135 MP)" not in differs
    evidence = [texts(page.locator(f"td.{name}")) for name in ("overlap", "difference", "details")]
    assert evidence == [["–", "64 %"], ["–", "0.2 %"], ["–", "41"]]
    page.keyboard.press("s")
    assert texts(page.locator("figcaption .name")) == ["other.jpg"]


@pytest.mark.parametrize("width", [390, 1280, 1440])
def test_every_number_stands_under_its_heading(visit, sheet, width):
    page = visit(f"{sheet}#duplicates", viewport={"width": width, "height": 800})
    page.get_by_role("button", name="cat/other.jpg").click()
    cells = page.locator(".facts tr").evaluate_all(
        """rows => rows.map(row => [...row.cells].filter(cell => cell.checkVisibility())
        .reduce((sum, cell) => sum + cell.colSpan, 0))"""
    )
    assert len(cells) > 2
    assert len(set(cells)) == 1


def test_a_photo_that_browsers_cannot_show_is_seen_as_thumbnail(visit, sheet):
    page = visit(f"{sheet}#scenes/single")
    page.get_by_role("button", name="coffee.heic").click()
    assert loaded(page, ".stage img") == [True]
    assert ".dupimg/thumbs" in page.locator(".stage img").get_attribute("src")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Return the output folder of the demo."""
    folder = tmp_path_factory.mktemp("demo")
    assert main(["demo", str(folder), "--quiet"]) == 0
    return folder / "sorted"


@pytest.fixture(scope="module")
def copies(shared_photos, tmp_path_factory):
    """Return the output folder of real photos and copies of them."""
    folder = tmp_path_factory.mktemp("copies") / "out"
    command = ["organize", str(shared_photos / "copies"), str(folder), "--quiet", "--cache=none"]
    assert main(command) == 0
    return folder


@pytest.mark.parametrize("run", ["demo", "copies"])
def test_a_real_run_is_shown_as_its_report_says(visit, run, request):
    output = request.getfixturevalue(run)
    rows = read_report(output / "report.csv")
    page = visit((output / "report.html").as_uri())
    counts = [len(rows), *(sum(row.action == action for row in rows) for action in ACTIONS)]
    assert texts(page.locator(".count strong")) == [str(count) for count in counts]
    page.get_by_role("link", name="Duplicates").first.click()
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row.duplicate_group is not None and not row.companion_of:
            groups.setdefault(f"Group {row.duplicate_group}", []).append(row.path)
    shown: dict[str, set[str]] = {}
    for top in range(0, page.evaluate("document.documentElement.scrollHeight"), 400):
        page.evaluate(f"scrollTo(0, {top})")
        page.evaluate("() => new Promise(requestAnimationFrame)")
        for title, names in names_by_block(page).items():
            shown.setdefault(title, set()).update(names)
        assert all(loaded(page, ".tile img"))
    assert shown == {title: set(names) for title, names in groups.items()}
    page.keyboard.press("j")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert loaded(page, ".stage img") == [True, True]
    sources = page.locator(".stage img").evaluate_all("images => images.map(i => i.src)")
    assert ["processed" in source for source in sources] == [True, False]


def visible_photo(page) -> str:
    return page.locator(".flicker figure:not(.behind) .name").inner_text()


def test_flicker_shows_both_photos_in_turn_by_itself(visit, sheet):
    page = visit(f"{sheet}#duplicates")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("f")
    seen = {visible_photo(page)}
    for _ in range(8):
        page.wait_for_timeout(150)
        seen.add(visible_photo(page))
    assert seen == {"best.png", "copy.jpg"}
    page.get_by_role("button", name="Pause").click()
    paused = visible_photo(page)
    page.wait_for_timeout(700)
    assert visible_photo(page) == paused


def test_flicker_waits_for_a_key_where_motion_is_to_be_reduced(visit, sheet):
    page = visit(f"{sheet}#duplicates", reduced_motion="reduce")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("f")
    page.wait_for_timeout(700)
    assert visible_photo(page) == "copy.jpg"
    page.keyboard.press(" ")
    assert visible_photo(page) == "best.png"


def test_photos_of_an_applied_run_are_shown_where_they_are_now(visit, rows, tmp_path):
    page = visit(make_sheet(tmp_path, rows, "applied").as_uri() + "#duplicates")
    page.get_by_role("button", name="cat/other.jpg").click()
    assert loaded(page, ".stage img") == [True, True]
    sources = page.locator(".stage img").evaluate_all("images => images.map(i => i.src)")
    assert "/out/processed/" in sources[0]
    assert "/out/remove/" in sources[1]


def test_photos_without_thumbnail_show_their_kind(visit, rows, tmp_path):
    page = visit(write_page(rows, tmp_path, some_info(tmp_path)).as_uri() + "#duplicates")
    page.wait_for_selector(".no-picture")
    assert set(texts(page.locator(".tile .no-picture"))) == {"PNG", "JPG", "HEIC"}


@pytest.mark.parametrize(("locale", "word"), [("en-US", "1 video"), ("zh-CN", "1 个视频")])
def test_videos_stand_among_the_photos_of_their_scene(browser, rows, tmp_path, locale, word):
    first = next(row for row in rows if row.path == "rocket.jpg")
    best = replace(first, reason=both(kept_reason(0), message("reason.best_shot", count=2)))
    film = replace(
        first, path="film.mp4", width=None, height=None, video=True, digest="f" * 64,
        destination=first.destination.replace(".jpg", "-2.mp4"), nearest_cosine=None,
        nearest_scene_cosine=None, compared_with="", verdict="",
        reason=both(message("reason.video"), kept_reason(0)),
    )  # fmt: skip
    shown = [best if row is first else row for row in rows] + [film]
    address = write_page(shown, tmp_path, some_info(tmp_path)).as_uri()
    with visits(browser) as visit:
        page = visit(address, locale=locale)
        assert word in page.locator(".count.found").inner_text()
        page.goto(f"{address}#scenes/all")
        assert word in " ".join(texts(page.locator(".about.numbers")))
        assert number_of(page.locator(".strip-photo .best")) == 1
        page.goto(f"{address}#files/videos")
        assert texts(page.locator(".file .name")) == ["film.mp4"]
        assert texts(page.locator(".file .no-picture")) == ["MP4"]
        page.locator(".file .photo").click()
        page.wait_for_selector("#viewer figure")
        assert number_of(page.locator("#viewer figcaption a")) == 1


def test_hostile_names_are_shown_as_text(visit, tmp_path):
    rows = [photo(name, "rocket.jpg", 1, n) for n, name in enumerate(HOSTILE)]
    page = visit(write_page(rows, tmp_path, some_info(tmp_path)).as_uri() + "#files")
    assert page.title() == f"Files · {tmp_path.name} · dupimg"
    shown = texts(page.locator(".file .name"))
    assert "<img src=x onerror=\"document.title='owned'\">.jpg" in shown
    assert "'\"&amp;{title}$script.jpg" in shown
    assert "line␊break\ufffd and \ufffdgpj.exe" in shown
    assert "no utf-8 \ufffd.jpg" in shown
    page.get_by_role("button", name="no utf-8").click()
    address = page.get_by_role("link", name="Open file").get_attribute("href")
    assert address.endswith("no%20utf-8%20%ff.jpg")
    assert number_of(page.locator("img[src=x]")) == 0


def test_the_end_of_a_long_name_stays_in_sight(visit, tmp_path):
    name = "a name that is far too long for a phone " * 3
    rows = [photo(f"{name} ({n}).jpg", "rocket.jpg", 1, n) for n in (1, 2)]
    address = write_page(rows, tmp_path, some_info(tmp_path)).as_uri()
    page = visit(f"{address}#files", viewport={"width": 390, "height": 844})
    shown = page.locator(".file .name")
    assert [text.endswith(f"({n}).jpg") for n, text in enumerate(texts(shown), 1)] == [
        True,
        True,
    ]
    inside, ends = (
        shown.first.evaluate(
            """(name, part) => {
              const range = document.createRange();
              range.selectNodeContents(part ? name.lastChild : name);
              return (part ? range : name).getBoundingClientRect().right;
            }""",
            part,
        )
        for part in (False, True)
    )
    assert ends <= inside
    assert page.locator(".name-start").first.evaluate("e => e.scrollWidth > e.clientWidth")


def test_a_link_to_the_summary_shows_its_top(visit, sheet):
    page = visit(f"{sheet}#summary", viewport={"width": 800, "height": 400})
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_view_has_a_serious_accessibility_fault(visit, sheet, theme):
    page = visit(sheet, color_scheme=theme)
    for view in VIEWS:
        page.goto(f"{sheet}#{view}")
        page.wait_for_selector(f'#tabs a[href="#{view}"][aria-current]')
        assert faults(page) == [], view
    page.goto(f"{sheet}#duplicates")
    page.keyboard.press("?")
    assert faults(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("button", name="cat/other.jpg").click()
    for mode in ("s", "f"):
        page.keyboard.press(mode)
        assert faults(page) == []


@pytest.mark.parametrize("width", [360, 800, 1440])
def test_no_view_is_wider_than_the_screen(visit, sheet, width):
    page = visit(sheet, viewport={"width": width, "height": 800})
    for view in VIEWS:
        page.goto(f"{sheet}#{view}")
        page.wait_for_selector(f'#tabs a[href="#{view}"][aria-current]')
        assert page.evaluate("document.documentElement.scrollWidth") == width, view


def test_chinese_readers_get_chinese_and_anyone_can_switch(visit, sheet):
    page = visit(sheet, locale="zh-CN")
    tabs = page.locator("#tabs").inner_text()
    assert "".join(tabs.split()) == "概览重复照片2场景4临界3文件12"
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    page.get_by_role("button", name="English").click()
    assert page.locator("#view-title").inner_text() == "Summary"
    page.reload()
    assert page.locator("#view-title").inner_text() == "Summary"


MORE_PIXELS = message("reason.more_pixels")
REASONS = (
    by_hand_reason(KEEP, REMOVE, kept_reason(1200)),
    failed_reason("copy", quoted("File exists"), removed_reason(MORE_PIXELS, same_bytes=False)),
    message("reason.truncated", kind="JPEG", why=as_text("unheard of; \u202e\u2069")),
    None,
)


def test_reasons_and_notes_are_told_in_both_languages(visit, tmp_path):
    rows = [
        Row(f"{n:02}.bin", OTHER, digest=f"{n:064}", reason=reason)
        for n, reason in enumerate(REASONS)
    ]
    page = visit(
        write_page(rows, tmp_path, some_info(tmp_path)).as_uri() + "#files",
        locale="zh-CN",
        viewport={"width": 1200, "height": 3000},
    )
    strange = "unheard of; \ufffd\ufffd"  # what turns or ends a line of text is made visible
    assert texts(page.locator(".file .why")) == [
        "手动改为保留（原为移除）：1,200 张重复照片的保留者",
        "未能复制：文件已存在；与保留者相似；保留者像素更多",
        f"JPEG 不完整：{strange}",
        "",
    ]
    # Words that nobody has translated are said in English by a screen reader.
    assert texts(page.locator(".file .why [lang=en]")) == [strange]
    page.goto(page.url.replace("#files", "#summary"))
    note = "若用“证实”规则，会多移除 1 张照片，少移除 0 张。"
    assert page.locator(".notes").inner_text() == note
    page.get_by_role("button", name="English").click()
    page.goto(page.url.replace("#summary", "#files"))
    assert texts(page.locator(".file .why"))[:3] == [
        *map(str, REASONS[:2]),
        f"truncated JPEG: {strange}",
    ]
    assert number_of(page.locator(".file .why [lang=en]")) == 0


def test_the_theme_is_that_of_the_system_until_it_is_chosen(visit, sheet):
    page = visit(sheet, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_role("button", name="Light or dark").click()
    light = page.evaluate(ground)
    assert dark != light
    page.reload()
    page.wait_for_function(f"light => {ground} === light", arg=light)


def test_20000_photos_are_scrolled_to_the_end_with_few_of_them_in_the_page(visit, tmp_path):
    sheet = write_page(many_rows(20_000), tmp_path, some_info(Path("/photos"))).as_uri()
    page = visit(f"{sheet}#files")
    count = "document.querySelectorAll('*').length"
    most = page.evaluate(count)
    for part in (0.1, 0.35, 0.6, 0.85, 1):
        page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {part})")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        assert page.locator(".file").count() > 5
        most = max(most, page.evaluate(count))
    assert most < 2000
    assert page.locator(".file .name").last.inner_text() == "019999.jpg"
    assert page.locator("[role=listitem]").last.get_attribute("aria-posinset") == "20000"
    page.keyboard.press("k")
    page.keyboard.press("End")
    assert focused(page) == "019999.jpg"
    page.keyboard.press("Home")
    assert focused(page) == "000000.jpg"
