"""Examine a workspace, and mend what can be mended without losing a result.

Mending holds the supervisor's lock, so that no engine starts meanwhile. While one is at work, only
imports whose process is dead are mended.
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

_MOST_DATABASE_ERRORS = 10
_RESTORE = "restore a backup"


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found and is still so, and what was found and has been mended."""

    left: tuple[Issue, ...]
    mended: tuple[Issue, ...]

    @property
    def problems(self) -> tuple[Issue, ...]:
        """What is wrong still, without the notes."""
        return tuple(finding for finding in self.left if not finding.is_note)


def examine(
    workspace: Workspace,
    *,
    fix: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Examination:
    """Examine the database and every file of a workspace that there is; `fix` mends.

    Reads all models, arrays and checkpoints once; without `fix` it writes nothing. Raises
    `HTransError` where mending is refused by the disk.
    """
    found = [*sqlite_notes(), *disk_notes(workspace.root)]
    mended: list[Issue] = []
    try:
        store, migrated = _open(workspace, fix)
        with store:
            mended += migrated
            found += _examine_database(store, workspace, progress)
    except (StoreError, SchemaError) as error:
        found.append(_database_error(workspace, error))
        return Examination(tuple(found), tuple(mended))
    if fix and any(finding.fixable for finding in found):
        mended += _repair(workspace)
    return Examination(tuple(f for f in found if f not in mended), tuple(mended))


def _open(workspace: Workspace, fix: bool) -> tuple[Store, list[Issue]]:
    """The store, read-only; `fix` first brings an older schema up to date."""
    try:
        return Store(workspace.database, read_only=True), []
    except SchemaError:
        if not fix:
            raise
    Store(workspace.database).close()
    subject, problem = workspace.database.name, "its schema was older than this program"
    return Store(workspace.database, read_only=True), [Issue("schema", subject, problem, "")]


def _database_error(workspace: Workspace, error: StoreError | SchemaError) -> Issue:
    kind = "schema" if isinstance(error, SchemaError) else "database"
    said = str(error).removeprefix(f"{workspace.database}: ")
    problem, _, remedy = said.partition("; ")
    return Issue(kind, workspace.database.name, problem, remedy or _RESTORE)


def _examine_database(
    store: Store, workspace: Workspace, progress: Callable[[int, int], None]
) -> list[Issue]:
    found = check_integrity(store)
    if found:
        return found
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
        found += check()
    progress(len(checks), len(checks))
    return [_after_the_engine(finding) for finding in found] if engine_at_work(store) else found


def check_integrity(store: Store) -> list[Issue]:
    """Whether SQLite finds its file whole (PRAGMA integrity_check)."""
    return [
        Issue("database", "htrans.db", f"damaged: {line}", _RESTORE)
        for line in integrity_errors(store, _MOST_DATABASE_ERRORS)
    ]


def check_references(store: Store) -> list[Issue]:
    """Whether every row that another refers to exists (PRAGMA foreign_key_check)."""
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
    """Workers that are dead, but not for the database: their trials wait for nobody."""
    return [finding for _, finding in _dead_workers(store)]


def check_imports(store: Store) -> list[Issue]:
    """Imports whose process was killed."""
    return [
        Issue(
            "import",
            unfinished.name,
            f"the process that imported it (pid {unfinished.importer[0]}) is dead",
            "import it again with the same command, which goes on; or remove it: htrans-tui "
            "doctor --fix",
            fixable=True,
        )
        for unfinished in unfinished_corpora(store)
        if not is_alive(*unfinished.importer)
    ]


def check_orphans(store: Store, workspace: Workspace) -> list[Issue]:
    """Files and folders that no row refers to."""
    from core.engine.maintenance.orphans import orphans

    return [orphan.finding(workspace) for orphan in orphans(store, workspace)]


def engine_at_work(store: Store) -> bool:
    """Whether a supervisor or a worker lives that may be writing files."""
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
                "give them back with: htrans-tui doctor --fix",
                fixable=True,
            ),
        )
        for worker in worker_loads(store)
        if worker.id not in at_work
    ]


def _after_the_engine(finding: Issue) -> Issue:
    if not finding.fixable or finding.kind == "import":
        return finding
    remedy = "first stop the engine (htrans-tui engine stop), then: htrans-tui doctor --fix"
    return replace(finding, remedy=remedy, fixable=False)


def _repair(workspace: Workspace) -> list[Issue]:
    """Mend what is wrong now, which may be less than was found; return it."""
    from core.engine.ingest.corpora import remove_abandoned_imports
    from core.engine.maintenance.file_checks import remove_damaged_checkpoints
    from core.engine.maintenance.orphans import orphans

    with Store(workspace.database) as store:
        mended = check_imports(store)
        remove_abandoned_imports(store, workspace)
        with _no_engine(workspace, store) as alone:
            if not alone:
                return mended
            for worker_id, finding in _dead_workers(store):
                end_worker(store, worker_id, "its engine was killed", is_crash=False)
                mended.append(finding)
            mended += remove_damaged_checkpoints(store, workspace)
            for orphan in orphans(store, workspace):
                if orphan.what is not None:
                    orphan.remove()
                    mended.append(orphan.finding(workspace))
        return mended


@contextmanager
def _no_engine(workspace: Workspace, store: Store) -> Iterator[bool]:
    """Keep an engine from starting for as long as the block runs; False if one is at work."""
    with workspace.supervisor_lock.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield not engine_at_work(store)
