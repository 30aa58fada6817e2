"""Steering a run: a request is a change of rows that workers obey between two batches."""

from __future__ import annotations

from core.engine.scheduling import settle
from core.errors import ConflictError
from core.workspace import Workspace
from db.connection import Store
from db.runs import Run, end_run, run_with_id


def pause_run(store: Store, run: Run) -> Run:
    """Ask a run to pause: batches in flight end, checkpoints are written, devices are freed."""
    with store.write(durable=True):
        state = _state(store, run)
        if state in ("pausing", "paused"):
            return run_with_id(store, run.id)
        _refuse_ended(run, state, "paused")
        at_work = store.row(
            "SELECT 1 FROM run_categories WHERE run_id = ? AND state = 'running'", (run.id,)
        )
        _set_state(store, run, "pausing" if at_work else "paused")
    return run_with_id(store, run.id)


def resume_run(store: Store, workspace: Workspace, run: Run) -> Run:
    """Let a paused run go on from its checkpoints; starts the engine if none runs."""
    from core.engine.launch import ensure_supervisor

    with store.write(durable=True):
        state = _state(store, run)
        _refuse_ended(run, state, "resumed")
        if state != "running":
            _set_state(store, run, "running")
        store.execute(
            "UPDATE trials SET state = 'ready' WHERE state = 'paused' AND run_category_id IN "
            "(SELECT id FROM run_categories WHERE run_id = ?)",
            (run.id,),
        )
        for row in store.rows(
            "SELECT id FROM run_categories WHERE run_id = ? AND state = 'paused'", (run.id,)
        ):
            settle(store, row["id"])
    ensure_supervisor(store, workspace)
    return run_with_id(store, run.id)


def cancel_run(store: Store, run: Run) -> Run:
    """End a run; categories that are done keep their models."""
    with store.write(durable=True):
        _refuse_ended(run, _state(store, run), "cancelled")
        unfinished = "state IN ('waiting', 'ready', 'running', 'paused')"
        store.execute(
            f"UPDATE trials SET state = 'cancelled', owner = NULL WHERE {unfinished} AND "
            "run_category_id IN (SELECT id FROM run_categories WHERE run_id = ?)",
            (run.id,),
        )
        store.execute(
            f"UPDATE run_categories SET state = 'cancelled' WHERE {unfinished} AND run_id = ?",
            (run.id,),
        )
        end_run(store, run.id, "cancelled")
    return run_with_id(store, run.id)


def _state(store: Store, run: Run) -> str:
    return str(store.value("SELECT state FROM runs WHERE id = ?", (run.id,)))


def _set_state(store: Store, run: Run, state: str) -> None:
    store.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run.id))


def _refuse_ended(run: Run, state: str, verb: str) -> None:
    if state in ("done", "failed", "cancelled"):
        raise ConflictError(f"run {run.name!r} is {state} and cannot be {verb}")
