"""Delete a run: its rows in one transaction, and then its files."""

from __future__ import annotations

import shutil
from collections.abc import Iterable

from core.engine.host.launch import is_at_work
from core.errors import ConflictError, HTransError
from core.workspace import Workspace
from db.connection import Store
from db.runs import Run, delete_run_rows, run_state
from db.scorings import scorers_of
from db.states import ACTIVE_RUN
from db.trials import count_running_trials, is_table_needed, run_tables
from db.workers import present_workers


def delete_run(store: Store, workspace: Workspace, run: Run) -> None:
    """Delete a run with its models, scores and history; nothing of it can be brought back.

    Raises `ConflictError` while it runs or a worker still trains or scores for it, and
    `HTransError` if its rows are gone but a file cannot be removed.
    """
    with store.write(durable=True):
        state = run_state(store, run.id)
        if state in ACTIVE_RUN:
            raise ConflictError(f"{run.name} is {state}; pause or cancel it first")
        held = count_running_trials(store, run.id)
        if held:
            raise ConflictError(
                f"{run.name} still has {held} trials at work; wait until they have ended"
            )
        scorers = scorers_of(store, run.id)
        if any(w.id in scorers and is_at_work(store, w) for w in present_workers(store)):
            raise ConflictError(f"documents of {run.name} are being scored; wait until they are")
        tables = run_tables(store, run.id)
        delete_run_rows(store, run.id)
        failed = _remove_tables(store, workspace, tables)
    folder = workspace.run(run.id)
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        failed = error
    if failed is not None:
        raise HTransError(
            f"{run.name} is deleted, but {failed.filename} cannot be removed ({failed.strerror}); "
            "htrans-tui doctor --fix removes it later"
        ) from failed


def _remove_tables(store: Store, workspace: Workspace, tables: Iterable[str]) -> OSError | None:
    """Remove embedding tables that no other run's model has, before a worker can need them.

    Returns why one could not be removed: the rows must go all the same, as others are gone by then.
    """
    failed = None
    for table in tables:
        if not is_table_needed(store, table):
            try:
                (workspace.embeddings / f"{table}.safetensors").unlink(missing_ok=True)
            except OSError as error:
                failed = error
    return failed
