"""Make the pictures in this folder: `python docs/make_screenshots.py WORKSPACE RUN`.

The pictures show whatever the run is at; the one in the README was made while the demo trained.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from textual.widgets import Static, TextArea

from core.workspace import Workspace
from htrans_tui.app import HTransApp

SIZE = (120, 34)
FOLDER = Path(__file__).parent
TEXT = "Chronic embolism and thrombosis of deep veins of the left leg"


async def make(workspace: Workspace, run: str) -> None:
    """Open the monitor and the classifier, and export both."""
    app = HTransApp(workspace, run)
    async with app.run_test(size=SIZE) as pilot:
        while app.snapshot.details is None:
            await pilot.pause(0.1)
        await pilot.pause(1)
        (FOLDER / "monitor.svg").write_text(app.export_screenshot(title="htrans-tui"))
        await pilot.press("c")
        while "Ready" not in str(app.screen.query_one("#state", Static).render()):
            await pilot.pause(0.1)
        app.screen.query_one(TextArea).text = TEXT
        while "accepted" not in str(app.screen.query_one("#state", Static).render()):
            await pilot.pause(0.1)
        (FOLDER / "classify.svg").write_text(app.export_screenshot(title="htrans-tui"))


if __name__ == "__main__":
    asyncio.run(make(Workspace(Path(sys.argv[1])), sys.argv[2]))
