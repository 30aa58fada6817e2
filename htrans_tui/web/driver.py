"""Textual driver of the app in a browser, which exits when the server is gone."""

from __future__ import annotations

import os
import sys

from textual import events
from textual.drivers.web_driver import WebDriver
from textual.message import Message
from textual.messages import ExitApp


class BrowserDriver(WebDriver):
    """Web driver that exits the app when its pipes to the server break."""

    def run_input_thread(self) -> None:
        """Read the input from the server. Exits the app at the end of the input."""
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._leave()

    def process_message(self, message: Message) -> None:
        """Pass on a message of the input, except for resizes: the server reports the size."""
        if not isinstance(message, events.Resize):
            super().process_message(message)

    def write(self, data: str) -> None:
        """Write the output of the app; exit if the server is gone."""
        try:
            super().write(data)
        except BrokenPipeError:
            self._leave()

    def write_meta(self, data: dict[str, object]) -> None:
        """Write a message for the server; exit if the server is gone."""
        try:
            super().write_meta(data)
        except BrokenPipeError:
            self._leave()

    def _leave(self) -> None:
        null = os.open(os.devnull, os.O_WRONLY)
        for stream in (self.fileno, sys.__stderr__.fileno() if sys.__stderr__ else 2):
            os.dup2(null, stream)
        os.close(null)
        self._app.post_message(ExitApp())
