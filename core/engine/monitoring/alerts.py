"""What people should look at: trainings that go wrong, workers that are silent, a full disk.

An alert holds as long as its cause does; what merely happened is an event (`db.events`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.engine.host.disk import is_nearly_full
from core.engine.monitoring.status import CategoryStatus, Status, WorkerStatus
from db.events import Event
from db.states import ACTIVE_RUN, STARTABLE, WITH_LOSSES

RISE = 1.1
"""How many times its lowest an epoch's training loss is when it counts as rising."""
LEAST_RISE = 0.02
"""A rise by less is noise, however small the loss."""
FAULTS = ("crash", "failed", "cluster", "unscored")
"""Kinds of events that are faults of a category."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something to look at; `category_id` is the row id of the category it is about, if any."""

    kind: str
    message: str
    category_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        """An element of `alerts` of `status --json`."""
        return {"kind": self.kind, "message": self.message}


def alerts_of(
    status: Status,
    losses: Mapping[int, Sequence[float]],
    events: Iterable[Event],
    disk: tuple[int, int],
) -> tuple[Alert, ...]:
    """All alerts of a run, the machine's and the workers' first.

    `losses` are the training losses by epoch of each category's kept or furthest trial; `events`
    are the run's, the newest first; `disk` are its free bytes and all.
    """
    alerts = [*disk_alerts(*disk), *worker_alerts(status.workers)]
    happened = list(events)
    faults = newest_faults(happened)
    alerts += cluster_alerts(status, happened)
    for category in status.categories:
        alerts += category_alerts(
            category, losses.get(category.id, ()), faults.get(category.id), status.test_documents
        )
    return tuple(alerts)


def disk_alerts(free: int, total: int) -> Iterator[Alert]:
    """An alert if the disk is nearly full; both in bytes."""
    if is_nearly_full(free, total):
        yield Alert("disk", f"only {free / (1 << 30):.1f} GiB of the disk are free")


def worker_alerts(workers: Iterable[WorkerStatus]) -> Iterator[Alert]:
    """An alert for each silent worker."""
    for worker in workers:
        if worker.state == "silent":
            at = f" at {worker.category}" if worker.category is not None else ""
            age = f"{worker.heartbeat_age:.0f} s"
            message = f"worker {worker.pid} on {worker.device}{at} is silent for {age}"
            yield Alert("silent", message)


def cluster_alerts(status: Status, events: Iterable[Event]) -> Iterator[Alert]:
    """An alert if a run waits for a cluster; `events` are the newest first."""
    if status.workers or status.run.run.state not in ACTIVE_RUN:
        return
    for event in events:
        if event.kind == "cluster" and event.run_category_id is None:
            yield Alert("cluster", event.message)
            return


def category_alerts(
    category: CategoryStatus, losses: Sequence[float], fault: Event | None, test_documents: int
) -> Iterator[Alert]:
    """The alerts of a category; `fault` is its newest crash or failure, of whichever attempt."""

    def alert(kind: str, message: str) -> Alert:
        return Alert(kind, f"{category.key}: {message}", category.id)

    reason = None if fault is None or fault.at < category.begun_at else fault.message
    if category.state == "failed":
        yield alert("failed", reason or "every class weight failed")
    elif category.state in STARTABLE and fault is not None and reason:
        yield alert(fault.kind, reason)
    if category.state in WITH_LOSSES and is_rising(losses):
        yield alert("loss", f"the training loss rises, {min(losses):.3f} to {losses[-1]:.3f}")
    if category.state != "done":
        return
    if category.test_f1 is None and fault is not None and fault.kind == "unscored" and reason:
        yield alert(fault.kind, reason)
    accepted = category.test_accepted
    if accepted is not None and test_documents and accepted in (0, test_documents):
        which = "no" if accepted == 0 else "every"
        yield alert("one class", f"{which} test document is accepted")
    elif category.validation_f1 == 0.0:
        yield alert("F1 0", "F1 is 0 on the validation documents")
    elif category.test_f1 == 0.0:
        yield alert("F1 0", "F1 is 0 on the test documents")


def is_rising(losses: Sequence[float]) -> bool:
    """Whether the last of the losses by epoch lies well above the lowest before it."""
    if len(losses) < 2:
        return False
    lowest = min(losses[:-1])
    return losses[-1] > lowest * RISE and losses[-1] - lowest > LEAST_RISE


def newest_faults(events: Iterable[Event]) -> dict[int, Event]:
    """The newest fault of each category; `events` are the newest first."""
    faults: dict[int, Event] = {}
    for event in events:
        if event.kind in FAULTS and event.run_category_id is not None:
            faults.setdefault(event.run_category_id, event)
    return faults
