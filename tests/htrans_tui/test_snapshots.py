"""What every screen looks like, compared picture by picture with what was approved.

Each at 80 × 24 and at 140 × 45, in a dark and in a light theme, over figures that never change.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from core.engine.load import GpuLoad, Load
from core.workspace import Workspace
from db.connection import Store
from htrans_tui.app import HTransApp
from htrans_tui.classifier_process import Answer, Ready
from htrans_tui.preferences import Preferences
from htrans_tui.subprocesses import Ended
from tests.htrans_tui.still_life import still_life
from tests.htrans_tui.test_app import open_monitor, text_of, until

SIZES = ("80x24", "140x45")
THEMES = ("textual-dark", "textual-light")
GIB = 1 << 30
LOAD = Load(0.71, 9 * GIB, 24 * GIB, 73 * GIB, 100 * GIB, (GpuLoad(0, 0.45, 12 * GIB, 80 * GIB),))
_TABLE = {
    "title": "Table 1: all categories",
    "header": ["system", "micro-F1", "macro-F1", "p"],
    "rows": [["gru-att", "0.881", "0.690", ""], ["htrans", "0.902", "0.751", "0.0004*"]],
    "right": "lrrr",
    "note": "p against gru-att; * at most 0.05",
}
COMPARISON = {"tables": [_TABLE], "advice": ["Best macro-F1: htrans with 0.751."]}
OUTLOOK = {"notes": ["7 categories, 42 trials; estimate with 2 workers: 12 m 05 s to 20 m 10 s"]}
Scene = Callable[[HTransApp, Pilot[None]], Awaitable[None]]


class Compare(Protocol):
    def __call__(
        self, app: HTransApp, *, terminal_size: tuple[int, int], run_before: object
    ) -> bool: ...


class StillMeter:
    """A machine whose load does not change."""

    def __init__(self, folder: Path) -> None:
        pass

    def read(self) -> Load:
        return LOAD


class StillClassifier:
    """A classifier that always answers the same."""

    def __init__(self, workspace: Workspace, run_name: str) -> None:
        self._asked = asyncio.Event()

    async def answers(self) -> AsyncIterator[Ready | Answer]:
        yield Ready(5)
        await self._asked.wait()
        scores = {"animals": 0.93, "cats": 0.71, "food": 0.2}
        yield Answer(1, frozenset({"animals", "cats"}), scores)

    def send(self, text: str) -> int:
        self._asked.set()
        return 1

    async def end(self) -> None:
        pass


async def still_process(*arguments: str) -> Ended:
    """What the comparison and the form's command print."""
    said = COMPARISON if "htrans_tui.report.service" in arguments else OUTLOOK
    return Ended(0, json.dumps(said), "")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves, and the clock is that of Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr("htrans_tui.poller.LoadMeter", StillMeter)
    monkeypatch.setattr("htrans_tui.screens.classify.ClassifierProcess", StillClassifier)
    for module in ("compare", "new_run"):
        monkeypatch.setattr(f"htrans_tui.screens.{module}.run_python", still_process)


async def runs(app: HTransApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: bool(app.snapshot.runs))
    await pilot.pause(0.1)


async def monitor(app: HTransApp, pilot: Pilot[None]) -> None:
    await open_monitor(app, pilot)
    await until(pilot, lambda: "1★" in text_of(app, "#training-title"))


def then(*keys: str) -> Scene:
    """The monitor after some keys."""

    async def scene(app: HTransApp, pilot: Pilot[None]) -> None:
        await monitor(app, pilot)
        await pilot.press(*keys)
        await pilot.pause(0.3)

    return scene


def from_runs(*keys: str) -> Scene:
    """The runs after some keys."""

    async def scene(app: HTransApp, pilot: Pilot[None]) -> None:
        await runs(app, pilot)
        await pilot.press(*keys)
        await pilot.pause(0.3)

    return scene


async def new_run(app: HTransApp, pilot: Pilot[None]) -> None:
    await from_runs("n")(app, pilot)
    await until(pilot, lambda: "42 trials" in text_of(app, "#outlook"))


async def compare(app: HTransApp, pilot: Pilot[None]) -> None:
    await runs(app, pilot)
    app.open_comparison(["one", "two"])
    await until(pilot, lambda: bool(app.screen.query("#advice")))
    await until(pilot, lambda: "Best macro-F1" in text_of(app, "#advice"))


async def classify(app: HTransApp, pilot: Pilot[None]) -> None:
    await from_runs("c")(app, pilot)
    await until(pilot, lambda: bool(app.screen.query("#state")))
    app.screen.query_one(TextArea).text = "a cat and a dog"
    app.screen.query_one("#paths").focus()
    await until(pilot, lambda: "2 categories accepted" in text_of(app, "#state"))
    await until(pilot, lambda: "cats" in text_of(app, "#result"))


async def log(app: HTransApp, pilot: Pilot[None]) -> None:
    lines = (f"12:00:{n:02d} INFO engine line {n} of the log" for n in range(40))
    (app.workspace.logs / "supervisor.log").write_text("\n".join(lines) + "\n")
    await from_runs("l")(app, pilot)


async def help_of_the_monitor(app: HTransApp, pilot: Pilot[None]) -> None:
    await then("question_mark")(app, pilot)


SCENES: dict[str, Scene] = {
    "runs": runs,
    "new-run": new_run,
    "delete": from_runs("D"),
    "settings": from_runs("comma"),
    "log": log,
    "compare": compare,
    "classify": classify,
    "monitor": monitor,
    "read-out": then("left_square_bracket", "y"),
    "one-measure": then("m", "m", "m"),
    "class-weights": then("d"),
    "history": then("d", "d"),
    "alerts": then("d", "d", "d"),
    "list": then("s"),
    "filter": then("slash", "c", "a"),
    "retrain": then("r"),
    "cancel": then("x"),
    "help": help_of_the_monitor,
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
def test_screen(snap_compare: Compare, tmp_path: Path, scene: str, size: str, theme: str) -> None:
    workspace = still_life(tmp_path)
    store = Store(workspace.database)
    with store.write():
        for table, column in (("events", "at"), ("attempts", "created_at")):
            store.execute(f"UPDATE {table} SET {column} = 0")
        store.execute(
            "INSERT INTO events (run_id, run_category_id, kind, message, at) SELECT rc.run_id, "
            "rc.id, 'crash', 'class weight 1, crash 1: out of memory; it goes on', 60 "
            "FROM run_categories rc WHERE rc.state = 'running'"
        )
    store.close()
    path = Path("/home/somebody/.config/htrans-tui/settings.toml")
    app = HTransApp(workspace, preferences=Preferences(theme=theme, path=path))
    app.animation_level = "none"
    width, height = map(int, size.split("x"))

    async def before(pilot: Pilot[None]) -> None:
        await SCENES[scene](app, pilot)
        await pilot.pause(0.1)

    assert snap_compare(app, terminal_size=(width, height), run_before=before)
