"""What the app shows of a folder in which its review, a terminal or another window was at work."""

from __future__ import annotations

import pytest
from browser import faults, number_of, texts, visits
from files import make_files
from planned import row_of, write_planned
from test_app_page import heading, started

from dupimg import apply, undo
from dupimg.runs.journal import UNDOING, Journal, locked


@pytest.fixture
def output(tmp_path):
    make_files(tmp_path / "home/in", {"a.jpg": b"twin", "b.jpg": b"twin"})
    duplicate = {"keeper": "a.jpg", "cosine_to_keeper": 1.0}
    source, output = tmp_path / "home/in", tmp_path / "home/out"
    rows = [row_of(source, "a.jpg", "keep"), row_of(source, "b.jpg", "remove", **duplicate)]
    write_planned(source, output, rows)
    return output


def test_a_result_shows_what_was_done_elsewhere(output, tmp_path, browser):
    with started(tmp_path / "home") as app, visits(browser, "#heading") as visit:
        page = visit(f"{app.address}#/result?folder={output}")
        looked_again = "document.dispatchEvent(new Event('visibilitychange'))"
        heading(page, "Ready to look at")
        apply(output, process_mode="move", quiet=True)
        page.evaluate(looked_again)
        heading(page, "Done")
        undo(output, file="b.jpg", quiet=True)
        undo(output, quiet=True)
        page.evaluate(looked_again)
        heading(page, "Taken back")
        lines = texts(page.locator(".history li"))
        assert [line.split("\n")[:2] for line in lines[:3]] == [
            ["Took back · 1 file", "Done"],
            ["Brought single files back · 1 file", "Done"],
            ["Applied · 2 files", "Done"],
        ]
        assert faults(page) == []
        apply(output, quiet=True)
        with locked(output):
            with Journal(output) as journal:
                journal.mark_state(UNDOING)
            page.evaluate(looked_again)
            heading(page, "At work")
            assert number_of(page.get_by_role("button", name="Go on")) == 0
        heading(page, "Partly taken back")
        page.get_by_role("button", name="Go on").wait_for()
