"""Make the pictures in this folder: `python docs/make_screenshots.py WORKSPACE RUN TEXT [RUN …]`.

The first run is shown in the monitor and classifies TEXT; with further runs it is compared. The
pictures show whatever the runs are at.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from core.workspace import Workspace
from htrans_tui.app import HTransApp

SIZE = (120, 34)
FOLDER = Path(__file__).parent


async def make(workspace: Workspace, run: str, text: str, others: Sequence[str]) -> None:
    """Open one screen after the other and export each."""
    app = HTransApp(workspace, run)
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: app.snapshot.details is not None)
        await pilot.press("down", "down", "down")
        await pilot.pause(2)
        _export(app, "monitor")
        await pilot.press("s")
        await pilot.pause(2)
        _export(app, "list")
        await pilot.press("r")
        await pilot.pause(1)
        _export(app, "retrain")
        await pilot.press("escape", "c")
        await _until(pilot, lambda: "Ready" in _said(app, "#state"))
        app.screen.query_one(TextArea).text = text
        await _until(pilot, lambda: "accepted" in _said(app, "#state"))
        _export(app, "classify")
        await pilot.press("escape")
        if others:
            app.open_comparison([run, *others])
            await _until(pilot, lambda: "Best macro-F1" in _said(app, "#advice"))
            _export(app, "compare")


async def _until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause(0.1)


def _said(app: HTransApp, selector: str) -> str:
    found = app.screen.query(selector)
    return str(found.first(Static).render()) if found else ""


def _export(app: HTransApp, name: str) -> None:
    picture = app.export_screenshot(title="htrans-tui")
    (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(make(Workspace(Path(sys.argv[1])), sys.argv[2], sys.argv[3], sys.argv[4:]))
