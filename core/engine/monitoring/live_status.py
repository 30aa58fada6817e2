"""A run's status read again and again: only what has changed is read anew.

Triggers number the changes of categories (`db.changes`); of what a category's row does not say, the
running loss and the age of heartbeats, only categories at work are asked.
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
from db.status import followers

_ETA_AGE = 10.0


class LiveStatus:
    """The status of one run, kept between readings.

    `changed` are the row ids of the categories with another state, trial, epoch or measure than at
    the reading before, all of them the first time; `different` are those and the ones whose
    running loss or silence is another.
    """

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self.changed: frozenset[int] = frozenset()
        self.different: frozenset[int] = frozenset()
        self._seen: int | None = None
        self._categories: dict[int, CategoryStatus] = {}
        self._followers: dict[int, tuple[int, ...]] = {}
        self._as_tuple: tuple[CategoryStatus, ...] = ()
        self._run = _KeptRun()
        self._test_documents: int | None = None

    def read(self, store: Store, now: float | None = None) -> Status:
        """The status as it is; categories that have not changed are the same objects as before.

        Raises `NotFoundError` if the run has been deleted.
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
            self._followers = _followers(store, self.run_id)
            self._categories = {}
            self.changed = frozenset(category.id for category in fresh)
        else:
            self.changed = changed_since(store, self.run_id, self._seen)
            fresh = categories_among(store, self._to_read(), now)
        self._seen = newest
        different = {c.id: c for c in fresh if self._categories.get(c.id) != c}
        for lead in list(different.values()):
            different |= self._follow(lead, different)
        self.different = self.changed | different.keys()
        if different:
            self._categories |= different
            self._as_tuple = tuple(self._categories.values())

    def _to_read(self) -> frozenset[int]:
        """Those that have changed, and those at work themselves."""
        followers = {id for ids in self._followers.values() for id in ids}
        at_work = {c.id for c in self._as_tuple if c.state == "running"}
        return self.changed | (at_work - followers)

    def _follow(
        self, lead: CategoryStatus, known: dict[int, CategoryStatus]
    ) -> dict[int, CategoryStatus]:
        """Those that share the model of `lead`, with its running loss, work and silence."""
        if lead.state != "running":
            return {}
        following = {}
        for id in self._followers.get(lead.id, ()):
            before = known.get(id) or self._categories.get(id)
            if before is not None and before.state == "running":
                following[id] = replace(
                    before,
                    epoch=lead.epoch,
                    training_loss=lead.training_loss,
                    seconds=lead.seconds,
                    silent_seconds=lead.silent_seconds,
                )
        return following


class LiveRuns:
    """All runs in short, kept between readings."""

    def __init__(self) -> None:
        self._kept: dict[int, _KeptRun] = {}

    def read(self, store: Store, now: float | None = None) -> tuple[RunStatus, ...]:
        """The runs, the newest first."""
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


def _followers(store: Store, run_id: int) -> dict[int, tuple[int, ...]]:
    """Row ids of the categories that share another's model, by that other's."""
    by_lead: dict[int, list[int]] = {}
    for lead, id_ in followers(store, run_id):
        by_lead.setdefault(lead, []).append(id_)
    return {lead: tuple(ids) for lead, ids in by_lead.items()}
