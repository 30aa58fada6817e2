"""Processes that use one database together: writers as workers do, readers as the app does."""

from __future__ import annotations

import json
import random
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from core.engine.host.identity import own_identity
from core.engine.trials import scheduling
from db.connection import Store
from db.trials import Claim, claim_trial, record_epoch, record_progress
from db.workers import add_worker, set_worker_state, worker_heartbeat
from htrans_tui.app.snapshot import Snapshot, SnapshotReader
from tests.support.builders import an_epoch, finish_with

EPOCHS = 3
BATCHES = 12
BETWEEN_WRITES = 0.004
"""Seconds that a writer rests; a real one writes a few times a second."""
BETWEEN_LOOKS = 0.1
"""Seconds between two looks of a reader; the app takes three times as long."""
F1 = 0.5
_FINAL = ("done", "failed", "cancelled", "empty")


@dataclass(slots=True)
class Report:
    """What a process says that it did: `progress` are losses, which no two rows share."""

    errors: list[str] = field(default_factory=list)
    claims: list[tuple[int, int]] = field(default_factory=list)
    progress: list[float] = field(default_factory=list)
    epochs: list[tuple[int, int]] = field(default_factory=list)
    finished: list[int] = field(default_factory=list)
    worker_id: int = 0
    heartbeat: float = 0.0
    snapshots: int = 0
    inconsistent: list[str] = field(default_factory=list)
    backwards: list[str] = field(default_factory=list)
    slowest: float = 0.0

    @classmethod
    def load(cls, path: Path) -> Report:
        values: dict[str, Any] = json.loads(path.read_text())
        for name in ("claims", "epochs"):
            values[name] = [tuple(pair) for pair in values[name]]
        return cls(**values)


def write(database: Path, number: int, seconds: float, path: Path) -> None:
    """Claim trials and record what a worker records, until time is up; write the report."""
    _reporting(path, lambda report: _Writer(Store(database), number, report).work(seconds))


def read(database: Path, number: int, seconds: float, path: Path) -> None:
    """Look at the database as the app does, until time is up; write the report."""
    _reporting(path, lambda report: _Reader(Store(database), number, report).work(seconds))


def _reporting(path: Path, work: Callable[[Report], None]) -> None:
    report = Report()
    try:
        work(report)
    except Exception:
        report.errors.append(traceback.format_exc())
    path.write_text(json.dumps(asdict(report)))


