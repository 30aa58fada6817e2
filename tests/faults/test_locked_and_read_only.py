"""A locked database, a workspace that may not be written, and one that was moved."""

from __future__ import annotations

import errno
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.workspace import Workspace
from db import connection
from db.connection import Store, StoreError
from db.events import add_event
from tests.faults.disks import mounted
from tests.support.command_line import error_of, htrans, htrans_json
from tests.support.messages import naming
from tests.support.trained import Trained

HOLD = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN IMMEDIATE")
print("held", flush=True)
time.sleep(float(sys.argv[2]))
"""
TEXT = "the kitten and the puppy saw the vet"


@contextmanager
def held(database: Path, seconds: float) -> Iterator[None]:
    """Let another program hold the write lock, for so long or until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database), str(seconds)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.kill()


def write_event(store: Store) -> None:
    with store.write():
        add_event(store, "test", "written", None, None)


def events(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM events"))


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [1.0, 2.0])
def test_lock_held_for_a_second_or_two_only_delays_a_writer(store: Store, seconds: float) -> None:
    with held(store.path, seconds):
        started = time.monotonic()
        write_event(store)
        waited = time.monotonic() - started
    assert waited > seconds / 2
    assert events(store) == 1


def test_lock_held_longer_than_the_timeout_is_one_clear_error(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.3)
    store = Store(workspace.database, create=True)
    with held(workspace.database, 60):
        with pytest.raises(StoreError, match=naming(f"{workspace.database}:", "locked")):
            write_event(store)
        assert events(store) == 0
    write_event(store)
    assert events(store) == 1
    store.close()


def test_locked_database_is_opened_and_read_at_once(
    store: Store, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_event(store)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT", 0.0)
    with held(workspace.database, 60):
        other = Store(workspace.database)
        assert events(other) == 1
        other.close()
        assert htrans(workspace, "runs", timeout=20).returncode == 0


@pytest.fixture
def read_only(own_copy: Workspace, tmp_path: Path) -> Iterator[Workspace]:
    """The trained workspace on a disk that refuses every write."""
    with mounted(tmp_path / "disk", 64) as disk:
        place = Workspace(disk.root / "workspace")
        shutil.copytree(own_copy.root, place.root)
        disk.make_read_only()
        with pytest.raises(OSError) as raised:  # noqa: PT011 — its number is checked
            (place.root / "new").touch()
        assert raised.value.errno == errno.EROFS
        yield place


@pytest.mark.parametrize("command", ["status", "runs"])
def test_read_only_workspace_is_shown(read_only: Workspace, command: str) -> None:
    result = htrans(read_only, command)
    assert result.returncode == 0, result.stderr
    assert "small" in result.stdout
    assert result.stderr == ""


def test_read_only_workspace_refuses_to_train_in_one_clear_line(read_only: Workspace) -> None:
    message = error_of(read_only, "train", "small", "--name", "again")
    assert "not writable" in message or "read-only" in message


def test_read_only_workspace_refuses_an_import_in_one_clear_line(
    read_only: Workspace, trained: Trained
) -> None:
    source = trained.folder / "corpus.jsonl"
    message = error_of(
        read_only, "import", str(source), "--name", "other", "--taxonomy-format", "paths"
    )
    assert "not writable" in message or "read-only" in message


@pytest.mark.slow
def test_workspace_that_was_moved_answers_as_before(own_copy: Workspace) -> None:
    status = htrans_json(own_copy, "status", "small")
    classified = htrans_json(own_copy, "classify", "small", TEXT)
    moved = Workspace(own_copy.root.with_name("moved here"))
    own_copy.root.rename(moved.root)
    assert htrans_json(moved, "classify", "small", TEXT) == classified
    evaluation = htrans_json(moved, "evaluate", "small", "--device", "cpu")
    assert evaluation["micro"]["f1"] == pytest.approx(status["run"]["test_micro_f1"])
    shown = htrans_json(moved, "status", "small")
    assert shown["run"] == status["run"]
    assert shown["categories"] == status["categories"]
    assert not own_copy.root.exists()
