"""Training runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import ConflictError, NotFoundError
from db.connection import Row, Store
from db.run_categories import NewRunCategory, add_categories_of_run


@dataclass(frozen=True, slots=True)
class Run:
    """One training of a hierarchy. Times are seconds since 1970 UTC."""

    id: int
    name: str
    corpus_id: int
    corpus: str
    vectors_id: int | None
    system: str
    settings: str
    seed: int
    coverage: float | None
    state: str
    created_at: float
    started_at: float | None
    finished_at: float | None


_RUN = """
    SELECT r.id, r.name, r.corpus_id, c.name AS corpus, r.vectors_id, r.system, r.settings, r.seed,
           r.coverage, r.state, r.created_at, r.started_at, r.finished_at
    FROM runs r JOIN corpora c ON c.id = r.corpus_id
"""


def _run(row: Row) -> Run:
    return Run(*row)


def list_runs(store: Store) -> list[Run]:
    """All runs, the newest first."""
    return [_run(row) for row in store.rows(f"{_RUN} ORDER BY r.id DESC")]


def run_with_id(store: Store, run_id: int) -> Run:
    """The run with this row id.

    Raises:
        NotFoundError: The run does not exist any more.
    """
    row = store.row(f"{_RUN} WHERE r.id = ?", (run_id,))
    if row is None:
        raise NotFoundError(f"run {run_id} does not exist any more")
    return _run(row)


def run_named(store: Store, name: str | None) -> Run:
    """The run with this name, or the newest run if `name` is None.

    Raises:
        NotFoundError: There is no such run. The message lists existing runs.
    """
    if name is None:
        row = store.row(f"{_RUN} ORDER BY r.id DESC LIMIT 1")
        if row is None:
            raise NotFoundError("there are no runs; start one with: htrans-tui train CORPUS")
        return _run(row)
    row = store.row(f"{_RUN} WHERE r.name = ?", (name,))
    if row is None:
        names = [run.name for run in list_runs(store)[:5]]
        known = f"the newest runs are {', '.join(names)}" if names else "there are no runs"
        raise NotFoundError(f"there is no run {name!r}; {known}")
    return _run(row)


def free_run_name(store: Store, base: str) -> str:
    """The first unused name of `base`, `base-2`, `base-3` and so on."""
    taken = {run.name for run in list_runs(store)}
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}-{number}"
    return name


def create_run(
    store: Store,
    *,
    name: str | None,
    corpus_id: int,
    corpus_name: str,
    vectors_id: int | None,
    system: str,
    settings: str,
    seed: int,
    coverage: float,
    categories: Sequence[NewRunCategory],
    class_weights: Sequence[float],
) -> int:
    """Record a run with its categories and trials; return its row id.

    The default name consists of corpus and system. Empty categories, and categories that use the
    shared model of an owner category, have no trials.

    Raises:
        ConflictError: The name is in use.
    """
    with store.write(durable=True):
        chosen = name or free_run_name(store, f"{corpus_name}-{system}")
        if store.row("SELECT 1 FROM runs WHERE name = ?", (chosen,)):
            raise ConflictError(f"run {chosen!r} already exists; choose another --name")
        cursor = store.execute(
            "INSERT INTO runs (name, corpus_id, vectors_id, system, settings, seed, coverage, "
            "state, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, 'running', ?)",
            (chosen, corpus_id, vectors_id, system, settings, seed, coverage, time.time()),
        )
        run_id = int(cursor.lastrowid or 0)
        add_categories_of_run(store, run_id, corpus_id, categories, class_weights)
        return run_id


def end_run(store: Store, run_id: int, state: str) -> None:
    """Mark a run as ended now, inside a transaction."""
    store.execute(
        "UPDATE runs SET state = ?, finished_at = ? WHERE id = ?", (state, time.time(), run_id)
    )


def run_state(store: Store, run_id: int) -> str | None:
    """The state of a run, or None if it does not exist."""
    state: str | None = store.value("SELECT state FROM runs WHERE id = ?", (run_id,))
    return state


def set_run_state(store: Store, run_id: int, state: str) -> None:
    """Change the state of a run, inside a transaction."""
    store.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run_id))


def reopen_run(store: Store, run_id: int) -> None:
    """Set an ended run to running, inside a transaction."""
    store.execute("UPDATE runs SET state = 'running', finished_at = NULL WHERE id = ?", (run_id,))


def delete_run_rows(store: Store, run_id: int) -> None:
    """Delete a run and every row that belongs to it, inside a transaction."""
    store.execute("DELETE FROM runs WHERE id = ?", (run_id,))


def run_settings(store: Store, run_id: int) -> str:
    """The settings of a run as JSON."""
    return str(store.value("SELECT settings FROM runs WHERE id = ?", (run_id,)))


def run_ids(store: Store) -> list[int]:
    """Row ids of all runs, ascending."""
    return [row["id"] for row in store.rows("SELECT id FROM runs ORDER BY id")]


def running_run_ids(store: Store) -> list[int]:
    """Row ids of the runs that are running."""
    return [row["id"] for row in store.rows("SELECT id FROM runs WHERE state = 'running'")]


def recorded_kernel(store: Store, run_id: int) -> str | None:
    """The matrix-product kernel of a run, or None before its first worker starts."""
    kernel: str | None = store.value("SELECT kernel FROM runs WHERE id = ?", (run_id,))
    return kernel


def record_kernel(store: Store, run_id: int, kernel: str) -> str:
    """Record the kernel of a run unless one is recorded; return the recorded kernel."""
    with store.write():
        store.execute("UPDATE runs SET kernel = coalesce(kernel, ?) WHERE id = ?", (kernel, run_id))
        return recorded_kernel(store, run_id) or kernel
