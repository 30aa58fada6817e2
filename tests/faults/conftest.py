"""Workspaces for runs that are disturbed, and the models that they must come to all the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.faults.engine_runs import Models, engine_processes, models, run_state, start
from tests.faults.mode import FULL
from tests.support.command_line import htrans
from tests.support.made_once import made_once, wait_until_ended
from tests.support.small_corpus import write_corpus
from tests.support.waiting import until


@pytest.fixture(scope="session")
def once_imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the larger small corpus, to be copied."""

    def import_it(folder: Path) -> None:
        corpus, taxonomy = write_corpus(folder, larger=True)
        arguments = ("import", str(corpus), "--name", "small", "--taxonomy", str(taxonomy))
        result = htrans(Workspace(folder / "workspace"), *arguments)
        assert result.returncode == 0, result.stderr

    return made_once(tmp_path_factory, "once-imported", import_it) / "workspace"


@pytest.fixture(scope="session")
def undisturbed(once_imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """What a run comes to that nobody disturbs: of every category if tests go on in full.

    What is trained of one category does not depend on which others the run has.
    """

    def train(folder: Path) -> None:
        place = Workspace(folder / "workspace")
        shutil.copytree(once_imported, place.root)
        store = start(place, *(() if FULL else ("--categories=cats,dogs",)))
        until(lambda: run_state(store) == "done", 280)
        store.close()
        wait_until_ended(place)

    folder = made_once(tmp_path_factory, "undisturbed", train)
    store = Store(Workspace(folder / "workspace").database)
    found = models(store)
    store.close()
    assert len(found.of) == (22 if FULL else 6)
    assert None not in found.of.values()
    return found


@pytest.fixture
def workspaces(once_imported: Path, tmp_path: Path) -> Iterator[Callable[[str], Workspace]]:
    """Makes workspaces that hold the small corpus; ends their engines afterwards."""
    made: list[Workspace] = []

    def make(name: str) -> Workspace:
        workspace = Workspace(tmp_path / name)
        made.append(workspace)
        shutil.copytree(once_imported, workspace.root)
        return workspace

    yield make
    for workspace in made:
        for process in engine_processes(workspace):
            with suppress(psutil.NoSuchProcess):
                process.kill()
