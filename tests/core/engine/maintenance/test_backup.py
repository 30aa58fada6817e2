"""A backup is of one moment, whole or absent, and the workspace in it can go on."""

from __future__ import annotations

import resource
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from core.engine.artifacts.run_files import checkpoints_of
from core.engine.host.identity import own_identity
from core.engine.ingest.vectors import add_vectors_file
from core.engine.maintenance.backup import FOLDER, back_up
from core.engine.maintenance.doctor import examine
from core.engine.maintenance.referred_files import embedding_tables
from core.engine.trials.scheduling import has_work
from core.errors import HTransError
from core.training.checkpoints import read_checkpoint
from core.workspace import Workspace
from db.connection import Store
from db.corpora import begin_corpus, corpus_named
from db.runs import run_with_id
from db.trials import Claim, trial_with_id
from db.workers import (
    add_worker,
    configure_engine,
    engine_of,
    present_workers,
    record_supervisor,
)
from tests.support.builders import claim_next, record_run


def unpack(archive: Path, folder: Path) -> Workspace:
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return Workspace(folder / FOLDER)


def files(place: Workspace) -> dict[str, bytes]:
    """Every file but the database and logs, by its path in the workspace, with its content."""
    return {
        str(path.relative_to(place.root)): path.read_bytes()
        for path in sorted(place.root.rglob("*"))
        if path.is_file() and path.relative_to(place.root).parts[0] in ROOMS
    }


ROOMS = ("artifacts", "corpora", "vectors")


def checkpoint(epoch: int) -> dict[str, object]:
    return {"epoch": epoch, "x": torch.ones(9)}


def claim_in_new_run(place: Workspace, store: Store) -> Claim:
    """A trial of a new run that a living worker holds and has one checkpoint of, of epoch 1."""
    run = record_run(store, corpus_named(store, "small"))
    claim = claim_next(store, add_worker(store, *own_identity(), "cpu"))
    place.run(run.id).mkdir()
    save(place, claim, 1)
    return claim


def save(place: Workspace, claim: Claim, epoch: int) -> None:
    checkpoints_of(place.run(claim.run_id), claim).save(checkpoint(epoch), claim.number)


@pytest.fixture
def store(own_copy: Workspace) -> Iterator[Store]:
    opened = Store(own_copy.database)
    yield opened
    opened.close()


@pytest.mark.parametrize("name", ["b.tar", "b.tar.gz"])
def test_every_file_that_a_row_refers_to_is_in_the_backup(
    own_copy: Workspace, store: Store, tmp_path: Path, name: str
) -> None:
    glove = tmp_path / "glove.txt"
    glove.write_text("fur 1 2 3\npaw 4 5 6\n")
    add_vectors_file(store, own_copy, str(glove), "tiny")
    before = files(own_copy)
    copied = back_up(own_copy, tmp_path / name)
    unpacked = unpack(tmp_path / name, tmp_path)
    assert files(unpacked) == before
    assert copied.files == len(before) + 1
    assert copied.bytes == (tmp_path / name).stat().st_size
    assert examine(unpacked).problems == ()
    assert not unpacked.logs.exists()


def test_a_backup_is_compressed_only_by_its_name(own_copy: Workspace, tmp_path: Path) -> None:
    back_up(own_copy, tmp_path / "b.tar")
    back_up(own_copy, tmp_path / "b.tar.gz")
    with tarfile.open(tmp_path / "b.tar", "r:") as tar:
        assert f"{FOLDER}/htrans.db" in tar.getnames()
    with tarfile.open(tmp_path / "b.tar.gz", "r:gz") as tar:
        assert f"{FOLDER}/htrans.db" in tar.getnames()


def test_a_file_without_a_row_stays_out(own_copy: Workspace, tmp_path: Path) -> None:
    (own_copy.run(1) / "c1-a1-w9.k000001.safetensors").write_bytes(b"orphan")
    (own_copy.run(1) / "c1-a1-w1.k000001.resume").write_bytes(b"of a finished trial")
    back_up(own_copy, tmp_path / "b.tar")
    with tarfile.open(tmp_path / "b.tar") as tar:
        assert not [name for name in tar.getnames() if "w9" in name or "resume" in name]


