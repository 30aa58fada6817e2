"""The supervisor: one detached process per workspace that keeps a worker in each slot.

Run as `python -m core.engine.supervisor WORKSPACE`. It holds a file lock for as long as it lives,
restarts workers that die, and ends when no run has work left. It imports no torch.
"""

from __future__ import annotations

import fcntl
import logging
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from core.engine.devices import slots
from core.engine.processes import is_alive, own_identity
from core.engine.scheduling import end_supervisor_if_idle, end_worker, has_work
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
"""Seconds without a heartbeat after which a worker's trial is given to another."""
_TICK = 0.25
_HEARTBEAT = 1.0
_LOCK_PATIENCE = 10.0
_WORKER_PATIENCE = 45.0
_RESTART_DELAY = 2.0

_log = logging.getLogger("htrans.supervisor")


@dataclass(slots=True)
class _Slot:
    number: int
    device: str
    process: subprocess.Popen[bytes] | None = None
    not_before: float = 0.0


class Supervisor:
    """Keeps the workers of one workspace alive."""

    def __init__(self, workspace: Workspace, store: Store) -> None:
        self._workspace = workspace
        self._store = store
        self._stopping = False
        self._slots: list[_Slot] = []
        self._last_heartbeat = 0.0

    def run(self) -> None:
        """Work until no run has work, or until SIGTERM or SIGINT."""
        engine = engine_of(self._store)
        assert engine is not None
        record_supervisor(self._store, *own_identity())
        self._bury_strangers()
        devices = slots(engine.device, engine.workers, engine.workers_per_device)
        self._slots = [_Slot(number, device) for number, device in enumerate(devices)]
        _log.info("supervising %d workers: %s", len(devices), ", ".join(devices))
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
            self._last_heartbeat = now
        for slot in self._slots:
            if slot.process is not None and slot.process.poll() is not None:
                self._bury(slot)
            if slot.process is None and now >= slot.not_before:
                self._start(slot)

    def _start(self, slot: _Slot) -> None:
        with (self._workspace.logs / f"worker-{slot.number}.log").open("ab") as log:
            slot.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "core.engine.worker",
                    str(self._workspace.root),
                    slot.device,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def _bury(self, slot: _Slot) -> None:
        assert slot.process is not None
        code = slot.process.returncode
        pid = slot.process.pid
        slot.process = None
        if code != 0:
            slot.not_before = time.monotonic() + _RESTART_DELAY
        reason = _cause_of_death(code)
        for worker in present_workers(self._store):
            if worker.pid == pid:
                _log.warning("worker %d (pid %d) ended: %s", worker.id, pid, reason)
                end_worker(self._store, worker.id, reason)

    def _bury_strangers(self) -> None:
        """Enter the deaths of workers of an earlier supervisor."""
        for worker in present_workers(self._store):
            if not is_alive(worker.pid, worker.process_started):
                end_worker(self._store, worker.id, "its engine ended without stopping it")

    def _expire_leases(self) -> None:
        now = time.time()
        for worker in present_workers(self._store):
            if now - worker.heartbeat > LEASE and worker.trial_id is not None:
                self._expire(worker, now)

    def _expire(self, worker: Worker, now: float) -> None:
        _log.warning("worker %d (pid %d) is silent; its claim expires", worker.id, worker.pid)
        end_worker(self._store, worker.id, f"silent for {now - worker.heartbeat:.0f} s")

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
            self._bury(slot)


def _cause_of_death(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        hint = " (the kernel kills so when memory runs out)" if -code == signal.SIGKILL else ""
        return f"killed by {name}{hint}"
    return f"ended with exit code {code}"


@contextmanager
def _only_supervisor(workspace: Workspace) -> Iterator[bool]:
    """Hold the workspace's lock; False if another supervisor keeps it."""
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


def main(root: str) -> int:
    """Supervise the workspace in the folder `root`."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    workspace = Workspace(Path(root))
    try:
        with _only_supervisor(workspace) as alone:
            if not alone:
                _log.info("another supervisor is at work")
                return 0
            store = Store(workspace.database)
            try:
                Supervisor(workspace, store).run()
            finally:
                store.close()
    except HTransError:
        _log.exception("the engine cannot go on")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
