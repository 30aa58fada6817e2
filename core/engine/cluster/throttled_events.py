"""What people should hear of a cluster, not more often than once a minute."""

from __future__ import annotations

import logging
import time

from db.connection import Store
from db.events import add_event
from db.runs import running_run_ids
from db.trials import Claim

_AGAIN = 60.0

_log = logging.getLogger("htrans.supervisor")


class ThrottledEvents:
    """Writes events; the same message is not repeated within a minute."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._told: dict[str, float] = {}

    def tell(self, kind: str, message: str, claim: Claim | None = None) -> None:
        """Tell something of a trial's category; without a claim, of every run at work."""
        now = time.monotonic()
        self._told = {m: at for m, at in self._told.items() if now - at < _AGAIN}
        if message in self._told:
            return
        self._told[message] = now
        _log.warning("%s", message)
        with self._store.write(durable=True):
            if claim is not None:
                add_event(self._store, kind, message, claim.run_id, claim.run_category_id)
                return
            for run_id in running_run_ids(self._store):
                add_event(self._store, kind, message, run_id, None)
