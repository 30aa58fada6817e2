"""Settings hold at once, are kept when saved, and keys can be others."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console
from textual.widgets import Button, Footer, Input, Select

from core.workspace import Workspace
from htrans_tui.app.app import HTransApp
from htrans_tui.app.preferences import Preferences, read_preferences
from htrans_tui.app.screens.dialogs import RetrainDialog
from htrans_tui.app.screens.help import keys_table
from htrans_tui.app.screens.monitor import MonitorScreen
from htrans_tui.app.screens.settings import SettingsScreen
from htrans_tui.app.widgets.marks import CheckMark
from tests.support.pilot import open_monitor, text_of, until
from tests.support.still_life import still_life

SIZE = (140, 45)


@pytest.fixture
def still(tmp_path: Path) -> Workspace:
    return still_life(tmp_path)


def tick(app: HTransApp, name: str) -> CheckMark:
    return next(tick for tick in app.screen.query(CheckMark) if tick.name == name)


async def test_what_is_changed_holds_at_once_and_is_kept_when_saved(
    still: Workspace, tmp_path: Path
) -> None:
    path = tmp_path / "settings.toml"
    app = HTransApp(still, preferences=Preferences(path=path))
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        assert "val" not in text_of(app, "#column-titles").split()
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        app.screen.query_one("#theme", Select).value = "textual-light"
        tick(app, "validation").value = True
        tick(app, "trend").value = False
        app.screen.query_one("#refresh", Input).value = "0.5"
        await until(pilot, lambda: app.poller.interval == 0.5)
        await until(pilot, lambda: app.theme == "textual-light")
        app.screen.query_one("#go", Button).press()
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        await until(pilot, lambda: "val" in text_of(app, "#column-titles").split())
    kept = read_preferences(path)
    assert (kept.theme, kept.refresh) == ("textual-light", 0.5)
    assert kept.columns == ("positives", "loss", "validation", "weight", "f1", "test")


@pytest.mark.slow
async def test_leaving_lets_all_be_as_it_was(still: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    app = HTransApp(still, preferences=Preferences(path=path))
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        app.screen.query_one("#theme", Select).value = "textual-light"
        await until(pilot, lambda: app.theme == "textual-light")
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
        assert app.theme == "textual-dark"
    assert not path.exists()


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["", "x", "0", "99"])
async def test_a_refresh_rate_that_is_none_cannot_be_saved(still: Workspace, typed: str) -> None:
    app = HTransApp(still)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("comma")
        await until(pilot, lambda: isinstance(app.screen, SettingsScreen))
        app.screen.query_one("#refresh", Input).value = typed
        await until(pilot, lambda: "expected seconds" in text_of(app, "#problem"))
        assert app.screen.query_one("#go", Button).disabled
        assert app.poller.interval == Preferences().refresh


@pytest.mark.slow
async def test_other_keys_do_the_same_and_are_shown(still: Workspace) -> None:
    keys = {"monitor.retrain": "t,ctrl+r", "app.help": "h"}
    app = HTransApp(still, preferences=Preferences(keys=keys))
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("r")
        assert isinstance(app.screen, MonitorScreen), "r means nothing any more"
        shown = {key.key: key.action for key in app.screen.query_one(Footer).query("FooterKey")}  # type: ignore[attr-defined]
        assert shown["t"] == "retrain"
        assert "r" not in shown
        for key in ("t", "ctrl+r"):
            await pilot.press(key)
            await until(pilot, lambda: isinstance(app.screen, RetrainDialog))
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(app.screen, MonitorScreen))
    console = Console(width=120)
    with console.capture() as capture:
        console.print(keys_table(keys, "monitor"))
    assert "  t, ctrl+r" in capture.get()


async def test_exchanged_keys_mean_each_other(still: Workspace) -> None:
    keys = {"monitor.next_sort": "d", "monitor.next_tab": "s"}
    app = HTransApp(still, preferences=Preferences(keys=keys))
    async with app.run_test(size=SIZE) as pilot:
        await open_monitor(app, pilot)
        await pilot.press("d")
        await until(pilot, lambda: "worst F1 first" in text_of(app, "#shown"))
