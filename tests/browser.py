"""A real browser for the tests of pages, which lets nothing leave this machine unnoticed."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

# Chromium needs the first two as root in a container; the rest keep it from calling home.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
LOCAL = ("file:", "data:", "blob:", "http://127.0.0.1:")


@contextlib.contextmanager
def launched() -> Iterator[Browser]:
    """Launch the browser of this machine, or skip with the reason."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        pytest.skip("needs playwright: pip install -e '.[test]'")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        except Error as error:
            pytest.skip(f"needs a browser, such as Debian's chromium: {error.message}")
        with contextlib.closing(browser):
            yield browser


@contextlib.contextmanager
def visits(browser: Browser, ready: str = "#tabs a") -> Iterator[Callable[..., Page]]:
    """Yield a function that opens a page; at the end, assert that all was quiet.

    It takes an address and what Playwright's `new_context` takes. A page is ready when it has an
    element that the selector `ready` finds.
    """
    requests: list[str] = []
    errors: list[str] = []
    contexts = []

    def visit(address: str, **options: Any) -> Page:
        context = browser.new_context(**{"locale": "en-GB"} | options)
        contexts.append(context)
        context.on("request", lambda request: requests.append(request.url))
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: errors.append(error.stack or str(error)))
        page.goto(address)
        page.wait_for_selector(ready)
        return page

    yield visit
    for context in contexts:
        context.close()
    strangers = [url for url in requests if not url.startswith(LOCAL)]
    assert not strangers, strangers
    assert not errors, errors


def texts(locator: Locator) -> list[str]:
    """Return the texts of the elements that a selector finds, once the page has settled."""
    settle(locator.page)
    return [text.strip() for text in locator.all_inner_texts()]


def number_of(locator: Locator) -> int:
    """Return how many elements a selector finds, once the page has settled."""
    settle(locator.page)
    return locator.count()


def settle(page: Page) -> None:
    """Wait until the page shows where the last click led; Playwright's click ends before that."""
    page.evaluate(
        "() => new Promise((settled) => requestAnimationFrame(() => setTimeout(settled)))"
    )


def faults(page: Page) -> list[str]:
    """Return the serious and critical accessibility faults that axe-core finds."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def shows_its_icon(page: Page) -> bool:
    """Return whether a page has an icon within itself, which its security policy lets it show."""
    return page.evaluate(
        """() => new Promise((done) => {
            const image = new Image();
            image.onload = () => done(image.src.startsWith("data:"));
            image.onerror = () => done(false);
            image.src = document.querySelector("link[rel=icon]").href;
        })"""
    )
