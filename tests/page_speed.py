"""Measure how fast the page of a large collection opens and scrolls: a browser must be there.

Run as ``python tests/page_speed.py [ROWS]``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from browser import launched
from sheets import many_rows, some_info

from dupimg.pages.contact_sheet import write_page

if TYPE_CHECKING:
    from playwright.sync_api import Page

VIEWS = ("summary", "duplicates", "scenes/all", "borderline", "files")

# Milliseconds between frames while 300 pixels a frame are scrolled, in order of size.
SCROLL = """() => new Promise((done) => {
    const times = [];
    let last = performance.now();
    const step = () => {
        const now = performance.now();
        times.push(now - last);
        last = now;
        scrollBy(0, 300);
        if (times.length < 240) requestAnimationFrame(step);
        else done(times.sort((a, b) => a - b));
    };
    requestAnimationFrame(step);
})"""


def seconds_to_open(page: Page, address: str) -> float:
    """Return the time until the first photos of a view are laid out."""
    page.goto("about:blank")
    start = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".line, .counts")
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    return time.perf_counter() - start


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder, launched() as browser:
        report = write_page(many_rows(count), Path(folder), some_info(Path("/photos")))
        print(f"{count:,} rows, {report.stat().st_size / 1e6:.1f} MB")
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for view in VIEWS:
            seconds = seconds_to_open(page, f"{report.as_uri()}#{view}")
            frames = page.evaluate(SCROLL)
            print(
                f"{view:<12} opens in {seconds:.2f} s; frames: median {frames[120]:.0f} ms, "
                f"95 of 100 within {frames[228]:.0f} ms"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
