"""A run that trains until a test cancels it."""

from __future__ import annotations

import time

from core.workspace import Workspace
from db.connection import Store
from tests.support.command_line import htrans
from tests.support.made_once import wait_until_ended


def endless_run(workspace: Workspace, name: str) -> None:
    """Start a run that goes on until `still_goes_on` ends it, however slow the machine."""
    slow = (
        "--categories=animals",
        "--hidden-units=64",
        "--batch-size=2",
        "--epochs=9999",
        "--patience=9999",
        "--workers=1",
    )
    result = htrans(workspace, "train", "small", "--name", name, *slow, "--class-weights=1")
    assert result.returncode == 0, result.stderr


def still_goes_on(workspace: Workspace, name: str) -> None:
    """Wait until a run that nobody watches has trained on; then cancel it."""
    store = Store(workspace.database)

    def epochs() -> int:
        return int(store.value("SELECT count(*) FROM epochs"))

    seen, deadline = epochs(), time.monotonic() + 120
    while epochs() <= seen:
        assert time.monotonic() < deadline, "the run has stopped"
        time.sleep(0.1)
    assert store.value("SELECT state FROM runs WHERE name = ?", (name,)) == "running"
    store.close()
    result = htrans(workspace, "cancel", name)
    assert result.returncode == 0, result.stderr
    wait_until_ended(workspace)
