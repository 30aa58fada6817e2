"""Which commands there are, whichever of them are loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.testing import CliRunner

from core.workspace import Workspace
from db.connection import Store
from htrans_tui.cli import COMMANDS, COMPLETION, command_line
from htrans_tui.cli.panels import PANELS
from tests.support.command_line import error_of, htrans, htrans_alone, htrans_json
from tests.support.loaded_modules import loaded_by
from tests.support.messages import tells


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


def test_delete_asks_first_and_then_takes_the_run_with_its_files(own_copy: Workspace) -> None:
    folder = own_copy.run(1)
    assert folder.is_dir()
    refused = htrans(own_copy, "delete", "small", input="n\n")
    assert refused.returncode == 1
    assert folder.is_dir()
    assert htrans(own_copy, "delete", "small", "--yes").stdout == "small: deleted\n"
    assert not folder.exists()
    assert htrans_json(own_copy, "runs") == []
    assert htrans_json(own_copy, "doctor")["problems"] == []
    assert tells(error_of(own_copy, "delete", "small", "--yes"), "run")


def test_status_says_what_is_wrong(own_copy: Workspace) -> None:
    assert htrans_json(own_copy, "status")["alerts"] == []
    store = Store(own_copy.database)
    with store.write():
        store.execute("UPDATE measures SET tp = 0, fp = 0 WHERE split = 'test'")
    store.close()
    alerts = htrans_json(own_copy, "status")["alerts"]
    assert {alert["kind"] for alert in alerts} == {"one class"}
    assert "! animals: " in htrans(own_copy, "status").stdout


def test_every_summary_fits_on_a_line_of_eighty_columns() -> None:
    shown = htrans_help()
    for name in (name for names in COMMANDS.values() for name in names):
        line = next(line for line in shown.splitlines() if line.split()[:1] == [name])
        assert len(line) <= 80
        assert not line.endswith("..."), line
        assert len(line.split()) > 2, line


def test_help_lists_every_command_in_a_panel() -> None:
    listed = [name for names in PANELS.values() for name in names]
    assert sorted(listed) == sorted(name for names in COMMANDS.values() for name in names)
    shown = htrans_help()
    assert all(f"{panel}:" in shown for panel in PANELS)


def test_options_of_train_are_in_panels() -> None:
    shown = htrans_help("train")
    panels = ["Options:", "Training:", "Systems and decision rules:", "Engine:"]
    places = [shown.index(f"\n{panel}\n") for panel in panels]
    assert places == sorted(places)
    assert shown.index("--wait") < places[1] < shown.index("--epochs") < places[2]


def htrans_help(*command: str) -> str:
    """What `--help` prints on a terminal of 80 columns."""
    result = CliRunner().invoke(
        command_line([*command, "--help"]), [*command, "--help"], env={"COLUMNS": "80"}
    )
    assert result.exit_code == 0
    return result.stdout
