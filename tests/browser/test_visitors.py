"""The app in a browser: look, classify, save, steer where allowed, several visitors at once."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.browser.visitor import Visit
from tests.support.endless_run import endless_run, still_goes_on
from tests.support.serving import serving
from tests.support.trained import Trained

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def test_visitors_look_and_classify_and_steer_nothing(
    visit: Visit, trained: Trained, tmp_path: Path
) -> None:
    with serving(tmp_path, trained.workspace) as at:
        one, other = visit(at.url), visit(at.url)
        other.shows("small", "● done", "q Quit")
        one.shows("small", "● done", "q Quit")
        one.keys("Enter")
        screen = one.shows("small · htrans · done 7/7", "· read-only", "animals", "d Details")
        assert "p Pause" not in screen
        assert "r Retrain" not in screen
        one.keys("p", "c")
        one.shows("Ready")
        one.text("apple juice and a pear peel on a plate, taste")
        one.shows("food Food", "fruit Fruit", "most attended words of fruit")
        assert "c Classify" in other.screen(), "the other visitor is where they were"
        one.keys("Escape")
        one.shows("small · htrans · done 7/7")
        other.keys("?")
        other.shows("List all keys")
        for visitor in (one, other):
            assert visitor.complaints == []
            assert all(asked.startswith((at.url, "data:")) for asked in visitor.asked_for)
        with one.page.expect_download() as saved:
            one.keys("w")
        assert "animals" in Path(saved.value.path()).read_text()
        processes = [*at.apps(), *(c for app in at.apps() for c in app.children(recursive=True))]
        other.page.close()
        one.keys("q")
        one.page.get_by_text("The app has ended").wait_for()
        assert psutil.wait_procs(processes, timeout=10)[1] == []
        one.page.get_by_role("button", name="Reopen").click()
        one.shows("small", "● done")
        assert at.end() == (0, "")
    assert not os.path.lexists(tmp_path / "state"), "visits leave nothing behind"


def test_a_visitor_who_may_steer_pauses_a_run_that_outlives_the_visit(
    visit: Visit, own_copy: Workspace, tmp_path: Path
) -> None:
    endless_run(own_copy, "watched")
    store = Store(own_copy.database)
    with serving(tmp_path, own_copy, "--allow-steering") as at:
        one, other = visit(at.url), visit(at.url)
        one.shows("watched", "running", "p Pause")
        one.keys(*["ArrowUp"] * 3, "Enter")
        one.shows("watched", "/9999", "docs/s")
        one.keys("p")
        one.shows("paused", "no workers")
        assert store.value("SELECT state FROM runs WHERE name = 'watched'") == "paused"
        other.shows("watched", "paused")
        for width, height in ((500, 300), (1600, 1000), (200, 100), (1200, 700)):
            before = one.size()
            one.page.set_viewport_size({"width": width, "height": height})
            one.until(lambda _, before=before: one.size() != before)  # type: ignore[misc]
        one.keys("p")
        one.shows("running", "docs/s")
        apps = at.apps()
        one.page.close()
        other.page.close()
        assert psutil.wait_procs(apps, timeout=10)[1] == []
        assert at.end() == (0, "")
    still_goes_on(own_copy, "watched")
