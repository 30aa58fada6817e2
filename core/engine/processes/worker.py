"""A worker claims trials and runs them, one after another, until it must stop.

`python -m core.engine.processes.worker WORKSPACE DEVICE SUPERVISOR` is a worker that trains in its
own process. SUPERVISOR is the pid of the supervisor that started it. The worker ends if that
process is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.host.disk import is_full
from core.engine.host.exit_reason import ENVIRONMENT, error_summary
from core.engine.host.identity import own_identity
from core.engine.runs.steering import pause_for_space
from core.engine.trials.executor import Executor, ScoringLostError, TaskLostError
from core.engine.trials.scheduling import crash, release
from core.engine.trials.trial_work import LocalExecutor, score, work_on
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.events import add_event_once
from db.runs import run_with_id
from db.scorings import claim_scoring, has_pending_scoring
from db.trials import Claim, LostClaimError, claim_trial
from db.workers import add_worker, has_ended, set_worker_state, worker_heartbeat

HEARTBEAT = 1.0
"""Seconds between two heartbeats."""
_IDLE = 0.2

Work = Callable[[Store, RunData, Claim, Executor, Callable[[], bool]], None]
"""The work on a claim: `work_on` or `score`."""

_log = logging.getLogger("htrans.worker")


class _DiskFullError(Exception):
    def __init__(self, claim: Claim, error: OSError) -> None:
        super().__init__(str(error))
        self.claim = claim
        self.error = error


class Worker:
    """Claims trials for one row of the table of workers, and runs them on an executor."""

    def __init__(
        self,
        workspace: Workspace,
        store: Store,
        worker_id: int,
        executor: Executor,
        stop: threading.Event,
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._id = worker_id
        self._executor = executor
        self._stop = stop
        self._data: RunData | None = None
        self.is_busy = False
        self.replaced = False
        """The supervisor has declared this worker dead and started another."""

    def run(self) -> None:
        """Work until `stop` is set, the disk is full, or the supervisor replaced this worker."""
        try:
            self._claim_and_work()
        except _DiskFullError as error:
            # The trial's last checkpoint is still there.
            _log.error("%s", pause_for_space(self._store, error.claim, error.error))
            release(self._store, error.claim)
        set_worker_state(self._store, self._id, "ended")

    def _claim_and_work(self) -> None:
        set_worker_state(self._store, self._id, "idle")
        while not self._stop.is_set():
            if has_ended(self._store, self._id):
                _log.warning("worker %d was silent and has been replaced; it ends", self._id)
                self.replaced = True
                return
            claim, work = self._claimed()
            if claim is None:
                self._stop.wait(_IDLE)
                continue
            self.is_busy = True
            self._run(work, claim)
            self.is_busy = False
            if not has_ended(self._store, self._id):
                set_worker_state(self._store, self._id, "idle")

    def _claimed(self) -> tuple[Claim | None, Work]:
        """Claim the next work; pending scorings come first."""
        if has_pending_scoring(self._store):
            claim = claim_scoring(self._store, self._id)
            if claim is not None:
                return claim, score
        return claim_trial(self._store, self._id), work_on

    def _run(self, work: Work, claim: Claim) -> None:
        try:
            if self._data is None or self._data.run.id != claim.run_id:
                run = run_with_id(self._store, claim.run_id)
                self._data = RunData(self._store, self._workspace, run)
            try:
                work(self._store, self._data, claim, self._executor, self._stop.is_set)
            except TaskLostError as error:
                self._record_loss(claim, error)
            except ScoringLostError as error:
                self._stop.wait(error.delay)
        except LostClaimError as error:
            _log.warning("%s", error)
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and is_full(error):
                raise _DiskFullError(claim, error) from error
            _log.exception("trial %d failed", claim.trial_id)
            crash(self._store, claim.trial_id, self._id, error_summary(error))
            self._data = None
            self._stop.wait(1.0)

    def _record_loss(self, claim: Claim, error: TaskLostError) -> None:
        _log.warning("trial %d: %s", claim.trial_id, error)
        if error.is_crash:
            crash(self._store, claim.trial_id, self._id, str(error))
        else:
            message = f"{error}; the trial is resumed from its checkpoint"
            with self._store.write(durable=True):
                add_event_once(self._store, "cluster", message, claim.run_id, claim.run_category_id)
            release(self._store, claim)
        self._stop.wait(error.delay)


def keep_alive(
    workspace: Workspace,
    workers: Callable[[], Sequence[int]],
    supervisor: int,
    stop: threading.Event,
) -> None:
    """Start a thread that writes heartbeats and sets `stop` if the supervisor is gone.

    Args:
        workspace: The workspace.
        workers: Returns the row ids of this process's workers.
        supervisor: Pid of the supervisor, the parent of this process.
        stop: The thread ends when it is set.
    """

    def beat() -> None:
        store: Store | None = None
        while not stop.wait(HEARTBEAT):
            if os.getppid() != supervisor:
                _log.warning("the supervisor is gone; this process ends")
                stop.set()
            try:
                store = store or Store(workspace.database)
                worker_heartbeat(store, *workers())
            except StoreError as error:
                _log.warning("no heartbeat: %s", error)
        if store is not None:
            store.close()

    threading.Thread(target=beat, name="heartbeat", daemon=True).start()


def stop_on_signals(stop: threading.Event) -> None:
    """Set `stop` on SIGTERM and SIGINT."""

    def on_signal(signum: int, frame: FrameType | None) -> None:  # noqa: ARG001
        stop.set()

    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, on_signal)


def run_worker_process(work: Callable[[], None], supervisor: int) -> int:
    """Run the body of a worker process with one torch thread; return its exit code.

    `supervisor` is the pid of the process that started it.
    """
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s %(name)s[{os.getpid()}]: %(message)s",
    )
    if os.getppid() != supervisor:
        _log.warning("the supervisor is gone; this process does not start")
        return 0
    torch.set_num_threads(1)
    started = time.monotonic()
    try:
        work()
    except HTransError:
        _log.exception("this worker cannot continue")
        return ENVIRONMENT
    _log.info("ended after %.0f s", time.monotonic() - started)
    return 0


def main(root: str, device: str, supervisor: int) -> int:
    """Run a worker of the workspace in the folder `root` on one device."""

    def work() -> None:
        workspace = Workspace(Path(root))
        stop = threading.Event()
        with Store(workspace.database) as store:
            worker = add_worker(store, *own_identity(), device)
            stop_on_signals(stop)
            keep_alive(workspace, lambda: [worker], supervisor, stop)
            executor = LocalExecutor(torch.device(device))
            Worker(workspace, store, worker, executor, stop).run()

    return run_worker_process(work, supervisor)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
