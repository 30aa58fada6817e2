"""Start and stop the supervisor of a workspace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

from core.engine.host.devices import DEFAULT_WORKERS_PER_DEVICE
from core.engine.host.identity import is_alive
from core.errors import HTransError
from core.workspace import Workspace
from db.connection import Store
from db.workers import Engine, Worker, configure_engine, engine_of

STOP_TIMEOUT = 60.0
"""Seconds that `stop_supervisor` waits for workers to write their checkpoints."""
_GUARDIAN = "core.engine.processes.guardian"
_started: list[subprocess.Popen[bytes]] = []
"""Guardians started by this process; ended ones must be reaped."""


def running_supervisor(store: Store) -> Engine | None:
    """The supervisor, or None if its process is not running."""
    engine = engine_of(store)
    if engine is None or not is_alive(engine.pid, engine.process_started):
        return None
    return engine


def is_at_work(store: Store, worker: Worker) -> bool:
    """Whether a worker is alive. A worker of a cluster is alive while its supervisor is running."""
    if worker.node is not None:
        return running_supervisor(store) is not None
    return is_alive(worker.pid, worker.process_started)


def ensure_supervisor(store: Store, workspace: Workspace) -> None:
    """Start a detached guardian with its supervisor, unless a supervisor is running.

    If two start at the same time, the one that does not get the file lock ends.
    """
    if running_supervisor(store) is not None:
        return
    if engine_of(store) is None:
        configure_engine(store, "auto", None, DEFAULT_WORKERS_PER_DEVICE)
    workspace.create()
    with (workspace.logs / "supervisor.log").open("ab") as log:
        _started[:] = [process for process in _started if process.poll() is None]
        _started.append(
            subprocess.Popen(
                [sys.executable, "-m", _GUARDIAN, str(workspace.root.absolute())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=os.environ,
            )
        )


def stop_supervisor(store: Store) -> bool:
    """Stop the supervisor and its workers; the workers write checkpoints first.

    Returns:
        False if no supervisor is running.

    Raises:
        HTransError: The supervisor has not stopped within `STOP_TIMEOUT`.
    """
    engine = running_supervisor(store)
    if engine is None or engine.pid is None:
        return False
    os.kill(engine.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while is_alive(engine.pid, engine.process_started):
        if time.monotonic() > deadline:
            raise HTransError(
                f"the engine (pid {engine.pid}) has not stopped within {STOP_TIMEOUT:.0f} s; "
                "see logs/supervisor.log"
            )
        time.sleep(0.1)
    return True
