"""Fixtures that several test files share."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings

from core.workspace import Workspace
from db.connection import Store
from tests.support.command_line import TRAIN_QUICKLY, htrans
from tests.support.made_once import made_once, wait_until_ended
from tests.support.small_corpus import write_corpus
from tests.support.trained import Trained

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what it runs in the background so; tests interrupt the processes they start.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy or paused machine must not fail a property-based test.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"
# Else each of the hundreds of processes that tests start compiles the program anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


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


@pytest.fixture(scope="session")
def once_trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with corpus, taxonomy and a trained workspace, to be copied and never opened.

    Imported and trained once, through the command line and real processes.
    """

    def train(folder: Path) -> None:
        corpus, taxonomy = write_corpus(folder)
        place = Workspace(folder / "workspace")
        imported = htrans(
            place, "import", str(corpus), "--name", "small", "--taxonomy", str(taxonomy)
        )
        assert imported.returncode == 0, imported.stderr
        result = htrans(
            place, "train", "small", "--name", "small", *TRAIN_QUICKLY, "--workers=2", "--wait"
        )
        assert result.returncode == 0, result.stderr
        wait_until_ended(place)

    return made_once(tmp_path_factory, "once-trained", train)


@pytest.fixture(scope="session")
def trained(once_trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The trained workspace for tests that only look: whoever trains or damages takes a copy."""
    folder = tmp_path_factory.mktemp("trained") / "copy"
    shutil.copytree(once_trained, folder)
    return Trained(Workspace(folder / "workspace"), folder)


@pytest.fixture
def own_copy(once_trained: Path, tmp_path: Path) -> Workspace:
    """A copy of the trained workspace that a test may train in or damage."""
    shutil.copytree(once_trained / "workspace", tmp_path / "copy")
    return Workspace(tmp_path / "copy")
