"""Delete a run: first its rows in one transaction, then its files."""

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
    """Delete a run with its models, scores and history. This cannot be undone.

    Raises:
        ConflictError: The run is running, or a worker trains or scores for it.
        HTransError: The rows are deleted, but a file cannot be removed.
    """
    with store.write(durable=True):
        state = run_state(store, run.id)
        if state in ACTIVE_RUN:
            raise ConflictError(f"{run.name} is {state}; pause or cancel it first")
        held = count_running_trials(store, run.id)
        if held:
            raise ConflictError(
                f"{run.name} still has {held} running trials; wait until they have ended"
            )
        scorers = scorers_of(store, run.id)
        if any(w.id in scorers and is_at_work(store, w) for w in present_workers(store)):
            raise ConflictError(
                f"documents of {run.name} are being scored; wait until scoring has ended"
            )
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
            "remove it later with: htrans-tui doctor --fix"
        ) from failed


def _remove_tables(store: Store, workspace: Workspace, tables: Iterable[str]) -> OSError | None:
    """Remove embedding tables that no other run uses, inside the transaction.

    Returns:
        The last error, or None. An error must not roll back the deletion of the rows, because some
        files are already deleted.
    """
    failed = None
    for table in tables:
        if not is_table_needed(store, table):
            try:
                (workspace.embeddings / f"{table}.safetensors").unlink(missing_ok=True)
            except OSError as error:
                failed = error
    return failed
