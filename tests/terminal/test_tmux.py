"""The app in a real terminal: start, watch, pause, resume, quit, re-attach, classify."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.support.endless_run import endless_run, still_goes_on
from tests.support.made_once import wait_until_ended

pytestmark = [
    pytest.mark.terminal,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux"),
]


class Terminal:
    """A tmux server of its own with one window."""

    def __init__(self, folder: Path, workspace: Workspace, width: int, height: int) -> None:
        self._socket = str(folder / "tmux.sock")
        command = f"HTRANS_WORKSPACE={workspace.root} {sys.executable} -m htrans_tui; echo LEFT $?"
        self._tmux(
            *("-f", "/dev/null", "new-session", "-d", "-s", "app"),
            *("-x", str(width), "-y", str(height), f"{command}; sleep 600"),
        )

    def keys(self, *keys: str) -> None:
        self._tmux("send-keys", "-t", "app", *keys)

    def text(self, text: str) -> None:
        self._tmux("send-keys", "-t", "app", "-l", text)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-t", "app", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p", "-t", "app")

    def shows(self, *expected: str, seconds: float = 40) -> str:
        """Wait until all of the texts are on the screen; return it."""
        return self.until(lambda screen: all(text in screen for text in expected), seconds)

    def until(self, condition: Callable[[str], bool], seconds: float = 40) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if condition(screen):
                return screen
            time.sleep(0.1)
        raise AssertionError(f"never shown; the screen is:\n{self.screen()}")

    def app_pid(self) -> int:
        pane = int(self._tmux("display-message", "-p", "-t", "app", "#{pane_pid}"))
        for child in psutil.Process(pane).children(recursive=True):
            if "htrans_tui" in child.cmdline():
                return int(child.pid)
        raise AssertionError("the app does not run")

    def end(self) -> None:
        subprocess.run(["tmux", "-S", self._socket, "kill-server"], check=False)

    def _tmux(self, *arguments: str) -> str:
        environment = {k: v for k, v in os.environ.items() if k != "TMUX"}
        result = subprocess.run(
            ["tmux", "-S", self._socket, *arguments],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return result.stdout


@pytest.fixture(
    params=[
        pytest.param((80, 24), id="80x24"),
        pytest.param((120, 40), id="120x40", marks=pytest.mark.slow),
    ]
)
def terminal(
    request: pytest.FixtureRequest, tmp_path: Path, own_copy: Workspace
) -> Iterator[Terminal]:
    made = Terminal(tmp_path, own_copy, *request.param)
    yield made
    made.end()


@pytest.mark.slow
def test_a_day_in_a_terminal(terminal: Terminal, own_copy: Workspace) -> None:
    name = "day"
    store = Store(own_copy.database)
    endless_run(own_copy, name)
    terminal.shows(name, "running")
    terminal.keys(*["Up"] * 9)  # the cursor stays on its run when a newer one appears above
    terminal.keys("Enter")
    terminal.shows("animals", "/9999", "docs/s")
    before = terminal.screen()
    terminal.until(lambda screen: screen != before and "docs/s" in screen)
    terminal.keys("p")
    terminal.shows("paused", "no workers")
    assert store.value("SELECT state FROM runs WHERE name = ?", (name,)) == "paused"
    terminal.keys("p")
    terminal.shows("running", "docs/s")
    for width, height in ((40, 10), (200, 60), (20, 5), (100, 30)):
        terminal.resize(width, height)
        terminal.until(lambda screen, width=width: max(map(len, screen.splitlines())) <= width)  # type: ignore[misc]
    terminal.shows("animals", "docs/s")
    terminal.keys("q")
    terminal.shows("LEFT 0")
    still_goes_on(own_copy, name)


@pytest.mark.slow
def test_re_attached_app_shows_the_finished_run_and_classifies(
    terminal: Terminal,
) -> None:
    terminal.shows("small", "done")
    terminal.until(lambda screen: "● done" in screen)
    terminal.keys(*["Down"] * 9)
    terminal.keys("Enter")
    terminal.shows("small · htrans · done 7/7")
    terminal.keys("c")
    terminal.shows("Ready")
    terminal.text("apple juice and a pear peel on a plate, taste")
    terminal.shows("fruit Fruit", "food Food", "✓", "most attended words of fruit")
    terminal.keys("Escape")
    terminal.shows("small · htrans · done 7/7")
    terminal.keys("C-q")
    terminal.shows("LEFT 0")


@pytest.mark.slow
def test_a_subtree_is_retrained_from_scratch_and_compared_by_keys_alone(
    tmp_path: Path, own_copy: Workspace
) -> None:
    store = Store(own_copy.database)
    terminal = Terminal(tmp_path, own_copy, 140, 45)
    try:
        terminal.shows("small", "● done")
        terminal.keys("Enter")
        terminal.shows("small · htrans · done 7/7", "animals")
        terminal.keys("s")
        terminal.shows("worst F1 first")
        terminal.keys("/")
        terminal.text("animals")
        terminal.shows("1 of 7: worst F1 first, matching 'animals'")
        terminal.keys("Enter", "r")
        terminal.shows("Retrain animals", "2 below become stale")
        terminal.keys("Space")
        terminal.shows("3 categories")
        terminal.keys("Tab", "Down", "Down", "Space")
        terminal.keys("Tab", "Tab", "Tab", "Enter")
        terminal.until(lambda screen: "Retrain animals" not in screen)
        attempts = "SELECT max(attempt) FROM attempts"
        terminal.until(lambda _: store.value(attempts) == 2)
        terminal.keys("d", "d")
        terminal.shows("done 7/7", "2★", "scratch", "1 ", seconds=120)
        terminal.keys("q")
        terminal.shows("LEFT 0")
    finally:
        terminal.end()
    wait_until_ended(own_copy)


@pytest.mark.slow
def test_a_lost_terminal_ends_the_app_and_not_the_run(tmp_path: Path, own_copy: Workspace) -> None:
    endless_run(own_copy, "lost-terminal")
    terminal = Terminal(tmp_path, own_copy, 80, 24)
    terminal.shows("lost-terminal", "running")
    app = psutil.Process(terminal.app_pid())
    terminal.end()
    app.wait(timeout=15)
    still_goes_on(own_copy, "lost-terminal")


@pytest.mark.slow
def test_a_killed_app_leaves_the_run_going(tmp_path: Path, own_copy: Workspace) -> None:
    endless_run(own_copy, "killed-app")
    terminal = Terminal(tmp_path, own_copy, 80, 24)
    try:
        terminal.shows("killed-app", "running")
        os.kill(terminal.app_pid(), signal.SIGKILL)
        terminal.shows("LEFT 137")
    finally:
        terminal.end()
    still_goes_on(own_copy, "killed-app")
