"""What stands where: one immutable view of a run for command line and app alike."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.settings import TrainingSettings
from db.connection import Row, Store
from db.corpora import corpus_with_id
from db.runs import Run, list_runs, run_with_id

SILENT = 10.0
"""Seconds without a heartbeat after which a worker counts as silent."""


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

    While it trains, `training_loss` is the running loss and `epoch` the epoch at work; once it is
    done, losses, epoch and F1 are those of the kept model, and `class_weight` is the chosen one.
    Of a category that shares its model, trials and `seconds` are the model's, F1 is its own.
    `silent_seconds` is the age of the last heartbeat if the worker at it is silent;
    `test_accepted` counts the test documents that the kept model accepts; `begun_at` is when the
    attempt began, in seconds since 1970.
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
    """A worker and what it is at; `state` is "silent" if its heartbeat is old."""

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
    """Everything there is to show of a run, read from one state of the database."""
    moment = time.time() if now is None else now
    with store.snapshot():
        workers = workers_of(store, moment)
        run = run_status(store, run_with_id(store, run_id), workers)
        categories = categories_of(store, run_id, moment)
        return Status(run, categories, workers, corpus_with_id(store, run.run.corpus_id).test)


def all_runs(store: Store) -> list[RunStatus]:
    """All runs in short, the newest first."""
    with store.snapshot():
        workers = workers_of(store)
        return [run_status(store, run, workers) for run in list_runs(store)]


def categories_of(store: Store, run_id: int, now: float) -> tuple[CategoryStatus, ...]:
    """All categories of a run in training order; `now` is in seconds since 1970."""
    rows = store.rows(_CATEGORIES.format(which="rc.run_id = ?"), (run_id,))
    return tuple(_category(row, now) for row in rows)


def categories_among(store: Store, ids: Iterable[int], now: float) -> tuple[CategoryStatus, ...]:
    """The categories with these row ids."""
    which = "rc.id IN (SELECT value FROM json_each(?))"
    rows = store.rows(_CATEGORIES.format(which=which), (json.dumps(list(ids)),))
    return tuple(_category(row, now) for row in rows)


_CATEGORIES = """
    SELECT rc.id, c.key, c.name, p.key AS parent, c.level, rc.positives, rc.stale,
           CASE WHEN rc.held AND rc.state IN ('waiting', 'ready') THEN 'paused'
                ELSE rc.state END AS state,
           rc.attempt, coalesce(rc.class_weight, kept.class_weight) AS class_weight,
           best.kept_epoch, best.training_loss, best.validation_loss,
           CASE WHEN rc.lead_id IS NULL AND NOT EXISTS (
               SELECT 1 FROM run_categories follower WHERE follower.lead_id = rc.id
           ) THEN best.f1 ELSE v.f1 END AS f1,
           m.f1 AS test_f1, m.tp + m.fp AS test_accepted, a.created_at, w.heartbeat,
           live.epoch AS live_epoch, live.loss AS live_loss,
           (SELECT coalesce(sum(seconds), 0.0) FROM trials t
            WHERE t.run_category_id = rc.trained_by AND t.attempt = rc.attempt) AS seconds,
           (SELECT count(*) FROM trials t
            WHERE t.run_category_id = rc.trained_by AND t.attempt = rc.attempt) AS trials,
           (SELECT count(*) FROM trials t WHERE t.run_category_id = rc.trained_by
            AND t.attempt = rc.attempt AND t.state IN ('done', 'dropped')) AS trials_done
    FROM (SELECT *, coalesce(lead_id, id) AS trained_by FROM run_categories) rc
    JOIN categories c ON c.id = rc.category_id
    LEFT JOIN categories p ON p.id = c.parent_id
    LEFT JOIN trials kept ON kept.id = rc.kept_trial_id
    LEFT JOIN trials best ON best.id = coalesce(rc.kept_trial_id, (
        SELECT t.id FROM trials t WHERE t.run_category_id = rc.trained_by AND t.attempt = rc.attempt
        AND t.f1 IS NOT NULL ORDER BY t.f1 DESC, t.class_weight LIMIT 1))
    LEFT JOIN trials running ON running.id = (
        SELECT t.id FROM trials t WHERE t.run_category_id = rc.trained_by AND t.attempt = rc.attempt
        AND t.state = 'running' ORDER BY t.class_weight LIMIT 1)
    LEFT JOIN workers w ON w.id = running.owner
    LEFT JOIN attempts a ON a.run_category_id = rc.trained_by AND a.attempt = rc.attempt
    LEFT JOIN progress live ON live.id = (
        SELECT max(id) FROM progress WHERE trial_id = running.id)
    LEFT JOIN measures m ON m.trial_id = rc.kept_trial_id AND m.run_category_id = rc.id
        AND m.split = 'test'
    LEFT JOIN measures v ON v.trial_id = rc.kept_trial_id AND v.run_category_id = rc.id
        AND v.split = 'validation'
    WHERE {which} ORDER BY c.position
