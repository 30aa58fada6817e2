"""What draws the app of a visitor: Textual's driver for browsers, which ends with its server."""

from __future__ import annotations

import os
import sys

from textual import events
from textual.drivers.web_driver import WebDriver
from textual.message import Message
from textual.messages import ExitApp


class BrowserDriver(WebDriver):
    """Leaves the app when the server is gone, however it ended."""

    def run_input_thread(self) -> None:
        """Read what the server sends until the app ends; end the app if the server does."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._leave()

    def process_message(self, message: Message) -> None:
        """Pass on what was typed; a size that is typed is none: the server says the size."""
        if not isinstance(message, events.Resize):
            super().process_message(message)

    def write(self, data: str) -> None:
        """Draw."""
        try:
            super().write(data)
        except BrokenPipeError:
            self._leave()

    def write_meta(self, data: dict[str, object]) -> None:
        """Tell the server something."""
        try:
            super().write_meta(data)
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (self.fileno, sys.__stderr__.fileno() if sys.__stderr__ else 2):
            os.dup2(nowhere, stream)
        os.close(nowhere)
        self._app.post_message(ExitApp())
