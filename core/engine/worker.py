"""A worker: claims trials and trains them, one after another, until told to stop.

Run as `python -m core.engine.worker WORKSPACE DEVICE` by the supervisor. It ends by itself when the
supervisor is gone.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType

import torch

from core.engine.processes import own_identity
from core.engine.run_data import RunData
from core.engine.scheduling import crash
from core.engine.trial_work import work_on
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.runs import run_with_id
from db.trials import Claim, LostClaimError, claim_trial
from db.workers import add_worker, set_worker_state, worker_heartbeat

HEARTBEAT = 1.0
"""Seconds between two signs of life."""
_IDLE = 0.2

_log = logging.getLogger("htrans.worker")


class Worker:
    """One worker process and the trial that it holds."""

    def __init__(self, workspace: Workspace, store: Store, device: torch.device) -> None:
        self._workspace = workspace
        self._store = store
        self._device = device
        self._stop = threading.Event()
        self._supervisor = os.getppid()
        self._data: RunData | None = None
        self._id = add_worker(store, *own_identity(), str(device))

    def run(self) -> None:
        """Work until SIGTERM, SIGINT, or the supervisor's death."""
        for signum in (signal.SIGTERM, signal.SIGINT):
            signal.signal(signum, self._on_signal)
        beat = threading.Thread(target=self._beat, name="heartbeat", daemon=True)
        beat.start()
        idle = False
        while not self._stopping():
            claim = claim_trial(self._store, self._id)
            if claim is None:
                if not idle:
                    set_worker_state(self._store, self._id, "idle")
                idle = True
                self._stop.wait(_IDLE)
                continue
            idle = False
            self._work_on(claim)
            set_worker_state(self._store, self._id, "idle")
        set_worker_state(self._store, self._id, "ended")

    def _work_on(self, claim: Claim) -> None:
        try:
            if self._data is None or self._data.run.id != claim.run_id:
                run = run_with_id(self._store, claim.run_id)
                self._data = RunData(self._store, self._workspace, run)
            work_on(self._store, self._data, claim, self._device, self._stopping)
        except LostClaimError as error:
            _log.warning("%s", error)
        except StoreError:
            raise
        except Exception as error:
            _log.exception("trial %d went wrong", claim.trial_id)
            crash(self._store, claim.trial_id, self._id, f"{type(error).__name__}: {error}")
            self._stop.wait(1.0)

    def _stopping(self) -> bool:
        return self._stop.is_set()

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._stop.set()

    def _beat(self) -> None:
        store = Store(self._workspace.database)
        while not self._stop.wait(HEARTBEAT):
            try:
                worker_heartbeat(store, self._id)
            except StoreError as error:
                _log.warning("no heartbeat: %s", error)
            if os.getppid() != self._supervisor:
                _log.warning("the supervisor is gone; this worker ends")
                self._stop.set()
        store.close()


def main(root: str, device: str) -> int:
    """Work for the workspace in the folder `root` on one device, with one thread."""
    logging.basicConfig(
        level=logging.INFO,
        format=f"%(asctime)s %(levelname)s %(name)s[{os.getpid()}]: %(message)s",
    )
    torch.set_num_threads(1)
    workspace = Workspace(Path(root))
    started = time.monotonic()
    try:
        store = Store(workspace.database)
        try:
            Worker(workspace, store, torch.device(device)).run()
        finally:
            store.close()
    except HTransError:
        _log.exception("this worker cannot go on")
        return 1
    _log.info("ended after %.0f s", time.monotonic() - started)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
