"""A page in a browser, and the terminal that it shows.

The page draws its terminal as pixels. What is read here is what the server sends to it: the same
bytes go to a terminal in memory, which is as large as the page says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Page, WebSocket

_UNKNOWN = b"\x1b[?2026$p"
"""A question to the terminal that pyte takes for text."""


class Visitor:
    """Looks at a page and types."""

    def __init__(self, page: Page, url: str) -> None:
        import pyte

        self.page = page
        self.asked_for: list[str] = []
        self.complaints: list[str] = []
        self._screen = pyte.Screen(80, 24)
        self._stream = pyte.ByteStream(self._screen)
        page.on("request", lambda request: self.asked_for.append(request.url))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._said)
        page.on("websocket", self._opened)
        page.goto(url)

    def keys(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def text(self, text: str) -> None:
        self.page.keyboard.type(text)

    def screen(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)

    def shows(self, *expected: str, seconds: float = 40) -> str:
        """Wait until all of the texts are on the screen; return it."""
        return self.until(lambda screen: all(text in screen for text in expected), seconds)

    def until(self, condition: Callable[[str], bool], seconds: float = 40) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            screen = self.screen()
            if condition(screen):
                return screen
            # Lets the browser's events come in, which a plain sleep does not.
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never shown; the screen is:\n{self.screen()}\n{self.complaints}")

    def size(self) -> tuple[int, int]:
        """The terminal's columns and lines."""
        return self._screen.columns, self._screen.lines

    def _said(self, message: ConsoleMessage) -> None:
        # What Chromium says of itself on a machine without a GPU, or with much to do.
        of_itself = ("WebGL", "exceeded allotted deadline")
        if message.type in ("error", "warning") and not any(s in message.text for s in of_itself):
            self.complaints.append(message.text)

    def _opened(self, websocket: WebSocket) -> None:
        websocket.on("framesent", self._sent)
        websocket.on("framereceived", self._received)

    def _sent(self, frame: str | bytes) -> None:
        said = json.loads(frame)
        if said[0] == "resize":
            self._screen.resize(said[1]["height"], said[1]["width"])

    def _received(self, frame: str | bytes) -> None:
        if isinstance(frame, bytes):
            self._stream.feed(frame.replace(_UNKNOWN, b""))


Visit = Callable[[str], Visitor]
