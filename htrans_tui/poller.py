"""The one thread that reads the database for the app.

    poller thread                          message loop (widgets live here only)
    ─────────────                          ─────────────────────────────────────
    PRAGMA data_version, a few times a s
    changed? → take_snapshot ── SnapshotTaken ──▶ screens draw the snapshot
    watch(), select()  ◀──────── calls ────────── the user opens a run, moves the cursor

`watch` and `select` only set what the next snapshot is about and wake the thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from textual.message import Message
from textual.message_pump import MessagePump

from core.errors import HTransError
from db.connection import Store, may_write
from htrans_tui.snapshot import Snapshot, take_snapshot

INTERVAL = 0.33
"""Seconds between two looks at the database."""
LONGEST_WITHOUT = 2.0
"""Seconds after which the ages of heartbeats are worth a new snapshot."""


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

    def __init__(self, database: Path, deliver: Callable[[Snapshot], None]) -> None:
        self._database = database
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
        store: Store | None = None
        seen: tuple[int, int | None, int | None] | None = None
        age = 0.0
        while not self._ended.is_set():
            try:
                if store is None:
                    writable = not self._database.exists() or may_write(self._database)
                    store = Store(self._database, read_only=not writable)
                wanted = self._run_id, self._category_id
                key = (store.data_version(), *wanted)
                if key != seen or age >= LONGEST_WITHOUT:
                    self._deliver(take_snapshot(store, *wanted))
                    seen, age = key, 0.0
            except HTransError as error:
                self._deliver(Snapshot(problem=str(error)))
            except Exception as error:
                # A thread that dies would leave the screen as it was, and nobody would know.
                self._deliver(Snapshot(problem=f"unexpected {type(error).__name__}: {error}"))
            age += INTERVAL
            self._wake.wait(INTERVAL)
            self._wake.clear()
        if store is not None:
            store.close()


def post_to(pump: MessagePump) -> Callable[[Snapshot], None]:
    """A `deliver` that posts to a widget or app; posting is safe from any thread."""

    def deliver(snapshot: Snapshot) -> None:
        pump.post_message(SnapshotTaken(snapshot))

    return deliver
