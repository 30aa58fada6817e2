"""Command: serve."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from htrans_tui.cli.options import WorkspaceOption, workspace_at
from htrans_tui.cli.output import say


def register(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Host name or address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 picks a free one.")
    ] = 8000,
    url: Annotated[
        str | None,
        typer.Option(
            help="Public URL behind a proxy, such as https://name.",
            show_default=False,
        ),
    ] = None,
    allow_steering: Annotated[
        bool,
        typer.Option("--allow-steering", help="Let visitors change runs; read-only otherwise."),
    ] = False,
    workspace_path: WorkspaceOption = None,
) -> None:
    """Serve the app to web browsers.

    Starts one app process per visitor. Ctrl+C stops the server.
    """
    import asyncio

    from htrans_tui.web.access import access_at, is_loopback
    from htrans_tui.web.server import AppServer, command_for

    access = access_at(host, url)
    command = command_for(workspace_at(workspace_path), steering=allow_steering)
    server = AppServer(command, host, port, access)

    out = sys.stdout

    def listening(address: str) -> None:
        print(address, file=out, flush=True)
        if not is_loopback(host):
            steer = ", and change its runs" if allow_steering else ""
            say(
                f"warning: there is no login: anyone who reaches {host} can read this workspace "
                f"including the texts of its corpora{steer}"
            )

    asyncio.run(server.serve_until_ended(listening))