"""


def _category(row: Row, now: float) -> CategoryStatus:
    age = now - row["heartbeat"] if row["heartbeat"] is not None else None
    running = row["state"] == "running"
    return CategoryStatus(
        id=row["id"],
        key=row["key"],
        name=row["name"],
        parent=row["parent"],
        level=row["level"],
        positives=row["positives"],
        state=row["state"],
        stale=bool(row["stale"]),
        attempt=row["attempt"],
        class_weight=row["class_weight"] if not running else None,
        epoch=row["live_epoch"] if running else row["kept_epoch"],
        training_loss=(
            row["live_loss"] if running and row["live_loss"] is not None else row["training_loss"]
        ),
        validation_loss=row["validation_loss"],
        validation_f1=row["f1"],
        test_f1=row["test_f1"],
        seconds=row["seconds"],
        trials=row["trials"],
        trials_done=row["trials_done"],
        silent_seconds=age if running and age is not None and age > SILENT else None,
        test_accepted=row["test_accepted"],
        begun_at=row["created_at"] or 0.0,
    )


def workers_of(store: Store, now: float | None = None) -> tuple[WorkerStatus, ...]:
    """The workers of the workspace; `now` is in seconds since 1970."""
    moment = time.time() if now is None else now
    rows = store.rows(
        """
        SELECT w.pid, w.device, w.state, w.heartbeat, w.node, rc.run_id, c.key, t.class_weight,
               live.epoch, live.batch, live.batches, live.documents_per_second
        FROM workers w
        LEFT JOIN trials t ON t.id = w.trial_id
        LEFT JOIN run_categories rc ON rc.id = t.run_category_id
        LEFT JOIN categories c ON c.id = rc.category_id
        LEFT JOIN progress live ON live.id = (
            SELECT max(id) FROM progress WHERE trial_id = t.id)
        WHERE w.state <> 'ended' ORDER BY w.id
        """
    )
    return tuple(
        WorkerStatus(
            pid=row["pid"],
            device=row["device"],
            state="silent" if moment - row["heartbeat"] > SILENT else row["state"],
            run_id=row["run_id"],
            category=row["key"],
            class_weight=row["class_weight"],
            epoch=row["epoch"],
            batch=row["batch"],
            batches=row["batches"],
            documents_per_second=row["documents_per_second"],
            heartbeat_age=round(max(0.0, moment - row["heartbeat"]), 1),
            node=row["node"] or None,
        )
        for row in rows
    )


def run_status(store: Store, run: Run, workers: tuple[WorkerStatus, ...]) -> RunStatus:
    """A run in short; `workers` are the workspace's."""
    counts = store.row(
        "SELECT count(*) AS total, "
        "sum(state IN ('done', 'failed', 'cancelled', 'empty')) AS done "
        "FROM run_categories WHERE run_id = ?",
        (run.id,),
    )
    assert counts is not None
    eta, basis = _eta(store, run, workers)
    micro, macro = _test_f1(store, run.id)
    return RunStatus(
        run=run,
        done=counts["done"] or 0,
        total=counts["total"],
        eta_seconds=eta,
        eta_basis=basis,
        test_micro_f1=micro,
        test_macro_f1=macro,
    )


def _eta(
    store: Store, run: Run, workers: tuple[WorkerStatus, ...]
) -> tuple[float | None, str | None]:
    """Worker seconds that are left, shared by the workers at work; None where nothing is known.

    Each open trial is taken to need as many epochs as those that have ended on average, and an
    epoch its category's cost (`core.planning.costs`) at the pace of this run so far.
    """
    at_work = sum(1 for worker in workers if worker.state in ("training", "scoring"))
    if run.state != "running" or not at_work:
        return None, None
    row = store.row(
        """
        SELECT sum(t.state IN ('done', 'dropped')) AS ended,
               avg(CASE WHEN t.state IN ('done', 'dropped') THEN t.epoch END) AS epochs,
               sum(t.seconds) AS seconds, sum(coalesce(t.epoch, 0) * rc.cost) AS cost
        FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id
        WHERE rc.run_id = ? AND t.attempt = rc.attempt
        """,
        (run.id,),
    )
    assert row is not None
    pace = row["seconds"] / row["cost"] if row["cost"] and row["seconds"] else 1.0
    if row["ended"]:
        epochs = float(row["epochs"] or 0.0)
        basis = f"{row['ended']} ended trials of {epochs:.1f} epochs each"
    else:
        settings = TrainingSettings.from_json(run.settings)
        epochs = float(settings.folds + 1 if run.system == "linear" else settings.epochs)
        basis = "if no trial stops early"
    left = store.value(
        """
        SELECT sum(max(? - coalesce(t.epoch, 0), 0.5) * rc.cost)
        FROM trials t JOIN run_categories rc ON rc.id = t.run_category_id
        WHERE rc.run_id = ? AND t.attempt = rc.attempt
        AND t.state IN ('waiting', 'ready', 'running', 'paused', 'resting')
        """,
        (epochs, run.id),
    )
    return round((left or 0.0) * pace / at_work, 1), basis


def _test_f1(store: Store, run_id: int) -> tuple[float | None, float | None]:
    row = store.row(
        """
        SELECT sum(m.tp) AS tp, sum(m.fp) AS fp, sum(m.fn) AS fn, sum(m.f1) AS f1,
               count(*) AS categories,
               count(m.f1) AS scored, sum(rc.state = 'empty') AS empty
        FROM run_categories rc
        LEFT JOIN measures m ON m.trial_id = rc.kept_trial_id AND m.run_category_id = rc.id
            AND m.split = 'test'
        WHERE rc.run_id = ?
        """,
        (run_id,),
    )
    if row is None or not row["scored"] or row["scored"] + row["empty"] < row["categories"]:
        return None, None
    decisions = 2 * row["tp"] + row["fp"] + row["fn"]
    micro = 2 * row["tp"] / decisions if decisions else 0.0
    return micro, row["f1"] / row["categories"]
