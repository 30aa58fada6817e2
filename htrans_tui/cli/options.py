"""Options that several commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from core.workspace import Workspace

ENGINE = "Engine"
DEFAULT_WORKSPACE = Path("htrans-workspace")

WorkspaceOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace",
        "-w",
        help="Workspace folder; also set by HTRANS_WORKSPACE. [default: htrans-workspace]",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunArgument = Annotated[
    str | None, typer.Argument(help="Name of the run; the newest if omitted.", show_default=False)
]
DeviceOption = Annotated[
    str,
    typer.Option(help="auto, cpu, cuda, or a list such as cuda:0,cuda:1.", rich_help_panel=ENGINE),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Total number of workers. [default: one per core, or --workers-per-device]",
        show_default=False,
        rich_help_panel=ENGINE,
    ),
]
WorkersPerDeviceOption = Annotated[
    int,
    typer.Option(
        min=1,
        help="Number of workers per GPU.",
        rich_help_panel=ENGINE,
    ),
]
EngineOption = Annotated[
    str | None,
    typer.Option(
        help="local: processes on this machine; ray: a Ray cluster. [default: the running one, "
        "else local]",
        show_default=False,
        rich_help_panel=ENGINE,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        help="HOST:PORT of the Ray head node. [default: RAY_ADDRESS, else this machine]",
        show_default=False,
        rich_help_panel=ENGINE,
    ),
]

_global: list[Path] = []


def workspace_at(path: Path | None) -> Workspace:
    """Return the workspace that the command line or the environment names.

    Args:
        path: Value of --workspace. It is kept for later calls, because --workspace is accepted
            before and after the command.
    """
    if path is not None:
        _global[:] = [path]
    selected = _global[0] if _global else os.environ.get("HTRANS_WORKSPACE") or DEFAULT_WORKSPACE
    return Workspace(Path(selected))


def ids_in(text: str | None) -> tuple[str, ...]:
    """Split comma-separated ids; an empty tuple for None."""
    return tuple(x.strip() for x in (text or "").split(",") if x.strip())
