"""Chromium, and pages in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser.visitor import Visit, Visitor

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """The machine's Chromium, without a window.

    For one test: while Playwright is there an event loop runs, and tests cannot have their own.
    """
    pytest.importorskip("pyte", reason="needs pyte")
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if found is None:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Visit]:
    """Opens a page in a browser profile of its own, which is closed after the test."""
    contexts = []

    def opened(url: str) -> Visitor:
        context = chromium.new_context(viewport={"width": 1200, "height": 700})
        contexts.append(context)
        return Visitor(context.new_page(), url)

    yield opened
    for context in contexts:
        context.close()
