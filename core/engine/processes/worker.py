"""A worker: claims trials and trains them, one after another, until told to stop.

Run as `python -m core.engine.processes.worker WORKSPACE DEVICE SUPERVISOR`, the last one the pid of
the supervisor that starts it. It ends by itself when that is gone, also when it went before this
began.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.host.disk import is_full
from core.engine.host.exit_reason import ENVIRONMENT, error_summary
from core.engine.host.identity import own_identity
from core.engine.runs.steering import pause_for_space
from core.engine.trials.scheduling import crash, release
from core.engine.trials.trial_work import score, work_on
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.runs import run_with_id
from db.scorings import claim_scoring, has_pending_scoring
from db.trials import Claim, LostClaimError, claim_trial
from db.workers import add_worker, has_ended, set_worker_state, worker_heartbeat

HEARTBEAT = 1.0
"""Seconds between two signs of life."""
_IDLE = 0.2

Work = Callable[[Store, RunData, Claim, torch.device, Callable[[], bool]], None]
"""What a worker does with a claim: trains a trial, or scores documents."""

_log = logging.getLogger("htrans.worker")


class _DiskFullError(Exception):
    def __init__(self, claim: Claim, error: OSError) -> None:
        super().__init__(str(error))
        self.claim = claim
        self.error = error


class Worker:
    """One worker process and the trial that it holds."""

    def __init__(
        self, workspace: Workspace, store: Store, device: torch.device, supervisor: int
    ) -> None:
        self._workspace = workspace
        self._store = store
        self._device = device
        self._stop = threading.Event()
        self._supervisor = supervisor
        self._data: RunData | None = None
        self._id = add_worker(store, *own_identity(), str(device))

    def run(self) -> None:
        """Work until SIGTERM, SIGINT, or the supervisor's death."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        beat = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        beat.start()
        try:
            self._claim_and_work()
        except _DiskFullError as error:
            self._pause_for_space(error)
        set_worker_state(self._store, self._id, "ended")

    def _claim_and_work(self) -> None:
        set_worker_state(self._store, self._id, "idle")
        while not self._stopping():
            claim, work = self._claimed()
            if claim is None:
                self._stop.wait(_IDLE)
                continue
            self._do(work, claim)
            if has_ended(self._store, self._id):
                _log.warning("this worker was taken for dead and replaced; it ends")
                return
            set_worker_state(self._store, self._id, "idle")

    def _claimed(self) -> tuple[Claim | None, Work]:
        """What is to be done next: what an earlier process has left unscored comes first."""
        if has_pending_scoring(self._store):
            claim = claim_scoring(self._store, self._id)
            if claim is not None:
                return claim, score
        return claim_trial(self._store, self._id), work_on

    def _pause_for_space(self, error: _DiskFullError) -> None:
        """Give the trial back and pause its run; a checkpoint before it is still there."""
        _log.error("%s", pause_for_space(self._store, error.claim, error.error))
        release(self._store, error.claim)

    def _do(self, work: Work, claim: Claim) -> None:
        try:
            if self._data is None or self._data.run.id != claim.run_id:
                run = run_with_id(self._store, claim.run_id)
                self._data = RunData(self._store, self._workspace, run)
            work(self._store, self._data, claim, self._device, self._stopping)
        except LostClaimError as error:
            _log.warning("%s", error)
        except StoreError:
            raise
        except Exception as error:
            if isinstance(error, OSError) and is_full(error):
                raise _DiskFullError(claim, error) from error
            _log.exception("trial %d went wrong", claim.trial_id)
            crash(self._store, claim.trial_id, self._id, error_summary(error))
            self._data = None
            self._stop.wait(1.0)

    def _stopping(self) -> bool:
        return self._stop.is_set()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stop.set()

    def _beat(self) -> None:
        store: Store | None = None
        while not self._stop.wait(HEARTBEAT):
            if os.getppid() != self._supervisor:
                _log.warning("the supervisor is gone; this worker ends")
                self._stop.set()
            try:
                store = store or Store(self._workspace.database)
                worker_heartbeat(store, self._id)
            except StoreError as error:
                _log.warning("no heartbeat: %s", error)
        if store is not None:
            store.close()


def main(root: str, device: str, supervisor: int) -> int:
    """Work for the workspace in the folder `root` on one device, with one thread.

    `supervisor` is the pid of the process that started this one.
    """
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s %(name)s[{os.getpid()}]: %(message)s",
    )
    if os.getppid() != supervisor:
        _log.warning("the supervisor is gone already; this worker does not begin")
        return 0
    torch.set_num_threads(1)
    workspace = Workspace(Path(root))
    started = time.monotonic()
    try:
        with Store(workspace.database) as store:
            Worker(workspace, store, torch.device(device), supervisor).run()
    except HTransError:
        _log.exception("this worker cannot go on")
        return ENVIRONMENT
    _log.info("ended after %.0f s", time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
