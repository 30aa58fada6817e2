"""Web server of the app: textual-serve with access rules and a clean shutdown."""

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
from htrans_tui.web.visit import STOP_TIMEOUT_S, Visit, size_in, visit_websocket

_HEADERS = {
    # Load nothing from other origins, and forbid embedding in frames.
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self' ws: wss:; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def command_for(workspace: Workspace, *, steering: bool) -> str:
    """Return the shell command that opens the app.

    The app ignores SIGINT, so that Ctrl+C in the server's terminal reaches only the server, which
    then ends the app.

    Args:
        workspace: The workspace that the app opens.
        steering: Allow actions that change runs.
    """
    root = str(workspace.root.absolute())
    read_only = () if steering else ("--read-only",)
    line = (sys.executable, "-m", "htrans_tui", "--workspace", root, *read_only)
    return f"trap '' INT; exec {shlex.join(line)}"


class AppServer(Server):
    """Serves the page, and one app process per visitor."""

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
        """Serve until SIGINT, SIGTERM or SIGHUP.

        Args:
            listening: Called with the URL once the server accepts connections.

        Raises:
            HTransError: If the server cannot listen on its host and port.
        """
        _configure_logging()
        ended = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        runner = web.AppRunner(
            await self._make_app(), access_log=None, shutdown_timeout=3 * STOP_TIMEOUT_S
        )
        await runner.setup()
        # textual-serve prints the final messages of apps to stdout.
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
            raise HTransError(f"--host {self.host}: unknown host: {error.strerror}") from error
        except OSError as error:
            raise HTransError(
                f"cannot listen on port {self.port} of {self.host}: in use or not permitted; "
                "choose another one with --port (0 picks a free one)"
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
                text="Unknown host name. Start the server with --url to allow it.\n"
            )
        return await handler(request)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Run an app for a visitor whose page was served by this server."""
        headers = request.headers
        if not self._access.sent(headers.get("Origin"), headers.get("Host")):
            raise web.HTTPForbidden(text="Only pages of this server may open its websocket.\n")
        websocket = visit_websocket()
        await websocket.prepare(request)
        visit = Visit(self.command, websocket, self.download_manager)
        self._visits.add(visit)
        try:
            await visit.serve(*size_in(request.query.get))
        finally:
            self._visits.discard(visit)
        return websocket

    async def on_startup(self, app: web.Application) -> None:
        """Suppress textual-serve's banner: the command prints the URL once the server listens."""

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002
        """Close all connections to visitors."""
        await asyncio.gather(*(visit.leave() for visit in list(self._visits)))


class _LineFormatter(logging.Formatter):
    """Formats each record as one line, with the exception but without its traceback."""

    def format(self, record: logging.LogRecord) -> str:
        error = record.exc_info[1] if record.exc_info else None
        message = record.getMessage() if error is None else f"{record.getMessage()}: {error!r}"
        return printable(f"{record.levelname.lower()}: {message}")


def _configure_logging() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter())
    for name in ("aiohttp", "textual-serve"):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.propagate = False


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:  # noqa: ARG001
    response.headers.update(_HEADERS)
