"""Log: the newest lines of the engine's log files."""

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

INTERVAL_S = 1.0
"""Seconds between two reads of the file."""
MAX_BYTES = 64 * 1024
"""Maximum number of bytes that are read at once; a long log starts at its end."""


class LogScreen(HTransScreen[None]):
    """Follows one log file at a time."""

    SCOPE: ClassVar[Scope] = "log"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings_for("log")]

    def __init__(self, services: AppServices) -> None:
        super().__init__(services)
        self._folder = services.workspace.logs
        self._index = 0
        self._offset = 0

    def compose(self) -> ComposeResult:
        """Compose title, lines and footer."""
        yield Static("", id="title", markup=False)
        yield RichLog(id="lines", markup=False, highlight=False, wrap=False, max_lines=2_000)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Open the first log and follow it."""
        self.query_one("#lines").focus()
        self._open()
        self.set_interval(INTERVAL_S, self._follow)

    def action_next_log(self) -> None:
        """Show the log of the next process."""
        self._index += 1
        self._open()

    def action_back(self) -> None:
        """Close the screen."""
        self.app.pop_screen()

    def _path(self) -> Path | None:
        logs = sorted(self._folder.glob("*.log"))
        return logs[self._index % len(logs)] if logs else None

    def _open(self) -> None:
        path = self._path()
        name = "no log yet" if path is None else path.name
        self.query_one("#title", Static).update(f" htrans-tui   log: {printable(name)}")
        self.query_one("#lines", RichLog).clear()
        self._offset = 0 if path is None else max(path.stat().st_size - MAX_BYTES, 0)
        self._follow()

    def _follow(self) -> None:
        path = self._path()
        if path is None:
            return
        size = path.stat().st_size
        if size < self._offset:
            self._offset = 0
        if size == self._offset:
            return
        with path.open("rb") as file:
            file.seek(self._offset)
            content = file.read(MAX_BYTES)
        # Leave an incomplete line for the next read.
        end = content.rfind(b"\n") + 1 or (len(content) if len(content) == MAX_BYTES else 0)
        self._offset += end
        lines = self.query_one("#lines", RichLog)
        for line in content[:end].decode("utf-8", "replace").splitlines():
            lines.write(printable(line))
