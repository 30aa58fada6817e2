"""The one thread that reads the database for the app.

    poller thread                          message loop (widgets live here only)
    ─────────────                          ─────────────────────────────────────
    PRAGMA data_version, a few times a s
    changed? → SnapshotReader ── SnapshotTaken ──▶ screens draw the snapshot
    watch(), select()  ◀──────── calls ────────── the user opens a run, moves the cursor

`watch` and `select` only set what the next snapshot is about and wake the thread.
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

LONGEST_WITHOUT = 2.0
"""Seconds after which the ages of heartbeats and the machine's load are worth a new snapshot."""
REST = 9.0
"""How many times as long as a snapshot took the thread rests at least, however much there is."""


class SnapshotTaken(Message):
    """A new snapshot is there; an older one that waits is dropped."""

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self.snapshot = snapshot

    def can_replace(self, message: Message) -> bool:
        """One snapshot replaces another."""
        return isinstance(message, SnapshotTaken)


class Poller:
    """Reads snapshots in a thread of its own and hands them to `deliver`."""

    def __init__(
        self, workspace: Workspace, deliver: Callable[[Snapshot], None], interval: float = REFRESH
    ) -> None:
        """`interval` is the time between two looks at the database, in seconds."""
        self.interval = interval
        self._workspace = workspace
        self._deliver = deliver
        self._run_id: int | None = None
        self._category_id: int | None = None
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="poller", daemon=True)

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._ended.set()
        self._wake.set()
        self._thread.join(timeout=5)

    def watch(self, run_id: int | None) -> None:
        """Read one run in full from now on, or only the list of runs."""
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
                # A thread that dies would leave the screen as it was, and nobody would know.
                self._deliver(Snapshot(problem=f"unexpected {type(error).__name__}: {error}"))
            rest = min(REST * (time.monotonic() - began), LONGEST_WITHOUT)
            self._wake.wait(max(self.interval, rest))
            self._wake.clear()
        if source is not None:
            source.close()


class _Source:
    """The database and the machine, as one thread reads them again and again."""

    def __init__(self, workspace: Workspace) -> None:
        self._store = open_store(workspace)
        self._meter = LoadMeter(workspace.root)
        self._load = self._meter.read()
        self._reader = SnapshotReader()
        self._seen: tuple[int, int | None, int | None] | None = None
        self._measured = time.monotonic()

    def read(self, run_id: int | None, category_id: int | None) -> Snapshot | None:
        """A snapshot if there is something new, or if it is time for one."""
        key = (self._store.data_version(), run_id, category_id)
        is_time = time.monotonic() - self._measured >= LONGEST_WITHOUT
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
    """A `deliver` that posts to a widget or app; posting is safe from any thread."""

    def deliver(snapshot: Snapshot) -> None:
        pump.post_message(SnapshotTaken(snapshot))

    return deliver
