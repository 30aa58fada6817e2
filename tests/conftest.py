"""Fixtures that several test files share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.workspace import Workspace
from db.connection import Store

torch.set_num_threads(1)
os.environ["OMP_NUM_THREADS"] = "1"


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
