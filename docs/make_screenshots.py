"""Make the pictures in this folder: `python docs/make_screenshots.py WORKSPACE RUN TEXT [RUN …]`.

The first run is shown in the monitor and classifies TEXT; with further runs it is compared. The
pictures show whatever the runs are at, and no picture with a path of this machine is kept.

`python docs/make_screenshots.py --predictions WORKSPACE RUN CATEGORY` makes only the picture of the
predictions. It shows texts of the corpus, so that the corpus must be one that may be shown, such as
that of `htrans-tui demo`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from core.workspace import Workspace
from htrans_tui.app.app import HTransApp
from htrans_tui.app.preferences import Preferences
from htrans_tui.app.widgets.category_table import CategoryTable

SIZE = (120, 34)
FOLDER = Path(__file__).parent
SETTINGS = Path("/home/you/.config/htrans-tui/settings.toml")


async def make(workspace: Workspace, run: str, text: str, others: Sequence[str]) -> None:
    """Open one screen after the other and export each."""
    app = HTransApp(workspace, preferences=Preferences(path=SETTINGS))
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: bool(app.snapshot.runs))
        await _picture(app, pilot, "runs")
        await _picture(app, pilot, "new-run", "n", until="estimate")
        await pilot.press("escape")
        await _picture(app, pilot, "log", "l")
        await pilot.press("escape")
        app.open_run(next(r.run.id for r in app.snapshot.runs if r.run.name == run))
        await _until(pilot, lambda: app.snapshot.details is not None)
        await _picture(app, pilot, "monitor", "down", "down", "down", "left_square_bracket")
        await _picture(app, pilot, "list", "s", "d")
        await _picture(app, pilot, "history", "s", "s", "s", "s", "d")
        await pilot.press("d", "d")
        await _picture(app, pilot, "retrain", "r")
        await pilot.press("escape")
        await _picture(app, pilot, "settings", "comma")
        await pilot.press("escape")
        await _picture(app, pilot, "help", "question_mark")
        await pilot.press("escape", "c")
        await _until(pilot, lambda: "Ready" in _said(app, "#state"))
        app.screen.query_one(TextArea).text = text
        await _until(pilot, lambda: "accepted" in _said(app, "#state"))
        await _picture(app, pilot, "classify")
        await pilot.press("escape")
        if others:
            app.open_comparison([run, *others])
            await _until(pilot, lambda: "Best macro-F1" in _said(app, "#advice"))
            await _picture(app, pilot, "compare")


async def make_predictions(workspace: Workspace, run: str, category: str) -> None:
    """Open a category's true positives."""
    app = HTransApp(workspace, run, preferences=Preferences(path=SETTINGS))
    async with app.run_test(size=SIZE) as pilot:
        await _until(pilot, lambda: app.snapshot.details is not None)
        status = app.snapshot.status
        assert status is not None
        chosen = next(c.id for c in status.categories if c.key == category)
        app.screen.query_one(CategoryTable).move_cursor_to(chosen)
        await pilot.press("i")
        await _until(pilot, lambda: "TP" in _said(app, "#metrics"))
        await _picture(app, pilot, "predictions", "d", "d", "o", "right_square_bracket")


async def _picture(
    app: HTransApp, pilot: Pilot[None], name: str, *keys: str, until: str | None = None
) -> None:
    await pilot.press(*keys)
    if until is not None:
        await _until(pilot, lambda: until in _said(app, "#estimate"))
    await pilot.pause(3)
    picture = app.export_screenshot(title="htrans-tui")
    if sys.prefix in picture or str(app.workspace.root.absolute()) in picture:
        print(f"{name}: shows a path of this machine; left as it was", file=sys.stderr)
        return
    (FOLDER / f"{name}.svg").write_text(picture, encoding="utf-8")


async def _until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    while not condition():
        await pilot.pause(0.1)


def _said(app: HTransApp, selector: str) -> str:
    found = app.screen.query(selector)
    return str(found.first(Static).render()) if found else ""


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state:
        # So that no run is shown as somebody left it.
        os.environ["XDG_STATE_HOME"] = state
        if sys.argv[1] == "--predictions":
            asyncio.run(make_predictions(Workspace(Path(sys.argv[2])), sys.argv[3], sys.argv[4]))
        else:
            asyncio.run(make(Workspace(Path(sys.argv[1])), sys.argv[2], sys.argv[3], sys.argv[4:]))
