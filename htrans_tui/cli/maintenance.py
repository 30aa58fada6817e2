"""Commands: doctor, backup, settings."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import HTransError
from core.text.plain_text import printable
from htrans_tui.cli.options import JsonOption, WorkspaceOption, workspace_at
from htrans_tui.cli.output import print_json, progress, say

if TYPE_CHECKING:
    from core.engine.maintenance.doctor import Examination
    from core.engine.maintenance.machine import Machine


def register(app: typer.Typer) -> None:
    """Register the commands of this module."""
    app.command()(doctor)
    app.command()(backup)
    app.command()(settings)


def doctor(
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Repair problems that can be fixed without losing results."),
    ] = False,
    workspace_path: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Check the installation and the workspace for problems.

    Checks every file of the workspace. Exits with code 1 if problems remain.
    """
    from core.engine.maintenance.doctor import Examination, examine
    from core.engine.maintenance.machine import this_machine

    workspace = workspace_at(workspace_path)
    is_workspace = workspace.database.is_file()
    with progress("checking", "checks") as step:
        machine = this_machine()
        result = examine(workspace, fix=fix, progress=step) if is_workspace else Examination((), ())
    if json:
        print_json(
            {
                **dataclasses.asdict(machine),
                "workspace": str(workspace.root) if is_workspace else None,
                "problems": [dataclasses.asdict(f) for f in result.problems],
                "notes": [dataclasses.asdict(f) for f in result.left if f.is_note],
                "mended": [dataclasses.asdict(f) for f in result.repaired],
            }
        )
    else:
        _print_machine(machine)
        if is_workspace:
            _print_examination(result)
        else:
            print(f"{workspace.root} is not a workspace; only the installation was checked")
    if result.problems:
        raise typer.Exit(1)


def _print_machine(machine: Machine) -> None:
    print(", ".join(f"{name} {version}" for name, version in machine.versions.items()))
    cuda = machine.cuda_devices
    print(
        f"{machine.cpu_cores} CPU core{'s' if machine.cpu_cores != 1 else ''}, "
        f"{cuda or 'no'} CUDA device{'s' if cuda != 1 else ''}"
    )


def _print_examination(result: Examination) -> None:
    for issue in result.repaired:
        print(printable(f"repaired: {issue.kind} {issue.subject}: {issue.problem}"))
    for issue in result.left:
        severity = "note" if issue.is_note else "problem"
        text = f"{issue.kind} {issue.subject}: {issue.problem}; {issue.remedy}"
        print(printable(f"{severity}: {text}"))
    remaining = len(result.problems)
    if remaining:
        print(f"{remaining} problem{'s' if remaining != 1 else ''} left")
    else:
        print("no problems found")


def backup(
    file: Annotated[Path, typer.Argument(help="New .tar file, or .tar.gz to compress it.")],
    workspace_path: WorkspaceOption = None,
) -> None:
    """Copy the workspace into one tar archive.

    Training may continue during the backup. Restore it by unpacking it with tar.
    """
    from core.engine.maintenance.backup import back_up

    workspace = workspace_at(workspace_path)
    with progress("copying", "files") as step:
        copied = back_up(workspace, file, step)
    print(f"{file}: {copied.files:,} files, {copied.bytes / 1e6:,.1f} MB")
    if copied.missing:
        raise HTransError(
            f"{file} is incomplete: {len(copied.missing)} missing from the workspace, first "
            f"{copied.missing[0]}; see: htrans-tui doctor"
        )


def settings() -> None:
    """Print the app's settings and keys as TOML.

    Prints the path of the settings file to standard error.
    """
    from htrans_tui.app.preferences import as_toml, read_preferences

    preferences = read_preferences()
    missing = "" if preferences.path.exists() else " (does not exist yet)"
    say(f"settings file: {preferences.path}{missing}")
    print(as_toml(preferences), end="")
