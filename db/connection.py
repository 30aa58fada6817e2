"""The connection to the database of a workspace, and its write transactions."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from core.errors import HTransError
from db.schema import is_current

if TYPE_CHECKING:
    from sqlite_utils import Database

Row = sqlite3.Row
BUSY_TIMEOUT = 30.0
"""Seconds to wait for another writer."""


class StoreError(HTransError):
    """The database cannot be opened, read or written."""


def may_write(path: Path) -> bool:
    """Whether the database and the folder of its write-ahead log are writable."""
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)


class Store:
    """A connection to `htrans.db`, closed at the end of a `with` block.

    Every thread and every process needs its own. Open it after a fork.
    """

    def __init__(
        self,
        path: Path,
        *,
        create: bool = False,
        read_only: bool = False,
        break_lock: Callable[[], bool] = lambda: False,
    ) -> None:
        """Open the database and migrate its schema.

        Args:
            path: The database file.
            create: Create the file if it does not exist.
            read_only: Open without write access.
            break_lock: Called when another writer has held the lock for `BUSY_TIMEOUT`. Returns
                whether to wait again.

        Raises:
            StoreError: The file does not exist, or is not a SQLite database.
            SchemaError: A newer version wrote the database, or it needs a migration and
                `read_only` is set.
        """
        if not create and not path.is_file():
            raise StoreError(
                f"{path.parent} is not a workspace; import a corpus to create it, "
                "or choose another folder with --workspace"
            )
        self.path = path
        self._break_lock = break_lock
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

    def __exit__(self, *_error: object) -> None:
        self.close()

    @property
    def utils(self) -> Database:
        """The connection as a sqlite-utils `Database`."""
        from sqlite_utils import Database

        return Database(self._connection)

    def _use_wal(self) -> None:
        """Switch to WAL mode. SQLite ignores the busy timeout here, so retry."""
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
        """Run a block in one write transaction, which takes the write lock at its start.

        With `durable`, the commit is synced to disk; state transitions need this. Without it, a
        power failure can lose the last few transactions. A transaction is always atomic.
        """
        with _clear_errors(self.path):
            if durable:
                self._connection.execute("PRAGMA synchronous = FULL")
            try:
                self._begin()
                try:
                    yield
                    self._connection.execute("COMMIT")
                except BaseException:
                    self._connection.rollback()
                    raise
            finally:
                if durable:
                    self._connection.execute("PRAGMA synchronous = NORMAL")

    def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or not self._break_lock():
                raise
            self._connection.execute("BEGIN IMMEDIATE")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        """Run one statement. Write only inside `write`."""
        with _clear_errors(self.path):
            return self._connection.execute(sql, parameters)

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run one prepared statement for each row. Write only inside `write`."""
        with _clear_errors(self.path):
            self._connection.executemany(sql, rows)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """All rows of a query."""
        with _clear_errors(self.path):
            return self._connection.execute(sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """The first row of a query, or None."""
        with _clear_errors(self.path):
            row: Row | None = self._connection.execute(sql, parameters).fetchone()
            return row

    def value(self, sql: str, parameters: Sequence[Any] = ()) -> Any:
        """The first value of the first row of a query, or None."""
        row = self.row(sql, parameters)
        return None if row is None else row[0]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Run several queries on one state of the database, without blocking writers."""
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
        """A number that changes when another connection writes. Takes microseconds."""
        return int(self.value("PRAGMA data_version"))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _uri(path: Path, *, read_only: bool) -> str:
    if not read_only:
        return f"{path.absolute().as_uri()}?mode=rwc"
    log = path.with_name(f"{path.name}-wal")
    # A database that nobody can write and that has no WAL needs no locks.
    immutable = not may_write(path) and not log.exists()
    return f"{path.absolute().as_uri()}?mode=ro{'&immutable=1' if immutable else ''}"


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
            f"{path}: {error} (damaged, or not an htrans-tui database); restore a backup"
        ) from error


def _explain(path: Path, problem: str) -> str:
    remedies = {
        "unable to open": "check that the folder exists and is writable",
        "locked": "another program holds the database; close it and try again",
        "readonly": "the workspace is not writable; check its permissions",
        "full": "the disk is full; free some space and try again",
        "disk I/O": "the disk cannot be read or written; check the disk",
    }
    for keyword, remedy in remedies.items():
        if keyword in problem:
            return f"{path}: {problem}; {remedy}"
    return f"{path}: {problem}"