class _Writer:
    def __init__(self, store: Store, number: int, report: Report) -> None:
        self._store = store
        self._report = report
        self._number = number
        self._draw = random.Random(number)
        self._worker_id = report.worker_id = add_worker(store, *own_identity(), "cpu")

    def work(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            claim = claim_trial(self._store, self._worker_id)
            if claim is not None:
                self._report.claims.append((claim.trial_id, claim.number))
                self._train(claim, deadline)
            set_worker_state(self._store, self._worker_id, "idle")
            self._heartbeat()

    def _train(self, claim: Claim, deadline: float) -> None:
        for epoch in range(1, EPOCHS + 1):
            for batch in range(1, BATCHES + 1):
                self._batch(claim, epoch, batch)
            record_epoch(self._store, claim, an_epoch(epoch, F1), is_kept=True, seconds=0.5)
            self._report.epochs.append((claim.trial_id, epoch))
            self._heartbeat()
            if time.monotonic() > deadline or self._draw.random() < 0.1:
                scheduling.release(self._store, claim)
                return
        finish_with(self._store, claim, F1)
        self._report.finished.append(claim.trial_id)

    def _batch(self, claim: Claim, epoch: int, batch: int) -> None:
        loss = self._number * 1e6 + len(self._report.progress)
        record_progress(
            self._store,
            claim,
            epoch=epoch,
            batch=batch,
            batches=BATCHES,
            loss=loss,
            documents_per_second=100.0,
            seconds=0.01,
        )
        self._report.progress.append(loss)
        time.sleep(BETWEEN_WRITES)

    def _heartbeat(self) -> None:
        before = time.time()
        worker_heartbeat(self._store, self._worker_id)
        self._report.heartbeat = before


class _Reader:
    def __init__(self, store: Store, number: int, report: Report) -> None:
        self._store = store
        self._report = report
        self._number = number
        self._highest: dict[str, float] = {}
        self._snapshots = SnapshotReader()

    def work(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        version: int | None = None
        run_id = int(self._store.value("SELECT max(id) FROM runs"))
        chosen: int | None = None
        while time.monotonic() < deadline:
            current = self._store.data_version()
            if current != version:
                version = current
                started = time.monotonic()
                snapshot = self._snapshots.read(self._store, run_id, chosen)
                self._report.slowest = max(self._report.slowest, time.monotonic() - started)
                self._report.snapshots += 1
                self._look(snapshot)
                chosen = self._one_at_work(snapshot)
            time.sleep(BETWEEN_LOOKS)

    def _one_at_work(self, snapshot: Snapshot) -> int | None:
        """Row id of a category that trains, to be looked at closely; each reader has its own."""
        assert snapshot.status is not None
        at_work = [c.id for c in snapshot.status.categories if c.state == "running"]
        return at_work[self._number % len(at_work)] if at_work else None

    def _look(self, snapshot: Snapshot) -> None:
        self._never_less("snapshot, events", len(snapshot.events))
        assert snapshot.status is not None
        for category in snapshot.status.categories:
            self._never_less(f"{category.key}, trials done", category.trials_done)
            self._never_less(f"{category.key}, seconds", category.seconds)
        self._never_less("run, done", snapshot.status.run.done)
        for curves in () if snapshot.details is None else snapshot.details.trials:
            self._never_less(f"trial {curves.trial.id}, epochs", len(curves.epochs))
            self._never_less(f"trial {curves.trial.id}, points", len(curves.running_loss))
        with self._store.snapshot():
            for table in ("progress", "epochs", "trials", "run_categories", "workers", "events"):
                rows = self._store.value(f"SELECT count(*) FROM {table}")
                self._never_less(f"rows of {table}", rows)
        self._report.inconsistent += _contradictions(snapshot)

    def _never_less(self, name: str, value: float) -> None:
        before = self._highest.get(name, value)
        if value < before - 1e-6:
            self._report.backwards.append(f"{name}: {value} after {before}")
        self._highest[name] = value


def _contradictions(snapshot: Snapshot) -> list[str]:
    """What in a snapshot cannot have been true at one moment."""
    status = snapshot.status
    assert status is not None
    found = []
    states = {category.key: category.state for category in status.categories}
    final = sum(state in _FINAL for state in states.values())
    if final != status.run.done:
        found.append(f"status: run says {status.run.done} done, its categories {final}")
    for category in status.categories:
        if (category.state == "done") != (0 < category.trials == category.trials_done):
            found.append(
                f"status: {category.key} is {category.state} with {category.trials_done} of "
                f"{category.trials} trials done"
            )
        below = category.parent is not None and category.state != "empty"
        if below and (states[category.parent or ""] != "done") != (category.state == "waiting"):
            found.append(f"status: {category.key} is {category.state} before its parent is done")
    listed = next(r for r in snapshot.runs if r.run.id == status.run.run.id)
    if listed.done != status.run.done:
        found.append(f"snapshot: runs say {listed.done} done, the status {status.run.done}")
    if snapshot.details is not None:
        found += _contradicting_details(snapshot)
    return found


def _contradicting_details(snapshot: Snapshot) -> list[str]:
    found = []
    assert snapshot.details is not None
    category = snapshot.details.category
    done = sum(curves.trial.state == "done" for curves in snapshot.details.trials)
    if done != category.trials_done:
        found.append(
            f"snapshot: {category.key} has {category.trials_done} trials done in the tree, {done} "
            "in the details"
        )
    for curves in snapshot.details.trials:
        numbers = [epoch.epoch for epoch in curves.epochs]
        if numbers != list(range(1, len(numbers) + 1)):
            found.append(f"snapshot: trial {curves.trial.id} has the epochs {numbers}")
        if len(numbers) < (curves.trial.kept_epoch or 0):
            found.append(
                f"snapshot: trial {curves.trial.id} keeps epoch {curves.trial.kept_epoch} of "
                f"{len(numbers)}"
            )
        if not curves.trial.kept_epoch and numbers:
            found.append(f"snapshot: trial {curves.trial.id} has epochs that it knows nothing of")
    return found
