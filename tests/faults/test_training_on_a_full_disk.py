"""The disk fills up while a hierarchy trains: nothing is lost, and it goes on with space."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from core.workspace import Workspace
from db.connection import Store
from tests.command_line import htrans
from tests.faults.disks import mounted
from tests.faults.test_kills import models, run_state, until
from tests.small_corpus import write_corpus

OPTIONS = (
    *("--categories=cats", "--class-weights=1,3", "--epochs=6", "--patience=6"),
    *("--batch-size=4", "--hidden-units=24", "--dimensions=24", "--device=cpu"),
)


def begin(workspace: Workspace, folder: Path) -> Store:
    corpus, taxonomy = write_corpus(folder)
    arguments = ("import", str(corpus), "--name", "small", "--taxonomy", str(taxonomy))
    assert htrans(workspace, *arguments).returncode == 0
    result = htrans(workspace, "train", "small", "--name", "r", *OPTIONS)
    assert result.returncode == 0, result.stderr
    return Store(workspace.database)


def fill(root: Path) -> Path:
    """Write until nothing more fits, while others write too; return the file that did it."""
    path = root / "filler"
    with path.open("ab", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(4096))
    return path


def test_training_goes_on_with_the_same_bits_once_there_is_space_again(tmp_path: Path) -> None:
    whole = begin(Workspace(tmp_path / "whole"), tmp_path)
    until(lambda: run_state(whole) == "done", 120)
    with mounted(tmp_path / "disk", 40) as disk:
        place = Workspace(disk.root / "workspace")
        store = begin(place, tmp_path)
        until(lambda: store.value("SELECT count(*) FROM epochs") >= 2)
        filler = fill(disk.root)
        before = store.value("SELECT count(*) FROM epochs")
        until(
            lambda: (
                htrans(place, "engine", "status").stdout.startswith("no engine")
                or run_state(store) in ("paused", "pausing")
            ),
            120,
        )
        assert store.value("SELECT count(*) FROM epochs") >= before
        filler.unlink()
        until(lambda: htrans(place, "resume", "r").returncode == 0, 30)
        until(lambda: run_state(store) == "done", 120)
        assert models(store) == models(whole)
        assert store.value("SELECT sum(crashes) FROM trials") == 0
        assert "nothing is wrong" in htrans(place, "doctor").stdout
        store.close()
        until(lambda: htrans(place, "engine", "status").stdout.startswith("no engine"), 30)
