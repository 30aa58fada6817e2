"""Immutable status of runs, categories and workers for the command line and the app."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.engine.monitoring.remaining_time import Eta, eta
from db.connection import Store
from db.corpora import corpus_with_id
from db.runs import Run, list_runs, run_with_id
from db.states import BUSY_WORKER
from db.status import (
    CategoryRecord,
    category_counts,
    category_records,
    category_records_among,
    score_totals,
    worker_records,
)

SILENT = 10.0
"""Seconds without a heartbeat after which a worker is silent."""


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run in short. `done` and `total` count categories; `eta_basis` says what the ETA rests on.

    The test measures are None until every trained category has been scored.
    """

    run: Run
    done: int
    total: int
    eta_seconds: float | None
    eta_basis: str | None
    test_micro_f1: float | None
    test_macro_f1: float | None

    def to_json(self) -> dict[str, Any]:
        """The `run` object of the command line."""
        return {
            "name": self.run.name,
            "system": self.run.system,
            "corpus": self.run.corpus,
            "state": self.run.state,
            "seed": self.run.seed,
            "started_at": iso(self.run.started_at),
            "finished_at": iso(self.run.finished_at),
            "done": self.done,
            "total": self.total,
            "eta_seconds": self.eta_seconds,
            "eta_basis": self.eta_basis,
            "test_micro_f1": self.test_micro_f1,
            "test_macro_f1": self.test_macro_f1,
        }


@dataclass(frozen=True, slots=True)
class CategoryStatus:
    """A category of a run.

    During training, `training_loss` is the running loss and `epoch` the current epoch. Afterwards,
    losses, epoch, F1 and class weight are those of the selected trial. With a shared model, trials
    and `seconds` belong to the owner category; F1 belongs to this category. `silent_seconds` is the
    heartbeat age of a silent worker. `test_accepted` counts the test documents that the model
    accepts. `begun_at` is the start of the attempt in seconds since 1970.
    """

    id: int
    key: str
    name: str
    parent: str | None
    level: int
    positives: int
    state: str
    stale: bool
    attempt: int
    class_weight: float | None
    epoch: int | None
    training_loss: float | None
    validation_loss: float | None
    validation_f1: float | None
    test_f1: float | None
    seconds: float
    trials: int
    trials_done: int
    silent_seconds: float | None
    test_accepted: int | None = None
    begun_at: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """An element of `categories` of `status --json`."""
        return {
            "id": self.key,
            "name": self.name,
            "parent": self.parent,
            "level": self.level,
            "positives": self.positives,
            "state": self.state,
            "stale": self.stale,
            "attempt": self.attempt,
            "class_weight": self.class_weight,
            "epoch": self.epoch,
            "training_loss": self.training_loss,
            "train_loss": self.training_loss,
            "validation_loss": self.validation_loss,
            "validation_f1": self.validation_f1,
            "test_f1": self.test_f1,
            "seconds": self.seconds,
            "silent_seconds": self.silent_seconds,
        }


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """A worker and its current trial; `state` is "silent" if its heartbeat is old."""

    pid: int
    device: str
    state: str
    run_id: int | None
    category: str | None
    class_weight: float | None
    epoch: int | None
    batch: int | None
    batches: int | None
    documents_per_second: float | None
    heartbeat_age: float
    node: str | None

    @property
    def is_busy(self) -> bool:
        """Whether the worker trains or scores."""
        return self.state in BUSY_WORKER

    def to_json(self) -> dict[str, Any]:
        """An element of `workers` of `status --json`."""
        return {
            "pid": self.pid,
            "device": self.device,
            "state": self.state,
            "category": self.category,
            "class_weight": self.class_weight,
            "epoch": self.epoch,
            "documents_per_second": self.documents_per_second,
            "heartbeat_age": self.heartbeat_age,
            "node": self.node,
        }


@dataclass(frozen=True, slots=True)
class Status:
    """A run with its categories in training order, the workspace's workers, the corpus's tests."""

    run: RunStatus
    categories: tuple[CategoryStatus, ...]
    workers: tuple[WorkerStatus, ...]
    test_documents: int = 0

    def to_json(self) -> dict[str, Any]:
        """The object that `status --json` prints."""
        return {
            "run": self.run.to_json(),
            "categories": [category.to_json() for category in self.categories],
            "workers": [worker.to_json() for worker in self.workers],
        }


