"""Runs of every system that is not the one of `trained`, trained once for all processes."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.support.builders import import_small_corpus, start_system, train_here
from tests.support.made_once import made_once
from tests.support.trained import OTHER_SYSTEMS


@pytest.fixture(scope="session")
def once_trained_systems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a finished run of each of `OTHER_SYSTEMS`, to be copied."""

    def train(folder: Path) -> None:
        place = Workspace(folder / "workspace")
        place.create()
        store = Store(place.database, create=True)
        import_small_corpus(store, place, folder, number=120)
        with pytest.MonkeyPatch.context() as patched:
            asleep = "core.engine.runs.starting.ensure_supervisor"
            patched.setattr(asleep, lambda store, place: None)
            for system, changes in OTHER_SYSTEMS.items():
                run = start_system(store, place, "small", system, **changes)
                with store.write():
                    store.execute("UPDATE runs SET name = ? WHERE id = ?", (system, run.id))
                train_here(store, place, run)
        store.close()

    return made_once(tmp_path_factory, "once-trained-systems", train) / "workspace"


@pytest.fixture(scope="session")
def systems(once_trained_systems: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The runs of `OTHER_SYSTEMS`, for tests that train nothing and set no threshold."""
    folder = tmp_path_factory.mktemp("systems") / "copy"
    shutil.copytree(once_trained_systems, folder)
    return Workspace(folder)
