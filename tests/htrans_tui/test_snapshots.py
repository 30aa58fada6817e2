"""What every screen looks like, compared picture by picture with what was approved.

Every scene at 80 × 24 in a dark theme. Those that are laid out differently where there is space
also at 140 × 45, in a light theme. The figures never change.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import pytest
from rich.text import Text
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from core.engine.artifacts.document_index import open_index
from core.engine.artifacts.run_files import scores_path
from core.engine.monitoring.load import GpuLoad, Load
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import run_categories
from db.runs import list_runs
from htrans_tui.app.app import HTransApp
from htrans_tui.app.inference_client import Answer, Shading
from htrans_tui.app.preferences import Preferences
from htrans_tui.app.subprocesses import CompletedProcess
from tests.support.pilot import open_monitor, text_of, until
from tests.support.still_life import still_life

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


class StillModels:
    """A process with models that always answers the same."""

    def __init__(self, workspace: Workspace, run_name: str) -> None:
        self.users = 0

    async def load(self) -> int:
        return 5

    async def classify(self, text: str, attention: str | None = None) -> Answer:
        scores = {"animals": 0.93, "cats": 0.71, "food": 0.2}
        shading = Shading([(0, 1), (2, 5), (6, 9), (10, 11), (12, 15)], [0.1, 0.6, 0.05, 0.05, 0.2])
        return Answer(frozenset({"animals", "cats"}), scores, shading)

    async def explain(self, text: str, category: str) -> Shading:
        ends = [match.span() for match in re.finditer(r"\S+", text)]
        weights = [1 + 7 * (number % 5 == 2) for number in range(len(ends))]
        return Shading(ends, weights)

    async def end(self) -> None:
        pass


async def still_process(*arguments: str) -> CompletedProcess:
    """What the comparison and the form's command print."""
    said = COMPARISON if "htrans_tui.report.service" in arguments else OUTLOOK
    return CompletedProcess(0, json.dumps(said), "")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing moves, and the clock is that of Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr("htrans_tui.app.poller.LoadMeter", StillMeter)
    monkeypatch.setattr("htrans_tui.app.inference_client.InferenceClient", StillModels)
    for module in ("compare", "new_run"):
        monkeypatch.setattr(f"htrans_tui.app.screens.{module}.run_python", still_process)


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
        for field in app.screen.query(Input):
            field.cursor_blink = False  # on a slow machine it may be seen without its cursor
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
    await until(pilot, lambda: "42 trials" in text_of(app, "#estimate"))


async def compare(app: HTransApp, pilot: Pilot[None]) -> None:
    await runs(app, pilot)
    app.open_comparison(["one", "two"])
    await until(pilot, lambda: bool(app.screen.query("#advice")))
    await until(pilot, lambda: "Best macro-F1" in text_of(app, "#advice"))


async def classify(app: HTransApp, pilot: Pilot[None]) -> None:
    await from_runs("c")(app, pilot)
    await until(pilot, lambda: bool(app.screen.query("#state")))
    app.screen.query_one(TextArea).text = "a cat and a dog"
    app.screen.query_one("#result").focus()
    await until(pilot, lambda: "2 categories accepted" in text_of(app, "#state"))
    await until(pilot, lambda: "most attended words of cats" in text_of(app, "#why-title"))


def predictions(*keys: str) -> Scene:
    """The predictions of the first category after some keys."""

    async def scene(app: HTransApp, pilot: Pilot[None]) -> None:
        await monitor(app, pilot)
        score(app.workspace, "animals")
        await pilot.press("i")
        await until(pilot, lambda: bool(app.screen.query("#metrics")))
        await until(pilot, lambda: "TP" in text_of(app, "#metrics"))
        await pilot.press(*keys)
        words = app.screen.query_one("#text-shown", Static)
        await until(pilot, lambda: bool(cast("Text | Content", words.render()).spans))
        await pilot.pause(0.3)

    return scene


def score(workspace: Workspace, key: str) -> None:
    """Keep scores of the test documents, as evaluation does, that are right of most."""
    store = Store(workspace.database)
    run = list_runs(store)[0]
    category = next(c for c in run_categories(store, run.id) if c.key == key)
    store.close()
    index = open_index(workspace, run.corpus_id)
    assert index is not None
    assert category.kept_trial_id is not None
    is_label = np.isin(index.test, index.positives(category.category_id))
    drawn = np.random.default_rng(0).normal(size=len(is_label))
    scores = 1 / (1 + np.exp(-(3.0 * is_label - 1.5 + drawn)))
    path = scores_path(workspace.run(run.id), category.id, category.kept_trial_id, "test")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, scores.astype(np.float32))


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
    "predictions": predictions(),
    "predictions-threshold": predictions("d", "right_square_bracket", "space"),
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


QUICK = (
    *("runs", "new-run", "settings", "log", "compare"),
    *("classify", "predictions", "monitor", "help"),
)
"""One scene of each screen. The other scenes are slow tests."""
WIDE = ("runs", "monitor", "read-out", "predictions", "classify", "compare")
"""Scenes with more columns, or panes side by side, at 140 × 45."""
PICTURES = [
    *(
        pytest.param(name, "80x24", "textual-dark", marks=() if name in QUICK else pytest.mark.slow)
        for name in SCENES
    ),
    *(pytest.param(name, "140x45", "textual-light", marks=pytest.mark.slow) for name in WIDE),
]


@pytest.mark.parametrize(("scene", "size", "theme"), PICTURES)
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
