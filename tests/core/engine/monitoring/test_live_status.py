"""Reading a run again and again says what reading it at once says, and reads only what is new."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.engine.monitoring.live_status import LiveRuns, LiveStatus
from core.engine.monitoring.losses import losses_among, losses_of
from core.engine.monitoring.status import SILENT, all_runs, status_of
from core.engine.runs.retraining import RetrainRequest, restore, retrain
from core.engine.runs.steering import cancel_in_run, pause_category, pause_run, resume_category
from core.engine.trials import scheduling
from core.workspace import Workspace
from db.connection import Store
from db.metrics import record_metrics
from db.runs import Run, run_with_id
from db.trials import claim_trial, record_epoch, record_progress
from db.workers import set_worker_state, worker_heartbeat
from tests.support.builders import (
    an_epoch,
    category_of,
    claim_next,
    finish_all,
    finish_with,
    record_corpus,
    record_run,
    record_shared_run,
    start_worker,
)

NOW = 2_000_000_000.0


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is started."""
    for module in ("retraining", "steering"):
        asleep = f"core.engine.runs.{module}.ensure_supervisor"
        monkeypatch.setattr(asleep, lambda store, place: None)


@pytest.fixture
def reader(store: Store, workspace: Workspace) -> Store:
    """Another connection, as the app has one."""
    return Store(workspace.database)


class Watched:
    """A run that is read after every step, both ways."""

    def __init__(self, reader: Store, run: Run) -> None:
        self._reader = reader
        self._run = run
        self.live = LiveStatus(run.id)
        self._runs = LiveRuns()

    def same(self, now: float = NOW) -> None:
        whole = status_of(self._reader, self._run.id, now)
        found = self.live.read(self._reader, now)
        assert found.categories == whole.categories
        assert found.workers == whole.workers
        assert found.test_documents == whole.test_documents
        before, after = found.run, whole.run
        assert (before.run, before.done, before.total) == (after.run, after.done, after.total)
        assert before.test_micro_f1 == after.test_micro_f1
        short = [(run.run, run.done) for run in self._runs.read(self._reader, now)]
        assert short == [(run.run, run.done) for run in all_runs(self._reader)]


def progress(store: Store, claim: object, batch: int, loss: float = 0.5) -> None:
    record_progress(
        store,
        claim,  # type: ignore[arg-type]
        epoch=1,
        batch=batch,
        batches=10,
        loss=loss,
        documents_per_second=100.0,
        seconds=0.25,
    )


def test_every_step_of_a_run_is_seen(store: Store, workspace: Workspace, reader: Store) -> None:
    run = record_run(store, record_corpus(store))
    watched = Watched(reader, run)
    watched.same()
    worker = start_worker(store)
    watched.same()
    claim = claim_next(store, worker)
    set_worker_state(store, worker, "training")
    watched.same()
    progress(store, claim, 1)
    watched.same()
    progress(store, claim, 2, 0.25)
    watched.same()
    record_epoch(store, claim, an_epoch(1), is_kept=True, seconds=1.0)
    watched.same()
    finish_with(store, claim, 0.75)
    watched.same()
    finish_all(store, worker)
    watched.same()
    animals = category_of(store, run, "animals")
    assert animals.kept_trial_id is not None
    record_metrics(store, animals.kept_trial_id, animals.id, "test", (3, 1, 1), 0.75)
    watched.same()
    retrain(store, workspace, run_with_id(store, run.id), RetrainRequest("animals"))
    watched.same()
    claim = claim_next(store, worker)
    scheduling.fail(store, claim, "no reason")
    watched.same()
    finish_all(store, worker)
    watched.same()
    restore(store, run_with_id(store, run.id), "animals", 1)
    watched.same()


def test_steering_is_seen(store: Store, workspace: Workspace, reader: Store) -> None:
    run = record_run(store, record_corpus(store))
    watched = Watched(reader, run)
    watched.same()
    steps: list[Callable[[], object]] = [
        lambda: pause_category(store, run, "animals", subtree=True),
        lambda: resume_category(store, workspace, run, "animals", subtree=True),
        lambda: cancel_in_run(store, run, "food", subtree=False),
        lambda: pause_run(store, run),
    ]
    for step in steps:
        step()
        watched.same()


def test_silence_is_seen_although_no_category_has_changed(store: Store, reader: Store) -> None:
    run = record_run(store, record_corpus(store))
    worker = start_worker(store)
    claim_next(store, worker)
    worker_heartbeat(store, worker)
    watched = Watched(reader, run)
    beat = store.value("SELECT heartbeat FROM workers")
    watched.same(beat + 1)
    watched.same(beat + SILENT + 5)
    silent = [
        c.key for c in watched.live.read(reader, beat + SILENT + 5).categories if c.silent_seconds
    ]
    assert silent == ["animals"]
    assert not watched.live.changed
    watched.same(beat + 2)


def test_who_shares_a_model_follows_it(store: Store, reader: Store) -> None:
    run = record_shared_run(store, record_corpus(store))
    watched = Watched(reader, run)
    watched.same()
    worker = start_worker(store)
    claim = claim_next(store, worker)
    watched.same()
    for batch in (1, 2):
        progress(store, claim, batch, 0.5 / batch)
        watched.same()
    beat = store.value("SELECT heartbeat FROM workers")
    watched.same(beat + SILENT + 5)
    record_epoch(store, claim, an_epoch(1), is_kept=True, seconds=1.0)
    watched.same()
    finish_with(store, claim, 0.5)
    watched.same()


def test_what_has_not_changed_is_the_same_object(store: Store, reader: Store) -> None:
    run = record_run(store, record_corpus(store))
    live = LiveStatus(run.id)
    first = live.read(reader, NOW)
    assert live.changed == {category.id for category in first.categories}
    again = live.read(reader, NOW)
    assert again.categories is first.categories
    assert not live.changed
    claim = claim_trial(store, start_worker(store))
    assert claim is not None
    after = live.read(reader, NOW)
    assert live.changed == {claim.run_category_id}
    others = [c for c in after.categories if c.id != claim.run_category_id]
    assert all(any(c is old for old in first.categories) for c in others)
    progress(store, claim, 1)
    after = live.read(reader, NOW)
    progress(store, claim, 2, 0.25)
    moved = live.read(reader, NOW)
    assert live.updated == {claim.run_category_id}
    assert not live.changed, "a running loss is no change of the category"
    assert moved.categories is not after.categories


def test_losses_of_some_are_those_of_all(store: Store) -> None:
    run = record_run(store, record_corpus(store))
    worker = start_worker(store)
    for key in ("animals", "food"):
        claim = claim_next(store, worker)
        record_epoch(store, claim, an_epoch(1), is_kept=True, seconds=1.0)
        assert category_of(store, run, key)
    every = losses_of(store, run.id)
    assert every
    for id, losses in every.items():
        assert losses_among(store, [id]) == {id: losses}


def test_changes_end_with_their_run(store: Store, tmp_path: Path) -> None:
    run = record_run(store, record_corpus(store))
    claim_next(store, start_worker(store))
    assert store.value("SELECT count(*) FROM changes") > 0
    with store.write():
        store.execute("UPDATE trials SET owner = NULL")
        store.execute("DELETE FROM runs WHERE id = ?", (run.id,))
    assert store.value("SELECT count(*) FROM changes") == 0
