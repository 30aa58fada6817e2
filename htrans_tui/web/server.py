"""The server of the app: textual-serve, for pages of its own only, ending with all its apps."""

from __future__ import annotations

import asyncio
import logging
import shlex
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler
from textual_serve.server import Server

from core.errors import HTransError
from core.text.plain_text import printable
from core.workspace import Workspace
from htrans_tui.web.access import Access
from htrans_tui.web.visit import PATIENCE, Visit, size_in, websocket_for_a_visit

_HEADERS = {
    # Nothing from elsewhere is loaded, and no foreign page shows this one in a frame.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def command_for(workspace: Workspace, *, steering: bool) -> str:
    """The line for a shell that opens the app; the shell becomes the app.

    Ctrl+c in the server's terminal is for the server, which then ends the app.
    """
    place = str(workspace.root.absolute())
    read_only = () if steering else ("--read-only",)
    line = (sys.executable, "-m", "htrans_tui", "--workspace", place, *read_only)
    return f"trap '' INT; exec {shlex.join(line)}"


class AppServer(Server):
    """Serves the page, and an app process to everyone who opens it."""

    def __init__(self, command: str, host: str, port: int, access: Access) -> None:
        super().__init__(
            command,
            host=host,
            port=port,
            title="htrans-tui",
            public_url=access.origin,
            templates_path=Path(__file__).parent,
        )
        self._access = access
        self._visits: set[Visit] = set()

    async def serve_until_ended(self, listening: Callable[[str], None]) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP; call `listening` with the URL as soon as it is so.

        Raises `HTransError` if the server cannot listen there.
        """
        _log_in_lines()
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        runner = web.AppRunner(
            await self._make_app(), access_log=None, shutdown_timeout=3 * PATIENCE
        )
        await runner.setup()
        # What an app says at its end, textual-serve prints; it is no result of ours.
        with redirect_stdout(sys.stderr):
            try:
                listening(await self._listen(runner))
                await ended.wait()
            finally:
                await runner.cleanup()

    async def _listen(self, runner: web.AppRunner) -> str:
        try:
            await web.TCPSite(runner, self.host, self.port).start()
        except socket.gaierror as error:
            raise HTransError(
                f"--host {self.host}: there is no such host: {error.strerror}"
            ) from error
        except OSError as error:
            raise HTransError(
                f"cannot listen at port {self.port} of {self.host}: it is taken or not allowed; "
                "choose another one with --port (0: any that is free)"
            ) from error
        if self._access.origin is not None:
            return self._access.origin
        host, port = runner.addresses[0][:2]
        if host in ("0.0.0.0", "::"):
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        app.on_response_prepare.append(_add_headers)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._access.knows(request.headers.get("Host")):
            raise web.HTTPForbidden(
                text="This server does not go by that name; start it with --url to give it one.\n"
            )
        return await handler(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run an app for a visitor, whose page has come from here."""
        headers = request.headers
        if not self._access.sent(headers.get("Origin"), headers.get("Host")):
            raise web.HTTPForbidden(text="Only pages of this server may open its websocket.\n")
        websocket = websocket_for_a_visit()
        await websocket.prepare(request)
        visit = Visit(self.command, websocket, self.download_manager)
        self._visits.add(visit)
        try:
            await visit.go(*size_in(request.query.get))
        finally:
            self._visits.discard(visit)
        return websocket

    async def on_startup(self, app: web.Application) -> None:
        """Say nothing: the command does, once the server listens."""

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002
        """Let every visitor go, so that nothing waits for them."""
        await asyncio.gather(*(visit.leave() for visit in list(self._visits)))


class _Line(logging.Formatter):
    """A line for each event: what was asked and what is wrong with it, without a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        said = record.getMessage() if error is None else f"{record.getMessage()}: {error!r}"
        return printable(f"{record.levelname.lower()}: {said}")


def _log_in_lines() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_Line())
    for name in ("aiohttp", "textual-serve"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:  # noqa: ARG001
    response.headers.update(_HEADERS)
