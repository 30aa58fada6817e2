"""The supervisor keeps the worker processes of a workspace running.

Its guardian runs it as `python -m core.engine.processes.supervisor WORKSPACE`. It holds a file
lock, so a workspace has at most one. It restarts dead workers, and ends when no run has work left.
It does not import torch.
"""

from __future__ import annotations

import fcntl
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from core.engine.host.devices import slots
from core.engine.host.exit_reason import ENVIRONMENT, exit_reason, out_of_memory_kills
from core.engine.host.identity import is_alive, kill_stopped_workers, own_identity
from core.engine.trials.scheduling import end_supervisor_if_idle, end_worker, has_work
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.workers import (
    Worker,
    engine_of,
    present_workers,
    record_supervisor,
    remove_supervisor,
    supervisor_heartbeat,
)

LEASE = 60.0
"""Seconds without a heartbeat after which a worker loses its trial.

HTRANS_LEASE overrides it, for machines that stall for longer.
"""
CLUSTER = "ray"
"""Device of the one process that runs the workers of a Ray cluster, as threads."""
_TICK = 0.25
_HEARTBEAT = 1.0
_LOCK_PATIENCE = 10.0
_WORKER_PATIENCE = 45.0
_RESTART_DELAY = 2.0
_KILL_PATIENCE = 5.0

_log = logging.getLogger("htrans.supervisor")


@dataclass(slots=True)
class _Slot:
    """A process that the supervisor keeps running: a worker, or all workers of a cluster."""

    number: int
    device: str
    process: subprocess.Popen[bytes] | None = None
    not_before: float = 0.0
    kills_before: int | None = None

    @property
    def is_cluster(self) -> bool:
        return self.device == CLUSTER

    @property
    def module(self) -> str:
        return "cluster_workers" if self.is_cluster else "worker"


@dataclass(slots=True)
class _Pulse:
    """The latest heartbeat of a worker, and the monotonic time at which it was first seen."""

    heartbeat: float
    seen: float


