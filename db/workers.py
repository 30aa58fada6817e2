"""The supervisor, its workers and their heartbeats. Pid and start time identify a process.

A worker of a cluster is a slot for one task at a time. It has a node, and its pid is the pid of
the task's process on that node.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from db.connection import Row, Store


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker; `heartbeat` is its last heartbeat in seconds since 1970.

    `node` is the machine of a cluster, "" before a machine is assigned, and None for a process on
    this machine.
    """

    id: int
    pid: int
    process_started: float
    device: str
    state: str
    trial_id: int | None
    heartbeat: float
    node: str | None


@dataclass(frozen=True, slots=True)
class Engine:
    """The supervisor of a workspace and its configuration; `pid` is None if none is running.

    `kind` is "local" or "ray". `address` is the address of the Ray cluster; None lets Ray find or
    start one.
    """

    pid: int | None
    process_started: float | None
    heartbeat: float | None
    device: str
    workers: int | None
    workers_per_device: int
    kind: str = "local"
    address: str | None = None


def engine_of(store: Store) -> Engine | None:
    """The recorded supervisor, or None before the first one."""
    row = store.row(
        "SELECT pid, process_started, heartbeat, device, workers, workers_per_device, kind, "
        "address FROM engine"
    )
    return None if row is None else Engine(*row)


def configure_engine(
    store: Store,
    device: str,
    workers: int | None,
    workers_per_device: int,
    kind: str = "local",
    address: str | None = None,
) -> None:
    """Record the configuration of the next supervisor.

    Args:
        store: The database.
        device: Devices as `--device` names them.
        workers: Number of workers; None for one per slot.
        workers_per_device: Workers that share a GPU.
        kind: "local" or "ray".
        address: Address of the Ray cluster.
    """
    with store.write():
        store.execute(
            "INSERT INTO engine (id, device, workers, workers_per_device, kind, address) "
            "VALUES (1, ?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET device = excluded.device, workers = excluded.workers, "
            "workers_per_device = excluded.workers_per_device, kind = excluded.kind, "
            "address = excluded.address",
            (device, workers, workers_per_device, kind, address),
        )


def record_supervisor(store: Store, pid: int, process_started: float) -> None:
    """Record the supervisor that holds the lock."""
    with store.write(durable=True):
        store.execute(
            "UPDATE engine SET pid = ?, process_started = ?, heartbeat = ?",
            (pid, process_started, time.time()),
        )


def supervisor_heartbeat(store: Store) -> None:
    """Record a heartbeat of the supervisor."""
    with store.write():
        store.execute("UPDATE engine SET heartbeat = ?", (time.time(),))


def remove_supervisor(store: Store) -> None:
    """Record that no supervisor is running, inside a transaction."""
    store.execute("UPDATE engine SET pid = NULL, process_started = NULL, heartbeat = NULL")


def add_worker(
    store: Store, pid: int, process_started: float, device: str, node: str | None = None
) -> int:
    """Record a worker; return its row id, which is never reused."""
    now = time.time()
    with store.write(durable=True):
        cursor = store.execute(
            "INSERT INTO workers (pid, process_started, device, state, heartbeat, started_at, node)"
            " VALUES (?, ?, ?, 'starting', ?, ?, ?)",
            (pid, process_started, device, now, now, node),
        )
        return int(cursor.lastrowid or 0)


def place_worker(store: Store, worker_id: int, pid: int, device: str, node: str) -> None:
    """Record the process, device and node of a cluster worker."""
    with store.write():
        store.execute(
            "UPDATE workers SET pid = ?, device = ?, node = ?, heartbeat = ? WHERE id = ?",
            (pid, device, node, time.time(), worker_id),
        )


def worker_heartbeat(store: Store, *worker_ids: int) -> None:
    """Record heartbeats of workers."""
    with store.write():
        store.execute_many(
            "UPDATE workers SET heartbeat = ? WHERE id = ?",
            [(time.time(), worker_id) for worker_id in worker_ids],
        )


def set_worker_state(store: Store, worker_id: int, state: str) -> None:
    """Set the state of a worker and clear its trial."""
    with store.write():
        store.execute(
            "UPDATE workers SET state = ?, trial_id = NULL, scores_trial_id = NULL, heartbeat = ?, "
            "ended_at = CASE WHEN ? = 'ended' THEN ? END WHERE id = ?",
            (state, time.time(), state, time.time(), worker_id),
        )


def has_ended(store: Store, worker_id: int) -> bool:
    """Whether a worker is marked as ended."""
    return bool(store.value("SELECT state = 'ended' FROM workers WHERE id = ?", (worker_id,)))


def present_workers(store: Store) -> list[Worker]:
    """The workers that are not marked as ended."""
    rows = store.rows(
        "SELECT id, pid, process_started, device, state, trial_id, heartbeat, node FROM workers "
        "WHERE state <> 'ended' ORDER BY id"
    )
    return [_worker(row) for row in rows]


def _worker(row: Row) -> Worker:
    return Worker(*row)


def mark_scoring(store: Store, worker_id: int) -> None:
    """Set the state of a worker to scoring, inside a transaction; keep its trial."""
    store.execute("UPDATE workers SET state = 'scoring' WHERE id = ?", (worker_id,))


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """A worker and the number of running trials assigned to it."""

    id: int
    pid: int
    state: str
    trials: int


def worker_loads(store: Store) -> list[WorkerLoad]:
    """The workers that have not ended or have running trials, by row id."""
    rows = store.rows(
        "SELECT w.id, w.pid, w.state, count(t.id) AS trials FROM workers w "
        "LEFT JOIN trials t ON t.owner = w.id AND t.state = 'running' "
        "GROUP BY w.id HAVING w.state <> 'ended' OR count(t.id) ORDER BY w.id"
    )
    return [WorkerLoad(*row) for row in rows]
