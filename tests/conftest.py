"""Fixtures that several test files share."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from core.engine.doctor import engine_at_work
from core.workspace import Workspace
from db.connection import Store
from tests.command_line import TRAIN_QUICKLY, htrans
from tests.small_corpus import write_corpus

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads or writes the settings and views of whoever runs it."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("HTRANS_SETTINGS", raising=False)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An empty workspace."""
    place = Workspace(tmp_path / "workspace")
    place.create()
    return place


@pytest.fixture
def store(workspace: Workspace) -> Iterator[Store]:
    """The database of the empty workspace."""
    opened = Store(workspace.database, create=True)
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder with Reuters-21578, GoEmotions and GloVe; skips where it is absent."""
    named = os.environ.get("HTRANS_TEST_DATA")
    folder = Path(named) if named else Path(__file__).parents[2] / "shared" / "data"
    if not (folder / "reuters21578").is_dir():
        pytest.skip("needs the shared data: set HTRANS_TEST_DATA to its folder")
    return folder


@dataclass(frozen=True)
class Trained:
    """A workspace with the small corpus and a finished run of it named `small`."""

    workspace: Workspace
    folder: Path


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Import and train once, through the command line and real processes."""
    folder = tmp_path_factory.mktemp("trained")
    corpus, taxonomy = write_corpus(folder)
    place = Workspace(folder / "workspace")
    htrans(
        place, "import", str(corpus), "--name", "small", "--taxonomy", str(taxonomy)
    ).check_returncode()
    result = htrans(place, "train", "small", "--name", "small", *TRAIN_QUICKLY, "--wait")
    assert result.returncode == 0, result.stderr
    return Trained(place, folder)


@pytest.fixture
def own_copy(trained: Trained, tmp_path: Path) -> Workspace:
    """A copy of the trained workspace, with no process at work, that a test may damage."""
    store = Store(trained.workspace.database)
    deadline = time.monotonic() + 60
    while engine_at_work(store):
        assert time.monotonic() < deadline, "the engine of the trained workspace does not end"
        time.sleep(0.1)
    store.close()
    with trained.workspace.supervisor_lock.open("ab") as lock:
        # A supervisor that has said goodbye still closes the database, which removes files.
        fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.copytree(trained.workspace.root, tmp_path / "copy")
    return Workspace(tmp_path / "copy")