class Supervisor:
    """Keeps the workers of a workspace running."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace = workspace
        self._store = store
        self._stopping = False
        self._slots: list[_Slot] = []
        self._last_heartbeat = 0.0
        self._pulses: dict[int, _Pulse] = {}
        self._last_check = 0.0

    def run(self) -> None:
        """Work until no run has work, or until SIGTERM or SIGINT."""
        engine = engine_of(self._store)
        assert engine is not None
        record_supervisor(self._store, *own_identity())
        self._reap_orphans()
        devices = [CLUSTER]
        if engine.kind == "local":
            devices = slots(engine.device, engine.workers, engine.workers_per_device)
        self._slots = [_Slot(number, device) for number, device in enumerate(devices)]
        _log.info("supervising %d processes: %s", len(devices), ", ".join(devices))
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        while not self._stopping:
            self._tick()
            if not has_work(self._store) and end_supervisor_if_idle(self._store):
                break
            time.sleep(_TICK)
        self._stop_workers()
        if self._stopping:
            with self._store.write(durable=True):
                remove_supervisor(self._store)
        _log.info("ended: %s", "stopped" if self._stopping else "no work left")

    def _tick(self) -> None:
        now = time.monotonic()
        if now - self._last_heartbeat >= _HEARTBEAT:
            supervisor_heartbeat(self._store)
            self._expire_leases()
            self._reap_orphans()
            self._last_heartbeat = now
        for slot in self._slots:
            if slot.process is not None and slot.process.poll() is not None:
                self._reap(slot)
            if slot.process is None and now >= slot.not_before:
                self._start(slot)

    def _start(self, slot: _Slot) -> None:
        slot.kills_before = out_of_memory_kills()
        command = [sys.executable, "-m", f"core.engine.processes.{slot.module}"]
        arguments = [str(self._workspace.root), slot.device, str(os.getpid())]
        with self._log_of(slot).open("ab") as log:
            slot.process = subprocess.Popen(
                [*command, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _reap(self, slot: _Slot, *, may_crash: bool = True) -> None:
        assert slot.process is not None
        code = slot.process.returncode
        pid = slot.process.pid
        slot.process = None
        if code != 0:
            slot.not_before = time.monotonic() + _RESTART_DELAY
        reason = exit_reason(code, self._log_of(slot), slot.kills_before)
        for worker in present_workers(self._store):
            if slot.is_cluster and worker.node is not None:
                end_worker(self._store, worker.id, reason, is_crash=False)
            elif worker.node is None and worker.pid == pid:
                _log.warning("worker %d (pid %d) ended: %s", worker.id, pid, reason)
                is_crash = may_crash and code != ENVIRONMENT
                end_worker(self._store, worker.id, reason, is_crash=is_crash)

    def _log_of(self, slot: _Slot) -> Path:
        return self._workspace.logs / f"worker-{slot.number}.log"

    def _reap_orphans(self) -> None:
        """End the workers of an earlier supervisor."""
        running = [slot for slot in self._slots if slot.process is not None]
        has_cluster = any(slot.is_cluster for slot in running)
        own = {slot.process.pid for slot in running if slot.process is not None}
        for worker in present_workers(self._store):
            if worker.node is not None:
                is_orphan = not has_cluster
            else:
                is_orphan = worker.pid not in own
                is_orphan = is_orphan and not is_alive(worker.pid, worker.process_started)
            if is_orphan:
                _log.warning("worker %d (pid %d) is gone", worker.id, worker.pid)
                end_worker(self._store, worker.id, "its engine was killed", is_crash=False)

    def _expire_leases(self) -> None:
        """End workers whose heartbeat has not changed for longer than the lease.

        The monotonic clock measures it, so that changes of the system time end no worker.
        """
        now = time.monotonic()
        if now - self._last_check > lease_seconds():
            # This process was suspended too, for example with its machine.
            self._pulses.clear()
        self._last_check = now
        workers = present_workers(self._store)
        self._pulses = {
            worker.id: pulse
            if (pulse := self._pulses.get(worker.id)) and pulse.heartbeat == worker.heartbeat
            else _Pulse(worker.heartbeat, now)
            for worker in workers
        }
        for worker in workers:
            silence = now - self._pulses[worker.id].seen
            if silence > lease_seconds():
                _log.warning("worker %d (pid %d) is silent", worker.id, worker.pid)
                self._kill_process_of(worker)
                is_crash = worker.node is None
                end_worker(self._store, worker.id, f"silent for {silence:.0f} s", is_crash=is_crash)
                if not is_crash:
                    self._reap_orphans()

    def _kill_process_of(self, worker: Worker) -> None:
        """Kill the process of a silent worker, so that it holds no lock, and free its slot."""
        for slot in self._slots:
            if slot.process is None:
                continue
            if slot.is_cluster if worker.node is not None else slot.process.pid == worker.pid:
                slot.process.kill()
                with suppress(subprocess.TimeoutExpired):
                    # A process in an uninterruptible call dies later.
                    slot.process.wait(_KILL_PATIENCE)
                slot.process = None
                return
        if worker.node is None and is_alive(worker.pid, worker.process_started):
            # An earlier supervisor started it.
            with suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)

    def _stop(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stopping = True

    def _stop_workers(self) -> None:
        living = [slot for slot in self._slots if slot.process is not None]
        for slot in living:
            assert slot.process is not None
            slot.process.terminate()
        deadline = time.monotonic() + _WORKER_PATIENCE
        for slot in living:
            assert slot.process is not None
            try:
                slot.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                slot.process.kill()
                slot.process.wait()
        # A killed worker may have locked the database.
        for slot in living:
            self._reap(slot, may_crash=False)


def lease_seconds() -> float:
    """The lease, from HTRANS_LEASE if it is set."""
    return float(os.environ.get("HTRANS_LEASE", LEASE))


@contextmanager
def _only_supervisor(workspace: Workspace) -> Iterator[bool]:
    """Hold the workspace's lock; yield False if another supervisor holds it."""
    with workspace.supervisor_lock.open("ab") as file:
        deadline = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    yield False
                    return
                time.sleep(0.1)
            else:
                yield True
                return


def _kill_lock_holders(workspace: Workspace) -> bool:
    """Kill stopped workers: one of them may hold the lock of the database."""
    killed = kill_stopped_workers(workspace.root)
    if killed:
        _log.warning("the database is locked; killed stopped workers: pids %s", sorted(killed))
    return bool(killed)


def main(root: str) -> int:
    """Run the supervisor of the workspace in the folder `root`."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    workspace = Workspace(Path(root))
    try:
        with _only_supervisor(workspace) as alone:
            if not alone:
                _log.info("another supervisor is running")
                return 0
            with Store(
                workspace.database, break_lock=lambda: _kill_lock_holders(workspace)
            ) as store:
                Supervisor(workspace, store).run()
    except HTransError:
        _log.exception("the engine cannot continue")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
