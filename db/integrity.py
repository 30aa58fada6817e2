"""SQLite's integrity checks of a database file."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Store


def integrity_errors(store: Store, limit: int) -> list[str]:
    """The first `limit` errors that SQLite finds in the file."""
    lines = [str(row[0]) for row in store.rows(f"PRAGMA integrity_check({int(limit)})")]
    return [] if lines == ["ok"] else lines


@dataclass(frozen=True, slots=True)
class DanglingReference:
    """A row whose foreign key refers to a missing row of the table `parent`."""

    table: str
    row_id: int
    parent: str


def dangling_references(store: Store) -> list[DanglingReference]:
    """All rows with a dangling foreign key."""
    return [
        DanglingReference(row["table"], row["rowid"], row["parent"])
        for row in store.rows("PRAGMA foreign_key_check")
    ]