def test_in_the_copy_nothing_is_alive_and_what_ran_is_ready(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    configure_engine(store, "cpu", 1, 1)
    record_supervisor(store, *own_identity())
    begin_corpus(store, "coming", "en", "jsonl", "edges", 100, own_identity())
    claim = claim_in_new_run(own_copy, store)
    back_up(own_copy, tmp_path / "b.tar")
    unpacked = unpack(tmp_path / "b.tar", tmp_path)
    copy = Store(unpacked.database)
    engine = engine_of(copy)
    trial = trial_with_id(copy, claim.trial_id)
    assert engine is not None
    assert engine.pid is None
    assert present_workers(copy) == []
    assert (trial.state, trial.crashes) == ("ready", 0)
    assert run_with_id(copy, claim.run_id).state == "running"
    assert has_work(copy)
    assert [row["name"] for row in copy.rows("SELECT name FROM corpora")] == ["small"]
    copy.close()
    assert examine(unpacked).problems == ()
    assert trial_with_id(store, claim.trial_id).state == "running"
    assert len(present_workers(store)) == 1


def test_a_run_that_was_pausing_is_paused_in_the_copy(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    claim = claim_in_new_run(own_copy, store)
    with store.write():
        store.execute("UPDATE runs SET state = 'pausing' WHERE id = ?", (claim.run_id,))
    back_up(own_copy, tmp_path / "b.tar")
    copy = Store(unpack(tmp_path / "b.tar", tmp_path).database)
    assert run_with_id(copy, claim.run_id).state == "paused"
    copy.close()


def test_the_newest_checkpoint_of_an_unfinished_trial_comes_along(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    claim = claim_in_new_run(own_copy, store)
    save(own_copy, claim, 2)
    back_up(own_copy, tmp_path / "b.tar")
    folder = unpack(tmp_path / "b.tar", tmp_path).run(claim.run_id)
    (path,) = folder.iterdir()
    assert read_checkpoint(path)["epoch"] == 2


def test_a_checkpoint_that_is_newer_than_the_copied_rows_is_not_taken(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    claim = claim_in_new_run(own_copy, store)

    def train_on(done: int, total: int) -> None:
        save(own_copy, claim, done + 5)

    back_up(own_copy, tmp_path / "b.tar", train_on)
    folder = unpack(tmp_path / "b.tar", tmp_path).run(claim.run_id)
    (path,) = folder.iterdir()
    assert read_checkpoint(path)["epoch"] == 1


def test_a_model_that_is_missing_is_named_and_the_rest_is_copied(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    model = str(store.value("SELECT model FROM trials WHERE model IS NOT NULL"))
    (own_copy.root / model).unlink()
    before = files(own_copy)
    copied = back_up(own_copy, tmp_path / "b.tar")
    assert copied.missing == (model,)
    assert files(unpack(tmp_path / "b.tar", tmp_path)) == before


def test_a_table_that_may_be_gone_is_not_missed(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    tables = embedding_tables(store, own_copy)
    assert [len(tables.referred), len(tables.needed)] == [4, 2]
    assert back_up(own_copy, tmp_path / "b.tar").missing == ()


def test_an_existing_file_is_not_overwritten(own_copy: Workspace, tmp_path: Path) -> None:
    target = tmp_path / "b.tar"
    target.write_bytes(b"precious")
    with pytest.raises(HTransError, match=r"b\.tar: already exists"):
        back_up(own_copy, target)
    assert target.read_bytes() == b"precious"


@pytest.mark.parametrize("place", ["b.tar", "logs/b.tar", "artifacts/../b.tar"])
def test_a_target_in_the_workspace_is_refused(own_copy: Workspace, place: str) -> None:
    with pytest.raises(HTransError, match="inside the workspace"):
        back_up(own_copy, own_copy.root / place)
    assert not (own_copy.root / place).exists()


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    """Let the kernel refuse to write beyond `size` bytes, as it does on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("share_of_database", [0.5, 1.1])
def test_without_room_there_is_one_clear_line_and_no_file(
    own_copy: Workspace, store: Store, tmp_path: Path, share_of_database: float
) -> None:
    store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    limit = int(own_copy.database.stat().st_size * share_of_database)
    folder = tmp_path / "elsewhere"
    with (
        pytest.raises(HTransError, match="free some space") as raised,
        no_file_larger_than(limit),
    ):
        back_up(own_copy, folder / "b.tar")
    assert "\n" not in str(raised.value)
    assert list(folder.iterdir()) == []


def test_a_backup_that_is_interrupted_leaves_nothing(own_copy: Workspace, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    folder = tmp_path / "elsewhere"
    with pytest.raises(KeyboardInterrupt):
        back_up(own_copy, folder / "b.tar", interrupt)
    assert list(folder.iterdir()) == []


def test_the_database_is_copied_as_it_was_at_one_moment(
    own_copy: Workspace, store: Store, tmp_path: Path
) -> None:
    writer = sqlite3.connect(own_copy.database)
    writer.execute("INSERT INTO events (kind, message, at) VALUES ('half', 'uncommitted', 1)")
    back_up(own_copy, tmp_path / "b.tar")
    writer.commit()
    writer.close()
    copy = Store(unpack(tmp_path / "b.tar", tmp_path).database)
    assert copy.value("SELECT count(*) FROM events WHERE kind = 'half'") == 0
    copy.close()
