"""One connection to the workspace's database, and the one way to write through it."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from core.errors import HTransError
from db.schema import is_current

if TYPE_CHECKING:
    from sqlite_utils import Database

Row = sqlite3.Row
BUSY_TIMEOUT = 30.0
"""Seconds that a statement waits for another writer."""


class StoreError(HTransError):
    """The database cannot be opened, read or written."""


def may_write(path: Path) -> bool:
    """Whether the database and the folder that holds its write-ahead log may be written."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


class Store:
    """A connection to `htrans.db`. One for each thread and process; open it after a fork."""

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        """Open the database and bring its schema up to date.

        Raises `StoreError` if there is none (unless `create`) or if it is no SQLite database, and
        `SchemaError` if a newer program wrote it, or if it is old and `read_only` forbids to
        migrate it.
        """
        if not create and not path.is_file():
            raise StoreError(
                f"{path.parent} is no workspace yet; import a corpus into it, "
                "or name another folder with --workspace"
            )
        self.path = path
        with _clear_errors(path):
            self._connection = sqlite3.connect(
                _uri(path, read_only=read_only),
                uri=True,
                timeout=BUSY_TIMEOUT,
                isolation_level=None,
            )
            self._connection.row_factory = sqlite3.Row
            self._connection.execute("PRAGMA foreign_keys = ON")
            if not read_only:
                self._use_wal()
            self._connection.execute("PRAGMA synchronous = NORMAL")
            if not is_current(self._connection):
                from db.migrations import migrate

                migrate(self.utils, path, read_only=read_only)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def utils(self) -> Database:
        """The connection with the conveniences of sqlite-utils, which is loaded for them."""
        from sqlite_utils import Database

        return Database(self._connection)

    def _use_wal(self) -> None:
        """Switch to the write-ahead log; SQLite does not wait for others who do so, so we do."""
        deadline = time.monotonic() + BUSY_TIMEOUT
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    @contextmanager
    def write(self, *, durable: bool = False) -> Iterator[None]:
        """Run a block in one write transaction that holds the write lock from its start.

        `durable` syncs to disk at the commit, as state transitions need; without it a power cut may
        take the last few transactions, but never tears one.
        """
        with _clear_errors(self.path):
            if durable:
                self._connection.execute("PRAGMA synchronous = FULL")
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                    self._connection.execute("COMMIT")
                except BaseException:
                    self._connection.rollback()
                    raise
            finally:
                if durable:
                    self._connection.execute("PRAGMA synchronous = NORMAL")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement. Writes belong inside `write`."""
        with _clear_errors(self.path):
            return self._connection.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one prepared statement for each row, inside `write`."""
        with _clear_errors(self.path):
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with _clear_errors(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        with _clear_errors(self.path):
            found: Row | None = self._connection.execute(sql, parameters).fetchone()
            return found

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first value of the first row of a query, or None."""
        found = self.row(sql, parameters)
        return None if found is None else found[0]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read several queries from one state of the database, without blocking writers."""
        if self._connection.in_transaction:
            yield
            return
        with _clear_errors(self.path):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("ROLLBACK")

    def data_version(self) -> int:
        """A number that changes when another connection has written; costs microseconds."""
        return int(self.value("PRAGMA data_version"))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _uri(path: Path, *, read_only: bool) -> str:
    if not read_only:
        return f"{path.absolute().as_uri()}?mode=rwc"
    log = path.with_name(f"{path.name}-wal")
    # Without a log there is nothing to share, and where nobody can write none can come to be.
    alone = not may_write(path) and not log.exists()
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if alone else ''}"


@contextmanager
def _clear_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(_explain(path, str(error))) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError):
            raise
        raise StoreError(
            f"{path}: {error}; it is damaged or no database of this program: restore a backup"
        ) from error


def _explain(path: Path, problem: str) -> str:
    remedies = {
        "unable to open": "check that the folder exists and may be written",
        "locked": "another program holds the database; close it and try again",
        "readonly": "the workspace may not be written; check its permissions",
        "full": "the disk is full; free some space and try again",
        "disk I/O": "the disk cannot be read or written; check it",
    }
    for sign, remedy in remedies.items():
        if sign in problem:
            return f"{path}: {problem}; {remedy}"
    return f"{path}: {problem}"
