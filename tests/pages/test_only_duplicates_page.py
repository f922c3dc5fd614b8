"""The pages of a run that removes duplicates and sorts nothing into scenes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from browser import faults, visits
from files import make_files
from planned import row_of, write_planned
from sheets import make_sheet, some_info, some_rows
from test_review_page import reviewed

from dupimg.pages.contact_sheet import write_page


@pytest.fixture
def visit(browser):
    with visits(browser) as visit:
        yield visit


@pytest.mark.parametrize("only", [None, "duplicates"])
def test_no_view_speaks_of_what_there_is_not(visit, tmp_path, only):
    make_sheet(tmp_path, some_rows())
    info = replace(some_info(tmp_path / "ein photo#1 50%"), only=only)
    page = visit(write_page(some_rows(), tmp_path / "out", info).as_uri())
    shown = ""
    for view in ("summary", "duplicates", "borderline", "files", "scenes"):
        page.evaluate(f"location.hash = '#{view}'")
        page.wait_for_function(f"document.querySelector('[aria-current=page]').hash === '#{view}'"
                               if only is None or view != "scenes" else "true")  # fmt: skip
        shown += page.inner_text("body")
    page.evaluate("location.hash = '#files'")
    page.locator(".photo").first.click()
    shown += page.inner_text("dialog[open]")
    found = [line for line in shown.splitlines() if "scene" in line.lower()]
    assert bool(found) == (only is None), found
    assert faults(page) == []


def test_only_what_went_can_come_back(browser, tmp_path):
    source, output = tmp_path / "in", tmp_path / "out"
    make_files(source, {"a.jpg": b"twin", "b.jpg": b"twin"})
    duplicate = row_of(source, "b.jpg", "remove", keeper="a.jpg", cosine_to_keeper=1.0)
    rows = [row_of(source, "a.jpg", "keep"), duplicate]
    write_planned(source, output, rows, settings={"only": "duplicates"})
    with reviewed(output) as server, visits(browser) as visit:
        page = visit(server.address)
        page.get_by_role("button", name="Apply").click()
        sheet = page.get_by_role("dialog")
        sheet.get_by_text("Move", exact=True).click()
        sheet.get_by_role("button", name="Apply").click()
        sheet.get_by_role("button", name="Bring single files back").click()
        page.get_by_role("button", name="Bring back").click()  # the only one
        sheet.get_by_role("heading", name="1 file is back where it was").wait_for()
        assert (source / "b.jpg").exists()
