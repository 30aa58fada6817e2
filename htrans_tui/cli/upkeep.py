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
    """Add the commands of this module."""
    app.command()(doctor)
    app.command()(backup)
    app.command()(settings)


def doctor(
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair what can be repaired without losing a result.")
    ] = False,
    workspace: WorkspaceOption = None,
    json: JsonOption = False,
) -> None:
    """Check the installation and the workspace for problems.

    Checks every file of the workspace. The exit code is 1 if problems remain.
    """
    from core.engine.maintenance.doctor import Examination, examine
    from core.engine.maintenance.machine import this_machine

    place = workspace_at(workspace)
    there = place.database.is_file()
    with progress("examining", "checks") as step:
        machine = this_machine()
        found = examine(place, fix=fix, progress=step) if there else Examination((), ())
    if json:
        print_json(
            {
                **dataclasses.asdict(machine),
                "workspace": str(place.root) if there else None,
                "problems": [dataclasses.asdict(f) for f in found.problems],
                "notes": [dataclasses.asdict(f) for f in found.left if f.is_note],
                "mended": [dataclasses.asdict(f) for f in found.repaired],
            }
        )
    else:
        _print_machine(machine)
        if there:
            _print_examination(found)
        else:
            print(f"{place.root} is no workspace yet: nothing else to examine")
    if found.problems:
        raise typer.Exit(1)


def _print_machine(machine: Machine) -> None:
    print(", ".join(f"{name} {version}" for name, version in machine.versions.items()))
    cuda = machine.cuda_devices
    print(
        f"{machine.cpu_cores} CPU core{'s' if machine.cpu_cores != 1 else ''}, "
        f"{cuda or 'no'} CUDA device{'s' if cuda != 1 else ''}"
    )


def _print_examination(found: Examination) -> None:
    for mended in found.repaired:
        print(printable(f"mended: {mended.kind} {mended.subject}: {mended.problem}"))
    for finding in found.left:
        sign = "note" if finding.is_note else "problem"
        text = f"{finding.kind} {finding.subject}: {finding.problem}; {finding.remedy}"
        print(printable(f"{sign}: {text}"))
    number = len(found.problems)
    if number:
        print(f"{number} problem{'s' if number != 1 else ''} left")
    else:
        print("nothing is wrong")


def backup(
    file: Annotated[Path, typer.Argument(help="The new .tar file, or .tar.gz to compress it.")],
    workspace: WorkspaceOption = None,
) -> None:
    """Copy the workspace into one tar archive.

    Training may continue meanwhile. Unpack the archive with tar.
    """
    from core.engine.maintenance.backup import back_up

    place = workspace_at(workspace)
    with progress("copying", "files") as step:
        copied = back_up(place, file, step)
    print(f"{file}: {copied.files:,} files, {copied.bytes / 1e6:,.1f} MB")
    if copied.missing:
        raise HTransError(
            f"{file} was written, but files that the database refers to are missing: "
            f"{len(copied.missing)}, first {copied.missing[0]}; see: htrans-tui doctor"
        )


def settings() -> None:
    """Print the app's settings and keys as TOML.

    The path of the settings file goes to standard error.
    """
    from htrans_tui.app.preferences import as_toml, read_preferences

    found = read_preferences()
    say(f"kept in {found.path}{'' if found.path.exists() else ', which is not there yet'}")
    print(as_toml(found), end="")
