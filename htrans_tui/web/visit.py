"""One visitor: a websocket, and the app process that draws for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

PATIENCE = 5.0
"""Seconds that an app has to leave before its process is killed."""
INPUT_PATIENCE = 30.0
"""Seconds that an app has to read a message; a long text takes a while."""
LARGEST = (500, 200)
"""Columns and lines that an app draws at most, whatever a browser asks for."""
_HEARTBEAT = 15.0


class Visit(AppService):
    """An app process that ends with its visitor, and a visitor's page that ends with its app."""

    def __init__(
        self, command: str, websocket: web.WebSocketResponse, downloads: DownloadManager
    ) -> None:
        super().__init__(
            command,
            write_bytes=websocket.send_bytes,
            write_str=websocket.send_str,
            close=self.leave,
            download_manager=downloads,
        )
        self._websocket = websocket

    async def go(self, width: int, height: int) -> None:
        """Run the app until it or the visitor leaves, or it listens no more."""
        await self.start(*_bounded(width, height))
        try:
            async for message in self._websocket:
                if message.type == WSMsgType.TEXT:
                    async with asyncio.timeout(INPUT_PATIENCE):
                        await self._take(message.data)
        except (TimeoutError, ConnectionError):
            return
        finally:
            await self.stop()

    async def leave(self) -> None:
        """Close the visitor's websocket."""
        with suppress(ConnectionError):
            await self._websocket.close(code=1001)

    async def run(self) -> None:
        """Pass on what the app draws; afterwards its process is gone and the websocket closed."""
        try:
            # A lost visitor is no error.
            with suppress(ConnectionError):
                await super().run()
        finally:
            await self._await_end()
            await self.leave()

    async def stop(self) -> None:
        """Let the app leave; kill it if it does not."""
        call_later = asyncio.get_running_loop().call_later
        last_resorts = (
            call_later(PATIENCE, self._kill),
            call_later(PATIENCE + 1, self._let_go),
        )
        try:
            await super().stop()
        finally:
            for resort in last_resorts:
                resort.cancel()

    async def _take(self, text: str) -> None:
        """Do what a browser's message says; one that says nothing is passed over."""
        try:
            said = json.loads(text)
        except (ValueError, RecursionError):
            return
        match said:
            case ["stdin", str(typed)]:
                # Nothing typed would end the app's input.
                if keys := typed.encode("utf-8", "ignore"):
                    await self.send_bytes(keys)
            case ["resize", {"width": int(width), "height": int(height)}]:
                await self.set_terminal_size(*_bounded(width, height))
            case ["ping", str(sent)]:
                await self._websocket.send_json(["pong", sent])
            case ["focus"]:
                await self.focus()
            case ["blur"]:
                await self.blur()

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        driver = "htrans_tui.web.driver:BrowserDriver"
        return {**super()._build_environment(width, height), "TEXTUAL_DRIVER": driver}

    async def _await_end(self) -> None:
        """End the app's input, read on so that nothing blocks it, and wait; kill it if need be."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._process.communicate(b"")
        except TimeoutError:
            pass
        finally:
            self._kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._process.communicate(b"")

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _let_go(self) -> None:
        """Pass on no more, to a visitor who takes nothing."""
        if self._task is not None:
            self._task.cancel()


def websocket_for_a_visit() -> web.WebSocketResponse:
    """A websocket that notices when nobody is at its other end any more."""
    return web.WebSocketResponse(heartbeat=_HEARTBEAT, timeout=2.0, max_msg_size=2**20)


def size_in(query: Callable[[str, str], str]) -> tuple[int, int]:
    """The width and height that a page asks for, or those of an old terminal."""
    try:
        return _bounded(int(query("width", "80")), int(query("height", "24")))
    except ValueError:
        return 80, 24


def _bounded(width: int, height: int) -> tuple[int, int]:
    return min(max(width, 1), LARGEST[0]), min(max(height, 1), LARGEST[1])
