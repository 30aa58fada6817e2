"""One visitor of the server: a websocket and its app process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress

from aiohttp import WSMsgType, web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

STOP_TIMEOUT_S = 5.0
"""Seconds after which an app that does not exit is killed."""
INPUT_TIMEOUT_S = 30.0
"""Seconds an app may take to read a message; a long pasted text takes a while."""
MAX_SIZE = (500, 200)
"""Maximum number of columns and lines, whatever a browser asks for."""
_HEARTBEAT_S = 15.0


class Visit(AppService):
    """App process and websocket of a visitor. Each one ends with the other."""

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

    async def serve(self, width: int, height: int) -> None:
        """Run the app until it exits, the visitor leaves, or the app stops reading its input."""
        await self.start(*_bounded(width, height))
        try:
            async for message in self._websocket:
                if message.type == WSMsgType.TEXT:
                    async with asyncio.timeout(INPUT_TIMEOUT_S):
                        await self._handle(message.data)
        except (TimeoutError, ConnectionError):
            return
        finally:
            await self.stop()

    async def leave(self) -> None:
        """Close the websocket."""
        with suppress(ConnectionError):
            await self._websocket.close(code=1001)

    async def run(self) -> None:
        """Forward the output of the app. Afterwards end its process and close the websocket."""
        try:
            # A lost connection is not an error.
            with suppress(ConnectionError):
                await super().run()
        finally:
            await self._await_end()
            await self.leave()

    async def stop(self) -> None:
        """Ask the app to exit; kill it after `STOP_TIMEOUT_S`."""
        call_later = asyncio.get_running_loop().call_later
        timers = (
            call_later(STOP_TIMEOUT_S, self._kill),
            call_later(STOP_TIMEOUT_S + 1, self._cancel),
        )
        try:
            await super().stop()
        finally:
            for timer in timers:
                timer.cancel()

    async def _handle(self, text: str) -> None:
        """Handle a message of the browser; invalid messages are ignored."""
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            return
        match message:
            case ["stdin", str(typed)]:
                # An empty message would close the app's standard input.
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
        """Close the app's input, drain its output and wait for its end; kill it if necessary."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.communicate(b"")
        except TimeoutError:
            pass
        finally:
            self._kill()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.communicate(b"")

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _cancel(self) -> None:
        """Stop forwarding output to a visitor who does not read it."""
        if self._task is not None:
            self._task.cancel()


def visit_websocket() -> web.WebSocketResponse:
    """Create a websocket that detects lost connections by heartbeats."""
    return web.WebSocketResponse(heartbeat=_HEARTBEAT_S, timeout=2.0, max_msg_size=2**20)


def size_in(query: Callable[[str, str], str]) -> tuple[int, int]:
    """Return the width and height of a page's query, 80×24 by default."""
    try:
        return _bounded(int(query("width", "80")), int(query("height", "24")))
    except ValueError:
        return 80, 24


def _bounded(width: int, height: int) -> tuple[int, int]:
    return min(max(width, 1), MAX_SIZE[0]), min(max(height, 1), MAX_SIZE[1])
