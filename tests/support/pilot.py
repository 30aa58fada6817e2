"""Helpers that drive the app through Textual's pilot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.notifications import Notifications
from textual.pilot import Pilot
from textual.widgets import DataTable, Input, Static

from htrans_tui.app.app import HTransApp
from htrans_tui.app.screens.dialogs import TextDialog
from htrans_tui.app.screens.monitor import MonitorScreen
from htrans_tui.app.widgets.category_table import CategoryTable


async def until(pilot: Pilot[None], condition: Callable[[], bool], seconds: float = 30) -> None:
    """Wait until the app shows what is expected."""
    for _ in range(int(seconds / 0.05)):
        await pilot.pause()
        if condition():
            return
        await asyncio.sleep(0.05)
    pytest.fail("the app never showed what was expected")


def text_of(app: HTransApp, selector: str) -> str:
    return str(app.screen.query_one(selector, Static).render())


def tree_rows(app: HTransApp) -> list[str]:
    table = app.screen.query_one(CategoryTable)
    return [table.line(number) for number in range(len(table.rows))]


async def open_monitor(app: HTransApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: bool(app.snapshot.runs))
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, MonitorScreen) and bool(tree_rows(app)))


def found(app: HTransApp) -> list[str]:
    """The rows of the classifier's result: category and whether it accepts."""
    table = app.screen.query_one("#result", DataTable)
    rows = [table.get_row_at(number) for number in range(table.row_count)]
    return [f"{row[0]} {str(row[1])[0]}".rstrip() for row in rows]


def notifications(app: HTransApp) -> Notifications:
    """Notifications on the screen; Textual has no public access."""
    return app._notifications


def written(app: HTransApp) -> str:
    """What the app has said last."""
    return [note.message for note in notifications(app)][-1]


async def write_to(app: HTransApp, pilot: Pilot[None], path: Path) -> None:
    """Answer the question for a file."""
    await until(pilot, lambda: isinstance(app.screen, TextDialog))
    app.screen.query_one(Input).value = str(path)
    await pilot.press("enter")
    await until(pilot, lambda: not isinstance(app.screen, TextDialog))
