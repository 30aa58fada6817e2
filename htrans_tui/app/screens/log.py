"""Log: the newest lines of what the engine's processes have written."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Footer, RichLog, Static

from core.text.plain_text import printable
from htrans_tui.app.actions import Scope, bindings_for
from htrans_tui.app.screens.htrans_screen import HTransScreen
from htrans_tui.app.services import AppServices

INTERVAL = 1.0
"""Seconds between two looks at the file."""
MAX_BYTES = 64 * 1024
"""Of a long log only the end is read."""


class LogScreen(HTransScreen[None]):
    """One log file at a time, followed as it grows."""

    SCOPE: ClassVar[Scope] = "log"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("log")]

    def __init__(self, services: AppServices) -> None:
        super().__init__(services)
        self._folder = services.workspace.logs
        self._at = 0
        self._read = 0

    def compose(self) -> ComposeResult:
        """Title, lines, footer."""
        yield Static("", id="title", markup=False)
        yield RichLog(id="lines", markup=False, highlight=False, wrap=False, max_lines=2_000)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read at once, then follow."""
        self.query_one("#lines").focus()
        self._open()
        self.set_interval(INTERVAL, self._follow)

    def action_next_log(self) -> None:
        """Show the log of the next process."""
        self._at += 1
        self._open()

    def action_back(self) -> None:
        """Go back to where this was opened."""
        self.app.pop_screen()

    def _path(self) -> Path | None:
        there = sorted(self._folder.glob("*.log"))
        return there[self._at % len(there)] if there else None

    def _open(self) -> None:
        path = self._path()
        name = "no log yet" if path is None else path.name
        self.query_one("#title", Static).update(f" htrans-tui   log: {printable(name)}")
        self.query_one("#lines", RichLog).clear()
        self._read = 0 if path is None else max(path.stat().st_size - MAX_BYTES, 0)
        self._follow()

    def _follow(self) -> None:
        path = self._path()
        if path is None:
            return
        size = path.stat().st_size
        if size < self._read:
            self._read = 0
        if size == self._read:
            return
        with path.open("rb") as file:
            file.seek(self._read)
            content = file.read(MAX_BYTES)
        # What is being written comes with its line's end, next time.
        whole = content.rfind(b"\n") + 1 or (len(content) if len(content) == MAX_BYTES else 0)
        self._read += whole
        lines = self.query_one("#lines", RichLog)
        for line in content[:whole].decode("utf-8", "replace").splitlines():
            lines.write(printable(line))
