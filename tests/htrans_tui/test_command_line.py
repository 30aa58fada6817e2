"""Which commands there are, whichever of them are loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import pytest
import typer

from htrans_tui.cli import COMMANDS, COMPLETION, command_line
from tests.command_line import htrans_alone
from tests.htrans_tui.test_imports import loaded_by


def names_of(app: typer.Typer) -> list[str]:
    """The commands and groups of a command line."""
    commands = [
        command.name or getattr(command.callback, "__name__", "")
        for command in app.registered_commands
    ]
    return [*commands, *(str(group.name) for group in app.registered_groups)]


@pytest.mark.parametrize("module", COMMANDS)
def test_a_module_has_the_commands_that_are_listed_for_it(module: str) -> None:
    app = typer.Typer()
    import_module(f"htrans_tui.cli.{module}").register(app)
    assert sorted(names_of(app)) == sorted(COMMANDS[module])


def test_help_and_what_is_unknown_know_every_command() -> None:
    every = sorted(name for names in COMMANDS.values() for name in names)
    for arguments in (["--help"], ["--workspace", "x", "status"], ["stauts"]):
        assert sorted(names_of(command_line(arguments))) == every


def test_a_command_brings_only_its_neighbours() -> None:
    assert "status" in names_of(command_line(["status"]))
    assert "evaluate" not in names_of(command_line(["status"]))
    assert names_of(command_line([])) == [], "the app needs none"
    assert "htrans_tui.cli.runs" not in loaded_by("htrans_tui.cli")


def test_a_shell_can_ask_for_every_command() -> None:
    asked = {COMPLETION: "complete_bash", "COMP_WORDS": "htrans-tui re", "COMP_CWORD": "1"}
    code = "import sys; sys.argv = ['htrans-tui']; from htrans_tui.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert {"reproduce", "report", "retrain", "resume", "restore"} <= set(result.stdout.split())


def test_a_mistyped_command_is_answered_with_the_one_that_is_meant() -> None:
    result = htrans_alone("stauts")
    assert result.returncode == 2
    assert "status" in result.stderr
