"""Command: serve."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from htrans_tui.cli.options import WorkspaceOption, workspace_at
from htrans_tui.cli.output import say


def register(app: typer.Typer) -> None:
    """Add the command of this module."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option(help="Name or address to listen at.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen at; 0 takes any that is free.")
    ] = 8000,
    url: Annotated[
        str | None,
        typer.Option(
            help="Where visitors reach it if not there, such as https://name behind a proxy.",
            show_default=False,
        ),
    ] = None,
    allow_steering: Annotated[
        bool,
        typer.Option("--allow-steering", help="Let visitors steer runs; otherwise they only look."),
    ] = False,
    workspace: WorkspaceOption = None,
) -> None:
    """Serve the app to web browsers.

    Starts one app process for each visitor. Ctrl+C stops the server.
    """
    import asyncio

    from htrans_tui.web.access import access_at, is_loopback
    from htrans_tui.web.server import AppServer, command_for

    access = access_at(host, url)
    command = command_for(workspace_at(workspace), steering=allow_steering)
    server = AppServer(command, host, port, access)

    out = sys.stdout

    def listening(at: str) -> None:
        print(at, file=out, flush=True)
        if not is_loopback(host):
            steer = ", and steer its runs" if allow_steering else ""
            say(
                f"warning: there is no login: whoever reaches {host} can read this workspace, "
                f"the texts of its corpora too{steer}"
            )

    asyncio.run(server.serve_until_ended(listening))
