"""Alerts: conditions that need attention, such as failed trials or a full disk.

An alert exists as long as its cause. A past occurrence is an event (`db.events`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.engine.host.disk import is_nearly_full
from core.engine.monitoring.status import CategoryStatus, Status, WorkerStatus
from db.events import Event
from db.states import ACTIVE_RUN, STARTABLE, WITH_LOSSES

RISE_FACTOR = 1.1
"""A training loss counts as rising above this multiple of its minimum."""
MIN_RISE = 0.02
"""Smaller increases of the loss are noise."""
FAULTS = ("crash", "failed", "cluster", "unscored")
"""Event kinds that raise an alert for their category."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that needs attention, with the row id of its category if it has one."""

    kind: str
    message: str
    run_category_id: int | None = None

    def to_json(self) -> dict[str, Any]:
        """An element of `alerts` of `status --json`."""
        return {"kind": self.kind, "message": self.message}


def alerts_of(
    status: Status,
    losses: Mapping[int, Sequence[float]],
    events: Iterable[Event],
    disk: tuple[int, int],
) -> tuple[Alert, ...]:
    """All alerts of a run, in the order machine, workers, cluster, categories.

    Args:
        status: Status of the run.
        losses: Training losses by epoch, by category row id, as `losses_of` returns them.
        events: Events of the run, newest first.
        disk: Free and total bytes of the workspace's disk.
    """
    alerts = [*disk_alerts(*disk), *worker_alerts(status.workers)]
    events = list(events)
    faults = newest_faults(events)
    alerts += cluster_alerts(status, events)
    for category in status.categories:
        alerts += category_alerts(
            category, losses.get(category.id, ()), faults.get(category.id), status.test_documents
        )
    return tuple(alerts)


def disk_alerts(free: int, total: int) -> Iterator[Alert]:
    """An alert if the disk is nearly full; both in bytes."""
    if is_nearly_full(free, total):
        yield Alert("disk", f"the disk has only {free / (1 << 30):.1f} GiB free")


def worker_alerts(workers: Iterable[WorkerStatus]) -> Iterator[Alert]:
    """An alert for each silent worker."""
    for worker in workers:
        if worker.state == "silent":
            at = f" at {worker.category}" if worker.category is not None else ""
            age = f"{worker.heartbeat_age:.0f} s"
            message = f"worker {worker.pid} on {worker.device}{at} has been silent for {age}"
            yield Alert("silent", message)


def cluster_alerts(status: Status, events: Iterable[Event]) -> Iterator[Alert]:
    """An alert if a run waits for a cluster; `events` are sorted newest first."""
    if status.workers or status.run.run.state not in ACTIVE_RUN:
        return
    for event in events:
        if event.kind == "cluster" and event.run_category_id is None:
            yield Alert("cluster", event.message)
            return


def category_alerts(
    category: CategoryStatus, losses: Sequence[float], fault: Event | None, test_documents: int
) -> Iterator[Alert]:
    """The alerts of a category; `fault` is its newest fault in any attempt."""

    def alert(kind: str, message: str) -> Alert:
        return Alert(kind, f"{category.key}: {message}", category.id)

    reason = None if fault is None or fault.at < category.begun_at else fault.message
    if category.state == "failed":
        yield alert("failed", reason or "every class weight failed")
    elif category.state in STARTABLE and fault is not None and reason:
        yield alert(fault.kind, reason)
    if category.state in WITH_LOSSES and is_rising(losses):
        yield alert("loss", f"the training loss is rising, {min(losses):.3f} to {losses[-1]:.3f}")
    if category.state != "done":
        return
    if category.test_f1 is None and fault is not None and fault.kind == "unscored" and reason:
        yield alert(fault.kind, reason)
    accepted = category.test_accepted
    if accepted is not None and test_documents and accepted in (0, test_documents):
        amount = "no" if accepted == 0 else "every"
        yield alert("one class", f"{amount} test document is accepted")
    elif category.validation_f1 == 0.0:
        yield alert("F1 0", "F1 is 0 on the validation documents")
    elif category.test_f1 == 0.0:
        yield alert("F1 0", "F1 is 0 on the test documents")


def is_rising(losses: Sequence[float]) -> bool:
    """Whether the last epoch's loss is well above the minimum of the epochs before it."""
    if len(losses) < 2:
        return False
    lowest = min(losses[:-1])
    return losses[-1] > lowest * RISE_FACTOR and losses[-1] - lowest > MIN_RISE


def newest_faults(events: Iterable[Event]) -> dict[int, Event]:
    """The newest fault by category row id; `events` are sorted newest first."""
    faults: dict[int, Event] = {}
    for event in events:
        if event.kind in FAULTS and event.run_category_id is not None:
            faults.setdefault(event.run_category_id, event)
    return faults
