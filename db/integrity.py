"""SQLite's own checks of a database file."""

from __future__ import annotations

from dataclasses import dataclass

from db.connection import Store


def integrity_errors(store: Store, most: int) -> list[str]:
    """At most `most` errors that SQLite finds in the file; empty for an intact one."""
    lines = [str(row[0]) for row in store.rows(f"PRAGMA integrity_check({int(most)})")]
    return [] if lines == ["ok"] else lines


@dataclass(frozen=True, slots=True)
class DanglingReference:
    """A row that refers to a row of the table `parent` that does not exist."""

    table: str
    row_id: int
    parent: str


def dangling_references(store: Store) -> list[DanglingReference]:
    """The rows whose foreign key refers to no row."""
    return [
        DanglingReference(row["table"], row["rowid"], row["parent"])
        for row in store.rows("PRAGMA foreign_key_check")
    ]
