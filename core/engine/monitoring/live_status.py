"""Incremental reads of a run's status.

Triggers number the changes of categories (`db.changes`), so a read fetches changed categories only.
Running losses and heartbeat ages are not numbered; they are fetched for running categories.
"""

from __future__ import annotations

import time
from dataclasses import replace

from core.engine.monitoring.remaining_time import Eta, earlier_pace, eta
from core.engine.monitoring.status import (
    CategoryStatus,
    RunStatus,
    Status,
    WorkerStatus,
    categories_among,
    categories_of,
    present,
    run_status,
    workers_of,
)
from core.systems import system_named
from db.changes import changed_since, newest_change
from db.connection import Store
from db.corpora import corpus_with_id
from db.runs import Run, list_runs, run_with_id
from db.status import shared_model_users

_ETA_AGE = 10.0


class LiveStatus:
    """The status of one run, cached between reads.

    Attributes:
        changed: Row ids of the categories whose state, trial, epoch or metrics changed since the
            last read; all categories after the first read.
        updated: `changed` and the categories whose running loss or heartbeat age changed.
    """

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self.changed: frozenset[int] = frozenset()
        self.updated: frozenset[int] = frozenset()
        self._seen: int | None = None
        self._categories: dict[int, CategoryStatus] = {}
        self._sharing: dict[int, tuple[int, ...]] = {}
        self._as_tuple: tuple[CategoryStatus, ...] = ()
        self._run = _KeptRun()
        self._test_documents: int | None = None

    def read(self, store: Store, now: float | None = None) -> Status:
        """Read the status. Unchanged categories are the same objects as in the last read.

        Args:
            store: The database.
            now: Seconds since 1970; None for the current time.

        Raises:
            NotFoundError: The run was deleted.
        """
        moment = time.time() if now is None else now
        with store.snapshot():
            workers = workers_of(store, moment)
            run = self._run.read(store, run_with_id(store, self.run_id), workers, moment)
            self._read_categories(store, moment)
            if self._test_documents is None:
                self._test_documents = corpus_with_id(store, run.run.corpus_id).test
        return Status(run, self._as_tuple, workers, self._test_documents)

    def _read_categories(self, store: Store, now: float) -> None:
        newest = newest_change(store, self.run_id)
        if self._seen is None:
            fresh = categories_of(store, self.run_id, now)
            self._sharing = _sharing(store, self.run_id)
            self._categories = {}
            self.changed = frozenset(category.id for category in fresh)
        else:
            self.changed = changed_since(store, self.run_id, self._seen)
            fresh = categories_among(store, self._to_read(), now)
        self._seen = newest
        updated = {c.id: c for c in fresh if self._categories.get(c.id) != c}
        for owner in list(updated.values()):
            updated |= self._sharing_with(owner, updated)
        self.updated = self.changed | updated.keys()
        if updated:
            self._categories |= updated
            self._as_tuple = tuple(self._categories.values())

    def _to_read(self) -> frozenset[int]:
        """Changed categories, and running categories with trials of their own."""
        sharing = {id for ids in self._sharing.values() for id in ids}
        running = {c.id for c in self._as_tuple if c.state == "running"}
        return self.changed | (running - sharing)

    def _sharing_with(
        self, owner: CategoryStatus, updated: dict[int, CategoryStatus]
    ) -> dict[int, CategoryStatus]:
        """The categories that share the model of `owner`, with the progress of its trial."""
        if owner.state != "running":
            return {}
        sharing = {}
        for id in self._sharing.get(owner.id, ()):
            category = updated.get(id) or self._categories.get(id)
            if category is not None and category.state == "running":
                sharing[id] = replace(
                    category,
                    epoch=owner.epoch,
                    training_loss=owner.training_loss,
                    seconds=owner.seconds,
                    silent_seconds=owner.silent_seconds,
                )
        return sharing


class LiveRuns:
    """The status of all runs, cached between reads."""

    def __init__(self) -> None:
        self._kept: dict[int, _KeptRun] = {}

    def read(self, store: Store, now: float | None = None) -> tuple[RunStatus, ...]:
        """Read the status of all runs, newest first."""
        with store.snapshot():
            moment = time.time() if now is None else now
            workers = workers_of(store, moment)
            runs = list_runs(store)
            self._kept = {run.id: self._kept.get(run.id, _KeptRun()) for run in runs}
            return tuple(self._kept[run.id].read(store, run, workers, moment) for run in runs)


class _KeptRun:
    """A run's status, read again when the run, its categories or the workers have changed.

    The ETA of a running one is simulated every `_ETA_AGE` seconds and falls in between.
    """

    def __init__(self) -> None:
        self._of: object = None
        self._status: RunStatus | None = None
        self._eta_of: object = None
        self._eta: Eta | None = None
        self._eta_at = 0.0
        self._pace: float | None = None

    def read(
        self, store: Store, run: Run, workers: tuple[WorkerStatus, ...], now: float
    ) -> RunStatus:
        number = present(workers)
        eta_of = run, number, now // _ETA_AGE if run.state == "running" else None
        if self._eta_of != eta_of:
            self._eta_of, self._eta, self._eta_at = eta_of, self._read_eta(store, run, number), now
        of = eta_of, newest_change(store, run.id)
        if self._status is None or self._of != of:
            remaining = None if self._eta is None else self._eta.after(now - self._eta_at)
            self._of, self._status = of, run_status(store, run, remaining)
        return self._status

    def _read_eta(self, store: Store, run: Run, workers: int) -> Eta | None:
        if run.state == "running" and self._pace is None:
            self._pace = earlier_pace(store, system_named(run.system), run) or 1.0
        return eta(store, run, workers, self._pace)


def _sharing(store: Store, run_id: int) -> dict[int, tuple[int, ...]]:
    """Row ids of the categories that use a shared model, by row id of the owner category."""
    by_owner: dict[int, list[int]] = {}
    for owner, id_ in shared_model_users(store, run_id):
        by_owner.setdefault(owner, []).append(id_)
    return {owner: tuple(ids) for owner, ids in by_owner.items()}
