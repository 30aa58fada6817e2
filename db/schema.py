"""The check of a database's schema version, which imports nothing heavy: every start runs it."""

from __future__ import annotations

import sqlite3

from core.errors import HTransError

MIGRATION_SET = "htrans"
MIGRATION_NAMES = ("create_schema",)
"""The migrations of `db.migrations`, in order."""


class SchemaError(HTransError):
    """The schema of the database does not fit this version of the program."""


def is_current(connection: sqlite3.Connection) -> bool:
    """Whether exactly the migrations of this version are applied."""
    known = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '_sqlite_migrations'"
    ).fetchone()
    if known is None:
        return False
    rows = connection.execute(
        "SELECT name FROM _sqlite_migrations WHERE migration_set = ?", (MIGRATION_SET,)
    )
    return {row[0] for row in rows} == set(MIGRATION_NAMES)
