"""Immutable snapshots of everything the app shows, read from the database by the poller."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from core.engine.artifacts.workspace_store import Store
from core.engine.monitoring.alerts import (
    Alert,
    category_alerts,
    disk_alerts,
    newest_faults,
    worker_alerts,
)
from core.engine.monitoring.history import (
    Epoch,
    Event,
    PastAttempt,
    Trial,
    history_of,
    run_events,
    trial_histories,
)
from core.engine.monitoring.live_status import LiveRuns, LiveStatus
from core.engine.monitoring.load import Load
from core.engine.monitoring.losses import losses_among, losses_of
from core.engine.monitoring.status import CategoryStatus, RunStatus, Status
from htrans_tui.app.running_loss import RunningLoss


@dataclass(frozen=True, slots=True)
class TrialCurves:
    """A trial with its epochs and its running loss as (epoch, loss) points."""

    trial: Trial
    epochs: tuple[Epoch, ...]
    running_loss: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Details:
    """The selected category with the trials of its current attempt, and all its attempts.

    With a shared model, trials and attempts are those of the owner category.
    """

    category: CategoryStatus
    trials: tuple[TrialCurves, ...]
    history: tuple[PastAttempt, ...] = ()

    @property
    def trained(self) -> list[TrialCurves]:
        """The trials with epochs or a running loss."""
        return [curves for curves in self.trials if curves.epochs or curves.running_loss]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """State of the runs, of one run and of one category at one moment.

    Unchanged parts are the same objects as in the previous snapshot. `losses` maps the row id of a
    category to its training losses by epoch. `problem` is the error if nothing could be read.
    """

    runs: tuple[RunStatus, ...] = ()
    status: Status | None = None
    details: Details | None = None
    events: tuple[Event, ...] = ()
    losses: Mapping[int, tuple[float, ...]] = field(default_factory=dict)
    alerts: tuple[Alert, ...] = ()
    load: Load | None = None
    problem: str | None = None


class SnapshotReader:
    """Reads snapshots incrementally: only what changed since the previous one."""

    def __init__(self) -> None:
        self._runs = LiveRuns()
        self._run: _RunReader | None = None

    def read(
        self, store: Store, run_id: int | None, category_id: int | None, load: Load | None = None
    ) -> Snapshot:
        """Read a snapshot in one transaction.

        Args:
            store: The database.
            run_id: The run to read in full; None for the list of runs only.
            category_id: Row id of the category to read in detail.
            load: Load of the machine, for the alerts about its disk.

        Raises:
            NotFoundError: If the run was deleted.
        """
        with store.snapshot():
            runs = self._runs.read(store)
            if run_id is None:
                return Snapshot(runs=runs, load=load)
            if self._run is None or self._run.run_id != run_id:
                self._run = _RunReader(run_id)
            return self._run.read(store, runs, category_id, load)


class _RunReader:
    """State that is kept between the snapshots of one run."""

    def __init__(self, run_id: int) -> None:
        self.run_id = run_id
        self._status = LiveStatus(run_id)
        self._losses: dict[int, tuple[float, ...]] = {}
        self._events: tuple[Event, ...] = ()
        self._faults: dict[int, Event] = {}
        self._alerts: dict[int, tuple[Alert, ...]] = {}
        self._details: _DetailsReader | None = None

    def read(
        self,
        store: Store,
        runs: tuple[RunStatus, ...],
        category_id: int | None,
        load: Load | None,
    ) -> Snapshot:
        status = self._status.read(store)
        self._read_losses(store)
        events = run_events(store, self.run_id)
        if events != self._events:
            self._events, self._faults = events, newest_faults(events)
            self._update_alerts(status, None)
        else:
            self._update_alerts(status, self._status.updated)
        selected = next((c for c in status.categories if c.id == category_id), None)
        if selected is None:
            self._details = None
        elif self._details is None or self._details.category_id != selected.id:
            self._details = _DetailsReader(selected.id)
        return Snapshot(
            runs=runs,
            status=status,
            details=None
            if selected is None or self._details is None
            else self._details.read(store, selected),
            events=self._events,
            losses=self._losses,
            alerts=(
                *(disk_alerts(load.disk_free, load.disk_total) if load is not None else ()),
                *worker_alerts(status.workers),
                *(alert for c in status.categories for alert in self._alerts.get(c.id, ())),
            ),
            load=load,
        )

    def _read_losses(self, store: Store) -> None:
        changed = self._status.changed
        if not changed:
            return
        new = losses_among(store, changed) if self._losses else losses_of(store, self.run_id)
        unchanged = {id: losses for id, losses in self._losses.items() if id not in changed}
        self._losses = unchanged | new

    def _update_alerts(self, status: Status, among: frozenset[int] | None) -> None:
        """Update the alerts of the categories with the given row ids, or of all if None."""
        for category in status.categories:
            if among is not None and category.id not in among:
                continue
            alerts = tuple(
                category_alerts(
                    category,
                    self._losses.get(category.id, ()),
                    self._faults.get(category.id),
                    status.test_documents,
                )
            )
            if alerts:
                self._alerts[category.id] = alerts
            else:
                self._alerts.pop(category.id, None)


class _DetailsReader:
    """The details of one category, with the curves of its trials."""

    def __init__(self, category_id: int) -> None:
        self.category_id = category_id
        self._curves: dict[int, RunningLoss] = {}
        self._last: Details | None = None

    def read(self, store: Store, category: CategoryStatus) -> Details:
        trials = []
        for history in trial_histories(store, category.id, category.attempt):
            trial = history.trial
            curve = self._curves.setdefault(trial.id, RunningLoss(trial.id))
            trials.append(TrialCurves(trial, history.epochs, curve.read(store)))
        details = Details(category, tuple(trials), history_of(store, category.id))
        if details != self._last:
            self._last = details
        assert self._last is not None
        return self._last
