"""A program with one more migration than this one."""

from __future__ import annotations

import pytest
from sqlite_utils import Database, Migrations

from db import migrations, schema


def add_migration(monkeypatch: pytest.MonkeyPatch, *, fails: bool = False) -> None:
    """Make this program one whose second migration adds the table `hamsters`, or fails."""
    steps = Migrations(schema.MIGRATION_SET)
    steps()(migrations.create_schema)

    @steps()
    def keep_hamsters(database: Database) -> None:
        database.conn.execute("CREATE TABLE hamsters (name TEXT) STRICT")
        if fails:
            raise RuntimeError("no room for hamsters")

    monkeypatch.setattr(migrations, "MIGRATIONS", steps)
    monkeypatch.setattr(schema, "MIGRATION_NAMES", ("create_schema", "keep_hamsters"))
