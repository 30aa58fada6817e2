"""Deleting a run takes its rows and files, and nothing of any other."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engine.host.identity import own_identity
from core.engine.runs.deletion import delete_run
from core.engine.runs.steering import pause_run
from core.errors import ConflictError, HTransError
from core.workspace import Workspace
from db.connection import Store
from db.runs import Run, list_runs
from db.scorings import claim_scoring
from db.workers import add_worker, set_worker_state
from tests.support.builders import (
    claim_next,
    contents,
    finish_all,
    record_corpus,
    record_run,
    start_worker,
)


@pytest.fixture
def two(store: Store) -> tuple[Run, Run]:
    corpus = record_corpus(store)
    runs = record_run(store, corpus, name="one"), record_run(store, corpus, name="two")
    finish_all(store, start_worker(store))
    return runs


def of_run(store: Store, table: str) -> int:
    return int(store.value(f"SELECT count(*) FROM {table}"))


def test_rows_and_files_of_the_run_go_and_the_others_stay(
    store: Store, workspace: Workspace, two: tuple[Run, Run]
) -> None:
    one, other = two
    for run in two:
        workspace.run(run.id).mkdir(parents=True)
        (workspace.run(run.id) / "c1-a1-w1.k000001.safetensors").write_bytes(b"model")
    trials = of_run(store, "trials")
    delete_run(store, workspace, one)
    assert [run.name for run in list_runs(store)] == ["two"]
    assert of_run(store, "trials") == trials // 2
    assert store.rows("PRAGMA foreign_key_check") == []
    assert not workspace.run(one.id).exists()
    assert list(workspace.run(other.id).iterdir())


def test_embedding_tables_go_with_the_last_run_that_has_them(
    store: Store, workspace: Workspace, two: tuple[Run, Run]
) -> None:
    table = workspace.embeddings / "table.safetensors"
    table.write_bytes(b"embeddings")
    delete_run(store, workspace, two[0])
    assert table.exists(), "the other run has the same table"
    delete_run(store, workspace, two[1])
    assert not table.exists()


def test_a_table_that_cannot_be_removed_is_told_and_the_run_is_gone(
    store: Store, workspace: Workspace, two: tuple[Run, Run]
) -> None:
    table = workspace.embeddings / "table.safetensors"
    table.mkdir()
    delete_run(store, workspace, two[0])
    with pytest.raises(HTransError, match=r"two is deleted, but .*table.safetensors cannot be"):
        delete_run(store, workspace, two[1])
    assert list_runs(store) == []


def test_a_run_at_work_is_not_deleted(store: Store, workspace: Workspace) -> None:
    run = record_run(store, record_corpus(store), name="busy")
    before = contents(store)
    with pytest.raises(ConflictError, match="busy is running; pause or cancel it first"):
        delete_run(store, workspace, run)
    assert contents(store) == before
    claim_next(store, start_worker(store))
    pause_run(store, run)
    with pytest.raises(ConflictError, match="busy is pausing"):
        delete_run(store, workspace, run)


def test_a_run_is_not_deleted_while_a_live_worker_scores_it(
    store: Store, workspace: Workspace
) -> None:
    run = record_run(store, record_corpus(store), name="scored")
    finish_all(store, start_worker(store))
    alive = add_worker(store, *own_identity(), "cpu")
    assert claim_scoring(store, alive) is not None
    with pytest.raises(ConflictError, match="documents of scored are being scored"):
        delete_run(store, workspace, run)
    set_worker_state(store, alive, "idle")
    dead = add_worker(store, own_identity()[0], 1.0, "cpu")
    assert claim_scoring(store, dead) is not None
    delete_run(store, workspace, run)
    assert list_runs(store) == []


def test_a_folder_that_is_not_there_is_no_error(
    store: Store, workspace: Workspace, two: tuple[Run, Run], tmp_path: Path
) -> None:
    delete_run(store, workspace, two[0])
    assert not workspace.run(two[0].id).exists()
