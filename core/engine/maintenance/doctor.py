"""Check a workspace for issues, and repair those that can be repaired without losing results.

A repair holds the supervisor's lock, so that no engine starts. While an engine is running, only
imports whose process has died are repaired.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from core.engine.host.identity import is_alive
from core.engine.host.launch import is_at_work, running_supervisor
from core.engine.maintenance.issues import Issue
from core.engine.maintenance.machine import disk_notes, sqlite_notes
from core.engine.trials.scheduling import end_worker
from core.workspace import Workspace
from db.connection import Store, StoreError
from db.corpora import unfinished_corpora
from db.integrity import dangling_references, integrity_errors
from db.schema import SchemaError
from db.workers import present_workers, worker_loads

_MAX_DATABASE_ERRORS = 10
_RESTORE = "restore a backup"


@dataclass(frozen=True, slots=True)
class Examination:
    """Result of a check: issues and notes that are left, and repaired issues."""

    left: tuple[Issue, ...]
    repaired: tuple[Issue, ...]

    @property
    def problems(self) -> tuple[Issue, ...]:
        """The issues that are left, without notes."""
        return tuple(issue for issue in self.left if not issue.is_note)


def examine(
    workspace: Workspace,
    *,
    fix: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Examination:
    """Check the database and every file of a workspace.

    Reads all models, arrays and checkpoints once.

    Args:
        workspace: The workspace.
        fix: Repair fixable issues. Without it, nothing is written.
        progress: Called with the number of completed checks and their total.

    Raises:
        HTransError: A file cannot be removed.
    """
    issues = [*sqlite_notes(), *disk_notes(workspace.root)]
    repaired: list[Issue] = []
    try:
        store, migrated = _open(workspace, fix)
        with store:
            repaired += migrated
            issues += _examine_database(store, workspace, progress)
    except (StoreError, SchemaError) as error:
        issues.append(_database_error(workspace, error))
        return Examination(tuple(issues), tuple(repaired))
    if fix and any(issue.fixable for issue in issues):
        repaired += _repair(workspace)
    return Examination(tuple(i for i in issues if i not in repaired), tuple(repaired))


def _open(workspace: Workspace, fix: bool) -> tuple[Store, list[Issue]]:
    """Open the store read-only; with `fix`, migrate an older schema first."""
    try:
        return Store(workspace.database, read_only=True), []
    except SchemaError:
        if not fix:
            raise
    Store(workspace.database).close()
    subject, problem = workspace.database.name, "the schema was older than this version"
    return Store(workspace.database, read_only=True), [Issue("schema", subject, problem, "")]


def _database_error(workspace: Workspace, error: StoreError | SchemaError) -> Issue:
    kind = "schema" if isinstance(error, SchemaError) else "database"
    message = str(error).removeprefix(f"{workspace.database}: ")
    problem, _, remedy = message.partition("; ")
    return Issue(kind, workspace.database.name, problem, remedy or _RESTORE)


def _examine_database(
    store: Store, workspace: Workspace, progress: Callable[[int, int], None]
) -> list[Issue]:
    issues = check_integrity(store)
    if issues:
        return issues
    from core.engine.maintenance.file_checks import (
        check_checkpoints,
        check_corpora,
        check_embeddings,
        check_models,
        check_vectors,
    )

    checks: tuple[Callable[[], list[Issue]], ...] = (
        lambda: check_references(store),
        lambda: check_workers(store),
        lambda: check_imports(store),
        lambda: check_vectors(store, workspace),
        lambda: check_corpora(store, workspace),
        lambda: check_models(store, workspace),
        lambda: check_embeddings(store, workspace),
        lambda: check_checkpoints(store, workspace),
        lambda: check_orphans(store, workspace),
    )
    for done, check in enumerate(checks):
        progress(done, len(checks))
        issues += check()
    progress(len(checks), len(checks))
    return [_defer_repair(issue) for issue in issues] if engine_at_work(store) else issues


def check_integrity(store: Store) -> list[Issue]:
    """Check the database file with PRAGMA integrity_check."""
    return [
        Issue("database", "htrans.db", f"damaged: {line}", _RESTORE)
        for line in integrity_errors(store, _MAX_DATABASE_ERRORS)
    ]


def check_references(store: Store) -> list[Issue]:
    """Check foreign keys with PRAGMA foreign_key_check."""
    return [
        Issue(
            "database",
            f"{row.table} row {row.row_id}",
            f"it refers to a row of {row.parent} that does not exist",
            _RESTORE,
        )
        for row in dangling_references(store)
    ]


def check_workers(store: Store) -> list[Issue]:
    """Find dead workers that are not marked as ended; nobody trains their trials."""
    return [issue for _, issue in _dead_workers(store)]


def check_imports(store: Store) -> list[Issue]:
    """Find imports whose process was killed."""
    return [
        Issue(
            "import",
            unfinished.name,
            f"the importing process (pid {unfinished.importer[0]}) is dead",
            "repeat the import command to resume; or remove the corpus with: htrans-tui "
            "doctor --fix",
            fixable=True,
        )
        for unfinished in unfinished_corpora(store)
        if not is_alive(*unfinished.importer)
    ]


def check_orphans(store: Store, workspace: Workspace) -> list[Issue]:
    """Find files and folders that no row refers to."""
    from core.engine.maintenance.orphans import orphans

    return [orphan.to_issue(workspace) for orphan in orphans(store, workspace)]


def engine_at_work(store: Store) -> bool:
    """Whether a supervisor or a worker is alive and may write files."""
    if running_supervisor(store) is not None:
        return True
    return any(is_at_work(store, worker) for worker in present_workers(store))


def _dead_workers(store: Store) -> list[tuple[int, Issue]]:
    at_work = {w.id for w in present_workers(store) if is_at_work(store, w)}
    return [
        (
            worker.id,
            Issue(
                "worker",
                f"worker {worker.id} (pid {worker.pid})",
                f"it is dead, but holds {worker.trials} trials",
                "release them with: htrans-tui doctor --fix",
                fixable=True,
            ),
        )
        for worker in worker_loads(store)
        if worker.id not in at_work
    ]


def _defer_repair(issue: Issue) -> Issue:
    """The issue with the remedy for a running engine."""
    if not issue.fixable or issue.kind == "import":
        return issue
    remedy = "first stop the engine (htrans-tui engine stop), then: htrans-tui doctor --fix"
    return replace(issue, remedy=remedy, fixable=False)


def _repair(workspace: Workspace) -> list[Issue]:
    """Repair all fixable issues that still exist; return them."""
    from core.engine.ingest.corpora import remove_abandoned_imports
    from core.engine.maintenance.file_checks import remove_damaged_checkpoints
    from core.engine.maintenance.orphans import orphans

    with Store(workspace.database) as store:
        repaired = check_imports(store)
        remove_abandoned_imports(store, workspace)
        with _no_engine(workspace, store) as is_locked:
            if not is_locked:
                return repaired
            for worker_id, issue in _dead_workers(store):
                end_worker(store, worker_id, "its engine was killed", is_crash=False)
                repaired.append(issue)
            repaired += remove_damaged_checkpoints(store, workspace)
            for orphan in orphans(store, workspace):
                if orphan.description is not None:
                    orphan.remove()
                    repaired.append(orphan.to_issue(workspace))
        return repaired


@contextmanager
def _no_engine(workspace: Workspace, store: Store) -> Iterator[bool]:
    """Prevent the start of an engine during the block; False if one is running."""
    with workspace.supervisor_lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield not engine_at_work(store)
