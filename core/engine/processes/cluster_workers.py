"""The workers of a Ray cluster: a thread of this process for each slot.

Run as `python -m core.engine.processes.cluster_workers WORKSPACE ray SUPERVISOR` by the supervisor,
whose pid is the last argument. Each thread is a `Worker` with a `RayExecutor`.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core.engine.cluster.executor import RayExecutor
from core.engine.cluster.ray_cluster import RayCluster
from core.engine.cluster.shared_objects import SharedObjects
from core.engine.host.ray_connection import NoClusterError
from core.engine.processes.supervisor import lease_seconds
from core.engine.processes.worker import Worker, keep_alive, run_worker_process, stop_on_signals
from core.engine.trials.scheduling import end_worker
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.events import add_event_once
from db.runs import running_run_ids
from db.workers import Engine, add_worker, engine_of

_COUNT_INTERVAL = 2.0
_CONNECT_INTERVAL = 5.0

_log = logging.getLogger("htrans.worker")


@dataclass(slots=True)
class _Slot:
    worker_id: int
    worker: Worker | None
    thread: threading.Thread
    stop: threading.Event


class ClusterWorkers:
    """Keeps a worker for each slot of a cluster."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        engine: Engine,
        stop: threading.Event,
        connect: Callable[[str | None, str, int], RayCluster] = RayCluster,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._engine = engine
        self._stop = stop
        self._connect = connect
        self._slots: list[_Slot] = []

    @property
    def worker_ids(self) -> list[int]:
        """Row ids of the workers."""
        return [slot.worker_id for slot in list(self._slots)]

    def run(self) -> None:
        """Work until `stop` is set."""
        cluster = self._connected()
        if cluster is None:
            return
        stop_on_signals(self._stop)  # Ray has replaced the handlers.
        shared = SharedObjects(cluster.share)
        try:
            while not self._stop.is_set():
                self._adjust(cluster, shared)
                self._stop.wait(_COUNT_INTERVAL)
        finally:
            for slot in self._slots:
                slot.stop.set()
            for slot in self._slots:
                slot.thread.join()
            cluster.disconnect()

    def _connected(self) -> RayCluster | None:
        """Connect to the cluster, however long it takes."""
        engine, reported = self._engine, False
        while not self._stop.is_set():
            try:
                cluster = self._connect(engine.address, engine.device, engine.workers_per_device)
            except NoClusterError as error:
                if not reported:
                    self._report(f"{error}; the engine retries until there is one")
                    reported = True
            else:
                _log.info("connected to the cluster at %s", engine.address or "this machine")
                return cluster
            self._stop.wait(_CONNECT_INTERVAL)
        return None

    def _report(self, message: str) -> None:
        _log.warning("%s", message)
        with self._store.write(durable=True):
            for run_id in running_run_ids(self._store):
                add_event_once(self._store, "cluster", message, run_id, None)

    def _adjust(self, cluster: RayCluster, shared: SharedObjects) -> None:
        """Replace workers that have ended, and follow the number of slots."""
        for slot in [slot for slot in self._slots if not slot.thread.is_alive()]:
            self._slots.remove(slot)
            end_worker(self._store, slot.worker_id, "its slot was closed", is_crash=False)
            if slot.worker is not None and slot.worker.replaced:
                _log.warning("the supervisor has replaced this process; it ends")
                self._stop.set()
                return
        number = cluster.slots()
        if self._engine.workers is not None:
            number = min(number, self._engine.workers)
        while len(self._slots) < number:
            self._slots.append(self._start(cluster, shared))
        idle = [slot for slot in self._slots if slot.worker and not slot.worker.is_busy]
        for slot in idle[: max(len(self._slots) - number, 0)]:
            slot.stop.set()

    def _start(self, cluster: RayCluster, shared: SharedObjects) -> _Slot:
        worker_id = add_worker(self._store, os.getpid(), 0.0, "ray", node="")
        executor = RayExecutor(cluster, shared, worker_id, lease_seconds())

        def work() -> None:
            try:
                with Store(self._workspace.database) as store:
                    slot.worker = Worker(self._workspace, store, worker_id, executor, slot.stop)
                    slot.worker.run()
            except HTransError:
                _log.exception("worker %d cannot continue", worker_id)

        thread = threading.Thread(target=work, name=f"worker-{worker_id}")
        slot = _Slot(worker_id, None, thread, threading.Event())
        thread.start()
        return slot


def main(root: str, supervisor: int) -> int:
    """Run the workers of the workspace in the folder `root`."""

    def work() -> None:
        workspace = Workspace(Path(root))
        stop = threading.Event()
        with Store(workspace.database) as store:
            engine = engine_of(store)
            assert engine is not None
            workers = ClusterWorkers(workspace, store, engine, stop)
            stop_on_signals(stop)
            keep_alive(workspace, lambda: workers.worker_ids, supervisor, stop)
            workers.run()

    return run_worker_process(work, supervisor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[3])))