def iso(seconds: float | None) -> str | None:
    """Seconds since 1970 as ISO 8601 in UTC."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def status_of(store: Store, run_id: int, now: float | None = None) -> Status:
    """Read the status of a run from one state of the database."""
    moment = time.time() if now is None else now
    with store.snapshot():
        workers = workers_of(store, moment)
        recorded = run_with_id(store, run_id)
        run = run_status(store, recorded, eta(store, recorded, present(workers)))
        categories = categories_of(store, run_id, moment)
        return Status(run, categories, workers, corpus_with_id(store, run.run.corpus_id).test)


def all_runs(store: Store) -> list[RunStatus]:
    """The status of all runs, newest first."""
    with store.snapshot():
        workers = present(workers_of(store))
        return [run_status(store, run, eta(store, run, workers)) for run in list_runs(store)]


def categories_of(store: Store, run_id: int, now: float) -> tuple[CategoryStatus, ...]:
    """All categories of a run in training order; `now` is in seconds since 1970."""
    return tuple(_category(record, now) for record in category_records(store, run_id))


def categories_among(store: Store, ids: Iterable[int], now: float) -> tuple[CategoryStatus, ...]:
    """The categories with these row ids."""
    return tuple(_category(record, now) for record in category_records_among(store, ids))


def _category(record: CategoryRecord, now: float) -> CategoryStatus:
    age = now - record.heartbeat if record.heartbeat is not None else None
    running = record.state == "running"
    return CategoryStatus(
        id=record.id,
        key=record.key,
        name=record.name,
        parent=record.parent,
        level=record.level,
        positives=record.positives,
        state=record.state,
        stale=bool(record.stale),
        attempt=record.attempt,
        class_weight=record.class_weight if not running else None,
        epoch=record.live_epoch if running else record.kept_epoch,
        training_loss=(
            record.live_loss if running and record.live_loss is not None else record.training_loss
        ),
        validation_loss=record.validation_loss,
        validation_f1=record.f1,
        test_f1=record.test_f1,
        seconds=record.seconds,
        trials=record.trials,
        trials_done=record.trials_done,
        silent_seconds=age if running and age is not None and age > SILENT else None,
        test_accepted=record.test_accepted,
        begun_at=record.created_at or 0.0,
    )


def workers_of(store: Store, now: float | None = None) -> tuple[WorkerStatus, ...]:
    """The workers of the workspace; `now` is in seconds since 1970."""
    moment = time.time() if now is None else now
    return tuple(
        WorkerStatus(
            pid=record.pid,
            device=record.device,
            state="silent" if moment - record.heartbeat > SILENT else record.state,
            run_id=record.run_id,
            category=record.category,
            class_weight=record.class_weight,
            epoch=record.epoch,
            batch=record.batch,
            batches=record.batches,
            documents_per_second=record.documents_per_second,
            heartbeat_age=round(max(0.0, moment - record.heartbeat), 1),
            node=record.node or None,
        )
        for record in worker_records(store)
    )


def run_status(store: Store, run: Run, remaining: Eta | None) -> RunStatus:
    """A run in short. `remaining` is the result of `eta` for the run."""
    total, done = category_counts(store, run.id)
    micro, macro = _test_f1(store, run.id)
    return RunStatus(
        run=run,
        done=done,
        total=total,
        eta_seconds=None if remaining is None else remaining.seconds,
        eta_basis=None if remaining is None else remaining.basis,
        test_micro_f1=micro,
        test_macro_f1=macro,
    )


def present(workers: Iterable[WorkerStatus]) -> int:
    """Number of workers that are not silent."""
    return sum(1 for worker in workers if worker.state != "silent")


def _test_f1(store: Store, run_id: int) -> tuple[float | None, float | None]:
    totals = score_totals(store, run_id)
    if not totals.scored or totals.scored + (totals.empty or 0) < totals.categories:
        return None, None
    tp, fp, fn, f1 = (total or 0 for total in totals[:4])
    decisions = 2 * tp + fp + fn
    micro = 2 * tp / decisions if decisions else 0.0
    return micro, f1 / totals.categories
