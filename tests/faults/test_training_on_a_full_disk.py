"""The disk fills up while a hierarchy trains: nothing is lost, and it goes on with space."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from core.engine.host.launch import running_supervisor
from core.workspace import Workspace
from tests.faults.disks import mounted
from tests.faults.engine_runs import Models, models, run_state, start
from tests.support.command_line import htrans, htrans_json
from tests.support.waiting import until

pytestmark = pytest.mark.slow


def fill(root: Path) -> Path:
    """Write until nothing more fits, while others write too; return the file that did it."""
    path = root / "filler"
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def test_training_goes_on_with_the_same_bits_once_there_is_space_again(
    once_imported: Path, undisturbed: Models, tmp_path: Path
) -> None:
    with mounted(tmp_path / "disk", 40) as disk:
        place = Workspace(disk.root / "workspace")
        shutil.copytree(once_imported, place.root)
        store = start(place, "--categories=animals")
        until(lambda: store.value("SELECT count(*) FROM epochs") >= 2)
        filler = fill(disk.root)
        before = store.value("SELECT count(*) FROM epochs")
        until(
            lambda: running_supervisor(store) is None or run_state(store) in ("paused", "pausing"),
            120,
        )
        assert store.value("SELECT count(*) FROM epochs") >= before
        filler.unlink()
        until(lambda: htrans(place, "resume", "r").returncode == 0, 30)
        until(lambda: run_state(store) == "done", 120)
        assert models(store) == undisturbed.part("animals")
        assert store.value("SELECT sum(crashes) FROM trials") == 0
        assert htrans_json(place, "doctor")["problems"] == []
        store.close()
        until(lambda: not htrans_json(place, "engine", "status")["running"], 30)
