"""Options that several commands share."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass
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


@dataclass
class GlobalOptions:
    """Options of one call of the program that every command reads."""

    workspace: Path | None = None

    def chosen_workspace(self) -> Workspace:
        """The workspace of --workspace, of the environment, or the default."""
        return Workspace(
            Path(self.workspace or os.environ.get("HTRANS_WORKSPACE") or DEFAULT_WORKSPACE)
        )


_OPTIONS: ContextVar[GlobalOptions] = ContextVar("options")


def begin_call() -> GlobalOptions:
    """Forget the options of an earlier call in this process; return those of a new call."""
    options = GlobalOptions()
    _OPTIONS.set(options)
    return options


def workspace_at(path: Path | None) -> Workspace:
    """Return the workspace that the command line or the environment names.

    Args:
        path: Value of --workspace. It is kept for later calls, because --workspace is accepted
            before and after the command.
    """
    options = _OPTIONS.get(None) or begin_call()
    if path is not None:
        options.workspace = path
    return options.chosen_workspace()


def ids_in(text: str | None) -> tuple[str, ...]:
    """Split comma-separated ids; an empty tuple for None."""
    return tuple(x.strip() for x in (text or "").split(",") if x.strip())
