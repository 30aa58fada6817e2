"""Events of runs, such as crashes and failures."""

from __future__ import annotations

import time
from dataclasses import dataclass

from db.connection import Store


@dataclass(frozen=True, slots=True)
class Event:
    """One event; `kind` is for example "crash", "failed" or "cluster"."""

    id: int
    run_id: int | None
    run_category_id: int | None
    kind: str
    message: str
    at: float


def add_event(
    store: Store, kind: str, message: str, run_id: int | None, run_category_id: int | None
) -> None:
    """Record an event, inside a transaction."""
    store.execute(
        "INSERT INTO events (run_id, run_category_id, kind, message, at) VALUES (?, ?, ?, ?, ?)",
        (run_id, run_category_id, kind, message, time.time()),
    )


def add_event_once(
    store: Store,
    kind: str,
    message: str,
    run_id: int,
    run_category_id: int | None,
    within: float = 60.0,
) -> None:
    """Record an event unless the run has the same one from the last `within` seconds.

    Runs inside a transaction.
    """
    same = store.row(
        "SELECT 1 FROM events WHERE run_id = ? AND message = ? AND at > ?",
        (run_id, message, time.time() - within),
    )
    if same is None:
        add_event(store, kind, message, run_id, run_category_id)


def events_of(store: Store, run_id: int) -> list[Event]:
    """The events of a run, newest first."""
    rows = store.rows(
        "SELECT id, run_id, run_category_id, kind, message, at FROM events "
        "WHERE run_id = ? ORDER BY id DESC",
        (run_id,),
    )
    return [Event(*row) for row in rows]


def last_message(store: Store) -> str | None:
    """The message of the newest event of the workspace, or None."""
    message: str | None = store.value("SELECT message FROM events ORDER BY id DESC LIMIT 1")
    return message
