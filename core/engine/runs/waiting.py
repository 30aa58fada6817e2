"""Wait for a run to end, and detect that the engine has died."""

from __future__ import annotations

import time

from core.engine.host.launch import running_supervisor
from core.engine.monitoring.status import Status, status_of
from core.errors import HTransError
from core.progress import Progress
from core.workspace import Workspace
from db.connection import Store
from db.scorings import has_unfinished_scoring
from db.states import ENDED

INTERVAL = 0.5
"""Seconds between two checks of a run."""
_ENGINE_TIMEOUT = 15.0
"""Seconds without an engine before it counts as dead; its guardian may be restarting it."""


def wait_for(
    store: Store,
    workspace: Workspace,
    run_id: int,
    progress: Progress = lambda _done, _total: None,
) -> str:
    """Wait until a run has ended and its test documents are scored; return its state.

    Raises:
        HTransError: The engine has died.
    """
    watch = EngineWatch(store, workspace)
    while True:
        status = status_of(store, run_id)
        if is_over(store, status):
            return status.run.run.state
        progress(
            sum(category.trials_done for category in status.categories),
            sum(category.trials for category in status.categories),
        )
        watch.check(is_running=status.run.run.state == "running")
        time.sleep(INTERVAL)


def is_over(store: Store, status: Status) -> bool:
    """Whether a run has ended and no engine scores, or will score, its test documents."""
    if status.run.run.state not in ENDED:
        return False
    unscored = has_unfinished_scoring(store, status.run.run.id)
    return not _scoring(status) and not (unscored and running_supervisor(store) is not None)


class EngineWatch:
    """Detects that the engine has died before its runs have ended."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store = store
        self._workspace = workspace
        self._missing_since: float | None = None

    def check(self, *, is_running: bool) -> None:
        """Check the engine; call this regularly. `is_running`: whether a run is in progress.

        Raises:
            HTransError: No engine was found for several seconds, although a run is in progress.
        """
        now = time.monotonic()
        if running_supervisor(self._store) is not None or not is_running:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since > _ENGINE_TIMEOUT:
            raise HTransError(
                f"the engine has ended before the run; see {self._workspace.logs}/supervisor.log, "
                "then resume with: htrans-tui engine start"
            )


def _scoring(status: Status) -> bool:
    """Whether a worker may still score test documents of the run."""
    return any(
        worker.state == "scoring"
        or (worker.state == "training" and worker.run_id == status.run.run.id)
        for worker in status.workers
    )
