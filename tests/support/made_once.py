"""Folders that are expensive to make: the first test process makes one, the others wait for it."""

from __future__ import annotations

import fcntl
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from core.engine.maintenance.doctor import engine_at_work
from core.workspace import Workspace
from db.connection import Store


def made_once(
    tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]
) -> Path:
    """The folder of that name that every test process shares, filled by `make` if it is not yet.

    Nobody may write to it afterwards: copies are taken from it at any time.
    """
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    folder, whole = base / name, base / f"{name}.whole"
    with (base / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


def wait_until_ended(workspace: Workspace, seconds: float = 60) -> None:
    """Wait until no process of the engine has the workspace open."""
    store = Store(workspace.database)
    deadline = time.monotonic() + seconds
    while engine_at_work(store):
        assert time.monotonic() < deadline, "the engine does not end"
        time.sleep(0.1)
    store.close()
    with workspace.supervisor_lock.open("ab") as lock:
        # A supervisor that has said goodbye still closes the database, which removes files.
        fcntl.flock(lock, fcntl.LOCK_EX)
