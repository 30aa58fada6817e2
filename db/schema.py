"""Whether a database has the schema of this program: asked at each start, so nothing is loaded."""

from __future__ import annotations

import sqlite3

from core.errors import HTransError

MIGRATION_SET = "htrans"
MIGRATION_NAMES = (
    "create_corpora",
    "create_runs",
    "create_engine",
    "guard_states",
    "let_categories_share_a_model",
    "number_changes_of_categories",
    "find_what_refers_to_a_trial",
    "keep_thresholds_and_bounds",
    "let_imports_go_on",
    "run_on_a_cluster",
    "score_what_was_left",
    "record_the_kernel",
)
"""The steps of `db.migrations`, in their order."""


class SchemaError(HTransError):
    """The database's schema is not the one that this program works with."""


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether exactly the steps of this program have been applied."""
    known = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
    ).fetchone()
    if known is None:
        return False
    rows = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (MIGRATION_SET,)
    )
    return {row[0] for row in rows} == set(MIGRATION_NAMES)
