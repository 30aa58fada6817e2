"""Waiting for a run to end, and noticing that nothing works on it any more."""

from __future__ import annotations

import time

from core.engine.host.launch import running_supervisor
from core.engine.monitoring.status import Status, status_of
from core.errors import HTransError
from core.progress import Progress
from core.workspace import Workspace
from db.connection import Store
from db.scorings import scores_are_missing
from db.states import ENDED

INTERVAL = 0.5
"""Seconds between two looks at a run."""
_PATIENCE = 15.0
"""Seconds without an engine, which may be about to be started again by its guardian."""


def wait_for(
    store: Store,
    workspace: Workspace,
    run_id: int,
    progress: Progress = lambda _done, _total: None,
) -> str:
    """Wait until a run has ended and its test documents are scored; return its state.

    Raises `HTransError` if the engine dies meanwhile.
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
        watch.look(still=status.run.run.state == "running")
        time.sleep(INTERVAL)


def is_over(store: Store, status: Status) -> bool:
    """Whether a run has ended, and no engine scores its test documents any more, or is to."""
    if status.run.run.state not in ENDED:
        return False
    unscored = scores_are_missing(store, status.run.run.id)
    return not _scoring(status) and not (unscored and running_supervisor(store) is not None)


class EngineWatch:
    """Notices that the engine has died while there was work for it."""

    def __init__(self, store: Store, workspace: Workspace) -> None:
        self._store = store
        self._workspace = workspace
        self._missing_since: float | None = None

    def look(self, *, still: bool) -> None:
        """Raise `HTransError` if no engine was there for a while; `still` says that runs go on."""
        now = time.monotonic()
        if running_supervisor(self._store) is not None or not still:
            self._missing_since = None
        elif self._missing_since is None:
            self._missing_since = now
        elif now - self._missing_since > _PATIENCE:
            raise HTransError(
                f"the engine has ended before the run; see {self._workspace.logs}/supervisor.log, "
                "then go on with: htrans-tui engine start"
            )


def _scoring(status: Status) -> bool:
    """Whether a worker still scores the test documents of what it has just trained."""
    return any(
        worker.state == "scoring"
        or (worker.state == "training" and worker.run_id == status.run.run.id)
        for worker in status.workers
    )
