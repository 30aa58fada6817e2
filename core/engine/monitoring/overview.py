"""The status of a run with its alerts."""

from __future__ import annotations

import shutil

from core.engine.monitoring.alerts import Alert, alerts_of
from core.engine.monitoring.losses import losses_of
from core.engine.monitoring.status import Status, status_of
from core.workspace import Workspace
from db.connection import Store
from db.events import events_of


def status_and_alerts(
    store: Store, workspace: Workspace, run_id: int
) -> tuple[Status, tuple[Alert, ...]]:
    """Read a run's status and alerts from one state of the database."""
    with store.snapshot():
        status = status_of(store, run_id)
        losses, events = losses_of(store, run_id), events_of(store, run_id)
    usage = shutil.disk_usage(workspace.root)
    return status, alerts_of(status, losses, events, (usage.free, usage.total))
