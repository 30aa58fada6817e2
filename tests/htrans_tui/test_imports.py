"""What loading a module brings along, seen in a fresh process."""

from __future__ import annotations

import pkgutil

import pytest

import core
from tests.support.loaded_modules import HEAVY, loaded_by


@pytest.mark.parametrize(
    "module", ["htrans_tui.cli", "htrans_tui.app.app", "core.engine.processes.supervisor"]
)
def test_front_ends_and_supervisor_load_nothing_heavy(module: str) -> None:
    assert loaded_by(module).isdisjoint(HEAVY)


def test_command_line_loads_no_textual() -> None:
    assert "textual" not in loaded_by("htrans_tui.cli")


def test_what_answers_at_once_loads_no_arrays_and_no_schema_tools() -> None:
    loaded = loaded_by(
        "htrans_tui.cli", "core.engine.monitoring.status", "htrans_tui.app.screens.runs"
    )
    assert loaded.isdisjoint({"numpy", "sqlite_utils", "tomlkit", "pynvml"})


def test_status_loads_nothing_heavy() -> None:
    assert loaded_by("htrans_tui.cli", "core.engine.monitoring.status", "db.runs").isdisjoint(HEAVY)


def test_db_loads_neither_torch_nor_textual() -> None:
    loaded = loaded_by("db.connection", "db.corpora", "db.runs", "db.trials", "db.workers")
    assert loaded.isdisjoint({*HEAVY, "textual"})


@pytest.mark.slow
def test_core_outside_the_engine_does_not_know_db() -> None:
    outside = [
        module.name
        for module in pkgutil.walk_packages(core.__path__, "core.")
        if not module.name.startswith("core.engine")
    ]
    loaded = loaded_by(*outside)
    assert "core.training.epochs" in loaded
    assert not {name for name in loaded if name == "db" or name.startswith(("db.", "core.engine"))}


@pytest.mark.slow
def test_core_and_db_know_no_front_end() -> None:
    modules = [
        module.name
        for module in pkgutil.walk_packages(core.__path__, "core.")
        if module.name != "core.engine.prediction.inference_server"
    ]
    assert loaded_by(*modules).isdisjoint({"textual", "typer", "htrans_tui"})
