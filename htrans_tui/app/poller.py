"""The thread that reads the database for the app.

    poller thread                          message loop (widgets live here only)
    ─────────────                          ─────────────────────────────────────
    PRAGMA data_version, a few times a s
    changed? → SnapshotReader ── SnapshotTaken ──▶ screens draw the snapshot
    watch(), select()  ◀──────── calls ────────── the user opens a run, moves the cursor

`watch` and `select` set the contents of the next snapshot and wake the thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from textual.message import Message
from textual.message_pump import MessagePump

from core.engine.artifacts.workspace_store import open_store
from core.engine.monitoring.load import LoadMeter
from core.errors import HTransError
from core.workspace import Workspace
from htrans_tui.app.preferences import REFRESH
from htrans_tui.app.snapshot import Snapshot, SnapshotReader

MAX_INTERVAL_S = 2.0
"""Seconds after which a snapshot is taken anyway, for heartbeat ages and machine load."""
PAUSE_FACTOR = 9.0
"""Minimum pause after a snapshot, as a multiple of the time that the snapshot took."""


class SnapshotTaken(Message):
    """Posted for a new snapshot. Replaces an older one in the message queue."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """Replace an older snapshot."""
        return isinstance(message, SnapshotTaken)


class Poller:
    """Thread that reads snapshots and passes them to a callback."""

    def __init__(
        self, workspace: Workspace, deliver: Callable[[Snapshot], None], interval: float = REFRESH
    ) -> None:
        """Create the poller; `start` starts its thread.

        Args:
            workspace: The workspace that is read.
            deliver: Called in the thread with each new snapshot.
            interval: Seconds between two reads of the database.
        """
        self.interval = interval
        self._workspace = workspace
        self._deliver = deliver
        self._run_id: int | None = None
        self._category_id: int | None = None
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for its end."""
        self._ended.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def watch(self, run_id: int | None) -> None:
        """Read one run in full from now on, or only the list of runs if `run_id` is None."""
        self._run_id = run_id
        self._category_id = None
        self._wake.set()

    def select(self, category_id: int | None) -> None:
        """Read the trials of one category of the watched run."""
        if category_id != self._category_id:
            self._category_id = category_id
            self._wake.set()

    def _poll(self) -> None:
        source: _Source | None = None
        while not self._ended.is_set():
            began = time.monotonic()
            try:
                if source is None:
                    source = _Source(self._workspace)
                snapshot = source.read(self._run_id, self._category_id)
                if snapshot is not None:
                    self._deliver(snapshot)
            except HTransError as error:
                self._deliver(Snapshot(problem=str(error)))
            except Exception as error:
                # Report the error: a dead thread would silently freeze the screens.
                self._deliver(Snapshot(problem=f"unexpected {type(error).__name__}: {error}"))
            pause = min(PAUSE_FACTOR * (time.monotonic() - began), MAX_INTERVAL_S)
            self._wake.wait(max(self.interval, pause))
            self._wake.clear()
        if source is not None:
            source.close()


class _Source:
    """Database connection and load meter of the poller thread."""

    def __init__(self, workspace: Workspace) -> None:
        self._store = open_store(workspace)
        self._meter = LoadMeter(workspace.root)
        self._load = self._meter.read()
        self._reader = SnapshotReader()
        self._seen: tuple[int, int | None, int | None] | None = None
        self._measured = time.monotonic()

    def read(self, run_id: int | None, category_id: int | None) -> Snapshot | None:
        """Return a snapshot if something changed or after `MAX_INTERVAL_S`, else None."""
        key = (self._store.data_version(), run_id, category_id)
        is_time = time.monotonic() - self._measured >= MAX_INTERVAL_S
        if key == self._seen and not is_time:
            return None
        if is_time:
            self._load, self._measured = self._meter.read(), time.monotonic()
        snapshot = self._reader.read(self._store, run_id, category_id, self._load)
        self._seen = key
        return snapshot

    def close(self) -> None:
        """Close the database."""
        self._store.close()


def post_to(pump: MessagePump) -> Callable[[Snapshot], None]:
    """Return a callback that posts snapshots to a widget or app. It is thread-safe."""

    def deliver(snapshot: Snapshot) -> None:
        pump.post_message(SnapshotTaken(snapshot))

    return deliver
