"""A full disk: one clear line, what was there before stays good, and nothing half-made is left."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from core.errors import CorruptFileError
from core.models.model_files import ModelInfo, load_model
from core.training.checkpoints import TrialCheckpoints
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.events import add_event
from tests.faults.disks import Disk, mounted
from tests.faults.lines import answers_or_explains
from tests.support.command_line import error_of, htrans, htrans_json
from tests.support.models import save_model

MEBIBYTE = 1024 * 1024
DOCUMENTS = 6_000
NUMBERS = 500_000
"""Numbers in a checkpoint or model: two megabytes."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """An empty disk of 8 MiB."""
    with mounted(tmp_path / "disk", 8) as small:
        yield small


@pytest.fixture
def long_corpus(tmp_path: Path) -> Path:
    """A corpus that takes 12 MB as rows and 2.4 MB as token arrays, of 100 words each."""
    path = tmp_path / "long.jsonl"
    text = " ".join(f"w{i}" for i in range(400))
    with path.open("w", encoding="utf-8") as file:
        for i in range(DOCUMENTS):
            file.write(json.dumps({"id": f"d{i}", "text": f"{text} {i}", "labels": ["a/b"]}) + "\n")
    return path


def names(folder: Path) -> list[str]:
    return sorted(child.name for child in folder.iterdir() if child.name != "filler")


def import_(workspace: Workspace, source: Path) -> str:
    """The error of an import that must fail."""
    return error_of(
        workspace, "import", str(source), "--name", "long", "--taxonomy-format", "paths"
    )


def assert_no_corpus_and_no_file(workspace: Workspace) -> None:
    assert htrans_json(workspace, "corpora") == []
    corpora = workspace.corpus(1).parent
    assert not corpora.exists() or names(corpora) == []


def rows_of_corpora(workspace: Workspace) -> dict[str, int]:
    store = Store(workspace.database)
    tables = ("corpora", "categories", "documents", "document_categories")
    rows = {table: int(store.value(f"SELECT count(*) FROM {table}")) for table in tables}
    store.close()
    return rows


@pytest.mark.slow
def test_import_onto_a_full_disk_fails_and_leaves_nothing_behind(
    disk: Disk, long_corpus: Path
) -> None:
    """Its rows may stay, unseen, until the next import: deleting needs space in the log too."""
    workspace = Workspace(disk.root / "workspace")
    assert "disk is full" in import_(workspace, long_corpus)
    assert_no_corpus_and_no_file(workspace)


@pytest.mark.slow
def test_import_onto_a_disk_too_full_for_its_arrays_says_so_and_leaves_nothing(
    tmp_path: Path, long_corpus: Path
) -> None:
    workspace = Workspace(tmp_path / "workspace")
    with mounted(workspace.corpus(1).parent, 2):
        message = import_(workspace, long_corpus)
        assert_no_corpus_and_no_file(workspace)
        assert set(rows_of_corpora(workspace).values()) == {0}
        assert "disk is full" in message or "No space left" in message


def test_import_into_a_workspace_that_cannot_be_made_says_so(disk: Disk, long_corpus: Path) -> None:
    disk.fill()
    workspace = Workspace(disk.root / "workspace")
    message = import_(workspace, long_corpus)
    assert "disk is full" in message or "No space left" in message


@pytest.mark.slow
def test_import_works_once_there_is_space_again(tmp_path: Path, long_corpus: Path) -> None:
    with mounted(tmp_path / "disk", 64) as disk:
        workspace = Workspace(disk.root / "workspace")
        filler = disk.fill(leave=6 * MEBIBYTE)
        assert "full" in import_(workspace, long_corpus)
        filler.unlink()
        result = htrans(
            workspace, "import", str(long_corpus), "--name", "long", "--taxonomy-format", "paths"
        )
        assert result.returncode == 0, result.stderr
        assert [corpus["documents"] for corpus in htrans_json(workspace, "corpora")] == [DOCUMENTS]
        assert names(workspace.corpus(2).parent) == [workspace.corpus(2).name]
        assert rows_of_corpora(workspace) == {
            "corpora": 1,
            "categories": 2,
            "documents": DOCUMENTS,
            "document_categories": 2 * DOCUMENTS,
        }


def a_checkpoint(epoch: int) -> dict[str, object]:
    return {"epoch": epoch, "network": {"weight": torch.full((NUMBERS,), float(epoch))}}


def saves_no_more(checkpoints: TrialCheckpoints, epoch: int, claim: int) -> None:
    with pytest.raises(OSError) as raised:  # noqa: PT011 — its number is checked
        checkpoints.save(a_checkpoint(epoch), claim)
    assert raised.value.errno == errno.ENOSPC


def refuse(error: CorruptFileError) -> None:
    raise error


@pytest.mark.parametrize("leave", [0, 64 * 1024, MEBIBYTE])
@pytest.mark.parametrize("claim", [1, 2])
def test_a_checkpoint_onto_a_full_disk_keeps_the_previous_one(
    disk: Disk, leave: int, claim: int
) -> None:
    checkpoints = TrialCheckpoints(disk.root, "c1-a1-w1", "run 1 trial 1")
    checkpoints.save(a_checkpoint(1), claim=1)
    checkpoints.save(a_checkpoint(2), claim=1)
    before = names(disk.root)
    filler = disk.fill(leave)
    for _ in range(3):
        saves_no_more(checkpoints, 3, claim)
    assert names(disk.root) == before
    loaded = checkpoints.load(refuse)
    assert loaded is not None
    assert loaded["epoch"] == 2
    filler.unlink()
    checkpoints.save(a_checkpoint(3), claim)
    loaded = checkpoints.load(refuse)
    assert loaded is not None
    assert loaded["epoch"] == 3


@pytest.mark.parametrize("leave", [0, 64 * 1024, MEBIBYTE])
def test_model_onto_a_full_disk_keeps_the_one_before_and_leaves_no_temporary_file(
    disk: Disk, leave: int
) -> None:
    path = disk.root / "model.safetensors"
    info = ModelInfo("gru-att", ("cats",), 1.0, "0" * 64, 96, 0.2)
    save_model(path, {"weight": torch.full((NUMBERS,), 1.0)}, info)
    disk.fill(leave)
    with pytest.raises(Exception, match=r"[Nn]o space|StorageFull"):
        save_model(path, {"weight": torch.full((NUMBERS,), 2.0)}, info)
    assert names(disk.root) == ["model.safetensors"]
    assert torch.equal(load_model(path)[0]["weight"], torch.full((NUMBERS,), 1.0))


def write_events(store: Store, number: int, length: int) -> None:
    with store.write():
        for _ in range(number):
            add_event(store, "test", "x" * length, None, None)


def write_events_for_ever(store: Store, written: list[int]) -> None:
    """Write one event a transaction; note the number of each that is there."""
    while True:
        write_events(store, 1, 20_000)
        written.append(len(written))


def events(store: Store) -> int:
    return int(store.value("SELECT count(*) FROM events"))


@pytest.mark.parametrize("durable", [False, True])
def test_write_onto_a_full_disk_says_so_and_works_again_with_space(
    disk: Disk, durable: bool
) -> None:
    store = Store(disk.root / "htrans.db", create=True)
    write_events(store, 5, 100)
    filler = disk.fill(leave=64 * 1024)
    for _ in range(3):
        with pytest.raises(StoreError, match="disk is full"):
            write_events(store, 20, 50_000)
        assert events(store) == 5
    other = Store(disk.root / "htrans.db")
    assert events(other) == 5
    other.close()
    filler.unlink()
    with store.write(durable=durable):
        add_event(store, "test", "space again", None, None)
    write_events(store, 20, 50_000)
    assert events(store) == 26
    assert store.value("PRAGMA integrity_check") == "ok"
    store.close()
    again = Store(disk.root / "htrans.db")
    assert events(again) == 26
    assert again.value("PRAGMA integrity_check") == "ok"
    again.close()


def test_full_disk_while_the_log_is_copied_into_the_database_loses_nothing(disk: Disk) -> None:
    store = Store(disk.root / "htrans.db", create=True)
    written: list[int] = []
    with pytest.raises(StoreError, match="disk is full"):
        write_events_for_ever(store, written)
    assert written
    assert events(store) == len(written)
    store.close()
    again = Store(disk.root / "htrans.db")
    assert events(again) == len(written)
    assert again.value("PRAGMA integrity_check") == "ok"
    again.close()


@pytest.mark.parametrize("command", [("corpora",), ("runs",), ("status",)])
def test_command_on_a_full_disk_answers_or_says_why_not(
    disk: Disk, command: tuple[str, ...]
) -> None:
    workspace = Workspace(disk.root / "workspace")
    workspace.create()
    Store(workspace.database, create=True).close()
    disk.fill()
    answers_or_explains(htrans(workspace, *command))
