"""Random keys, clicks, pastes and sizes: the app must not fall over, nor the database be torn.

HTRANS_FAULTS=full goes on for longer. A failure names its seed and the last keys.
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.events import Paste
from textual.pilot import OutOfBounds

from core.workspace import Workspace
from db.connection import Store
from htrans_tui.app.actions import ACTIONS
from htrans_tui.app.app import HTransApp
from tests.faults.mode import FULL
from tests.support.command_line import htrans
from tests.support.still_life import still_life

pytestmark = pytest.mark.slow

STEPS = 2000 if FULL else 120
LEAVING = {"q", "ctrl+q", "ctrl+c", "ctrl+z"}
"""Keys that end or stop the app, which is what they are for."""
MOVING = (
    *("up", "down", "left", "right", "home", "end", "pageup", "pagedown"),
    *("enter", "escape", "tab", "shift+tab", "space", "backspace", "delete"),
    *("ctrl+a", "ctrl+u", "ctrl+p", "f1", "f5"),
)
PASTES = (
    "wheat and corn",
    "",
    "\x1b[31mred\x1b[0m",
    "日本語 " * 40,
    "a" * 5000,
    "[bold]x[/",
    "\n" * 30,
)
SIZES = ((80, 24), (120, 40), (40, 12), (200, 60), (20, 5), (1, 1), (80, 3))


class Monkey:
    """Draws what to do next; `done` is what it has done."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        keys = {key for action in ACTIONS for key in action.keys.split(",")} | set(MOVING)
        self._keys = sorted(keys - LEAVING)
        self.done: list[str] = []

    def step(self) -> tuple[str, str | tuple[int, int]]:
        """A kind of event, and which."""
        kind = self._draw.choices(("key", "letter", "click", "paste", "size"), (12, 2, 3, 1, 1))[0]
        what: str | tuple[int, int]
        if kind == "key":
            what = self._draw.choice(self._keys)
        elif kind == "letter":
            what = self._draw.choice(string.ascii_lowercase.replace("q", "") + string.digits)
        elif kind == "click":
            what = (self._draw.randrange(200), self._draw.randrange(60))
        elif kind == "paste":
            what = self._draw.choice(PASTES)
        else:
            what = self._draw.choice(SIZES)
        self.done.append(f"{kind} {what!r}"[:60])
        return kind, what


@pytest.fixture(params=["still", "trained"])
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """A workspace as drawn in the pictures, or one that was really trained."""
    monkeypatch.chdir(tmp_path)  # what the keys write goes there
    is_still = request.param == "still"
    workspace = still_life(tmp_path) if is_still else request.getfixturevalue("own_copy")
    yield workspace
    htrans(workspace, "engine", "stop")


@pytest.mark.parametrize("seed", range(12 if FULL else 1))
async def test_whatever_is_pressed_the_app_goes_on(place: Workspace, seed: int) -> None:
    monkey = Monkey(seed)
    app = HTransApp(place)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            for _ in range(STEPS):
                kind, what = monkey.step()
                if kind == "size":
                    assert isinstance(what, tuple)
                    await pilot.resize_terminal(*what)
                elif kind == "paste":
                    app.post_message(Paste(str(what)))
                elif kind == "click":
                    try:
                        await pilot.click(offset=what)  # type: ignore[arg-type]
                    except OutOfBounds:
                        monkey.done.pop()
                else:
                    await pilot.press(str(what))
                assert app.is_running
            await pilot.resize_terminal(80, 24)
            await pilot.pause()
    except Exception as error:
        error.add_note(f"seed {seed}, after {len(monkey.done)} steps: {monkey.done[-12:]}")
        raise
    store = Store(place.database)
    assert store.value("PRAGMA integrity_check") == "ok"
    assert store.rows("PRAGMA foreign_key_check") == []
    store.close()
    doctor = htrans(place, "doctor")
    assert "Traceback" not in doctor.stderr
