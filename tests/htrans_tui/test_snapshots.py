"""What the screens look like, compared picture by picture with what was approved."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import pytest
from textual.pilot import Pilot

from htrans_tui.app import HTransApp
from htrans_tui.screens.monitor import MonitorScreen
from tests.htrans_tui.still_life import still_life
from tests.htrans_tui.test_app import open_monitor, text_of, until

SIZES = [(80, 24), (120, 40)]


class Compare(Protocol):
    def __call__(
        self, app: HTransApp, *, terminal_size: tuple[int, int], run_before: object
    ) -> bool: ...


def app_in(folder: Path, theme: str = "textual-dark") -> HTransApp:
    app = HTransApp(still_life(folder))
    app.theme = theme
    app.animation_level = "none"
    return app


@pytest.mark.parametrize("size", SIZES)
def test_runs(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = app_in(tmp_path)

    async def before(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(app.snapshot.runs))

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light"])
@pytest.mark.parametrize("size", SIZES)
def test_monitor(snap_compare: Compare, tmp_path: Path, size: tuple[int, int], theme: str) -> None:
    app = app_in(tmp_path, theme)

    async def before(pilot: Pilot[None]) -> None:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "class weight 1" in text_of(app, "#loss-title"))

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_class_weights(snap_compare: Compare, tmp_path: Path, size: tuple[int, int]) -> None:
    app = app_in(tmp_path)

    async def before(pilot: Pilot[None]) -> None:
        await open_monitor(app, pilot)
        await until(pilot, lambda: "class weight 1" in text_of(app, "#loss-title"))
        assert isinstance(app.screen, MonitorScreen)
        await pilot.press("d")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_help(snap_compare: Compare, tmp_path: Path) -> None:
    app = app_in(tmp_path)

    async def before(pilot: Pilot[None]) -> None:
        await until(pilot, lambda: bool(app.snapshot.runs))
        await pilot.press("question_mark")

    assert snap_compare(app, terminal_size=(80, 40), run_before=before)
