"""What the tests of the documentation share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.stand_ins import make_files, make_workspace, small_world
from tests.support.made_once import made_once


@pytest.fixture(scope="session")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the documents name, to be copied."""

    def make(folder: Path) -> None:
        make_files(folder)
        with small_world(), pytest.MonkeyPatch.context() as patched:
            patched.chdir(folder)
            make_workspace()

    return made_once(tmp_path_factory, "stand-ins", make)
