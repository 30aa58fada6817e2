"""Opening the database, and writing through its one helper."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlite_utils import Database

from core.errors import HTransError
from db.connection import Store, StoreError
from db.migrations import MIGRATIONS
from db.schema import MIGRATION_NAMES, is_current
from tests.support.builders import record_corpus
from tests.support.next_release import add_migration


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a database may be made."""
    return tmp_path / "htrans.db"


def add_counter(store: Store) -> None:
    with store.write():
        store.execute("CREATE TABLE counter (value INTEGER NOT NULL)")
        store.execute("INSERT INTO counter VALUES (0)")


def counter(store: Store) -> int:
    return int(store.value("SELECT value FROM counter"))


def increment(store: Store) -> None:
    with store.write():
        before = counter(store)
        store.execute("UPDATE counter SET value = ?", (before + 1,))


def set_and_fail(store: Store) -> None:
    with store.write():
        store.execute("UPDATE counter SET value = 7")
        raise ZeroDivisionError


def set_and_fail_to_commit(store: Store) -> None:
    with store.write():
        store.execute("UPDATE counter SET value = 7")
        store.execute("PRAGMA defer_foreign_keys = ON")
        store.execute("INSERT INTO events (run_id, kind, message, at) VALUES (99, 'x', 'y', 1.0)")


def in_threads(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()


def test_store_is_closed_at_the_end_of_a_with_block(path: Path) -> None:
    with Store(path, create=True) as store:
        assert store.value("SELECT 1") == 1
    with pytest.raises(StoreError, match="closed"):
        store.value("SELECT 1")


def test_create_makes_a_database_with_every_migration(path: Path) -> None:
    store = Store(path, create=True)
    assert not MIGRATIONS.pending(store.utils)
    assert store.value("SELECT count(*) FROM runs") == 0
    store.close()


def test_a_database_opens_again_with_what_was_written(path: Path) -> None:
    store = Store(path, create=True)
    add_counter(store)
    increment(store)
    store.close()
    again = Store(path)
    assert counter(again) == 1
    again.close()


@pytest.mark.parametrize("read_only", [False, True])
def test_missing_workspace_is_a_clear_error_and_makes_no_file(path: Path, read_only: bool) -> None:
    with pytest.raises(StoreError, match="--workspace"):
        Store(path, read_only=read_only)
    assert not path.exists()


def test_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"unable to open.*check that the folder exists"):
        Store(tmp_path / "absent" / "htrans.db", create=True)


def test_file_that_is_no_database_is_a_clear_error(path: Path) -> None:
    path.write_text("Dear diary, " * 100)
    with pytest.raises(StoreError, match=r"htrans.db: file is not a database.*; restore a backup"):
        Store(path)
    assert path.read_text().startswith("Dear diary")


def test_newer_schema_is_refused_and_left_as_it_is(path: Path) -> None:
    store = Store(path, create=True)
    with store.write():
        store.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) "
            "VALUES ('htrans', 'invent_time_travel', '2099-01-01')"
        )
    store.close()
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(HTransError, match=r"newer version .*invent_time_travel.*upgrade"):
            Store(path, read_only=read_only)
    assert path.read_bytes() == before


def steps_of(path: Path) -> list[str]:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT name FROM _sqlite_migrations ORDER BY id")
        return [name for (name,) in rows]


def test_older_schema_is_migrated_once_and_keeps_its_rows(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Store(path, create=True) as store:
        record_corpus(store)
    add_migration(monkeypatch)
    for _ in range(2):
        with Store(path) as store:
            assert store.value("SELECT count(*) FROM hamsters") == 0
            assert store.value("SELECT count(*) FROM corpora") == 1
    assert steps_of(path) == ["create_schema", "keep_hamsters"]


def test_new_database_gets_every_step(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_migration(monkeypatch)
    Store(path, create=True).close()
    assert steps_of(path) == ["create_schema", "keep_hamsters"]


def test_older_schema_is_not_migrated_read_only(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(path, create=True).close()
    add_migration(monkeypatch)
    with pytest.raises(HTransError, match="schema is older"):
        Store(path, read_only=True)
    Store(path).close()
    Store(path, read_only=True).close()


def test_step_that_fails_changes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Store(path, create=True).close()
    with monkeypatch.context() as patch:
        add_migration(patch, fails=True)
        with pytest.raises(RuntimeError, match="no room for hamsters"):
            Store(path)
    assert steps_of(path) == ["create_schema"]
    with Store(path, read_only=True) as store:
        assert store.value("SELECT count(*) FROM sqlite_master WHERE name = 'hamsters'") == 0


def test_the_names_of_the_steps_are_those_of_the_migrations(path: Path) -> None:
    pending = MIGRATIONS.pending(Database(memory=True))
    assert [migration.name for migration in pending] == list(MIGRATION_NAMES)
    connection = sqlite3.connect(path)
    assert not is_current(connection)
    Store(path, create=True).close()
    assert is_current(connection)
    connection.execute("DELETE FROM _sqlite_migrations WHERE name = 'create_schema'")
    assert not is_current(connection)
    connection.close()


def test_read_only_store_reads_but_does_not_write(path: Path) -> None:
    writer = Store(path, create=True)
    add_counter(writer)
    reader = Store(path, read_only=True)
    assert counter(reader) == 0
    with pytest.raises(StoreError, match="not writable"):
        increment(reader)
    increment(writer)
    assert counter(reader) == 1
    reader.close()
    writer.close()


@pytest.mark.slow
def test_database_that_threads_create_at_once_is_migrated_once(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def create(path: Path, together: threading.Barrier) -> None:
        try:
            together.wait()
            Store(path, create=True).close()
        except BaseException as error:
            errors.append(error)

    for number in range(25):
        path, together = tmp_path / f"{number}.db", threading.Barrier(4)
        in_threads([threading.Thread(target=create, args=(path, together)) for _ in range(4)])
        assert errors == []
        assert steps_of(path) == list(MIGRATION_NAMES)


def test_write_keeps_all_of_a_block_that_ends_well(store: Store) -> None:
    add_counter(store)
    increment(store)
    other = Store(store.path)
    assert counter(other) == 1
    other.close()


def test_write_rolls_back_everything_on_an_error(store: Store) -> None:
    add_counter(store)
    with pytest.raises(ZeroDivisionError):
        set_and_fail(store)
    assert counter(store) == 0


def test_write_works_again_after_an_error(store: Store) -> None:
    add_counter(store)
    with pytest.raises(KeyboardInterrupt), store.write():
        raise KeyboardInterrupt
    other = Store(store.path)
    increment(other)
    other.close()
    increment(store)
    assert counter(store) == 2


def test_write_rolls_back_when_its_commit_fails(store: Store) -> None:
    add_counter(store)
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
        set_and_fail_to_commit(store)
    assert counter(store) == 0
    increment(store)
    assert counter(store) == 1


def test_write_takes_the_write_lock_at_its_start(store: Store) -> None:
    rival = sqlite3.connect(store.path, timeout=0, isolation_level=None)
    with store.write(), pytest.raises(sqlite3.OperationalError, match="locked"):
        rival.execute("BEGIN IMMEDIATE")
    rival.execute("BEGIN IMMEDIATE")
    rival.close()


def test_counter_that_threads_increment_loses_nothing(store: Store) -> None:
    add_counter(store)
    errors: list[BaseException] = []

    def work() -> None:
        own = Store(store.path)
        try:
            for _ in range(50):
                increment(own)
        except BaseException as error:
            errors.append(error)
        finally:
            own.close()

    in_threads([threading.Thread(target=work) for _ in range(3)])
    assert errors == []
    assert counter(store) == 150


def test_only_a_durable_write_syncs_at_its_commit(store: Store) -> None:
    normal, full = 1, 2
    with store.write():
        assert store.value("PRAGMA synchronous") == normal
    with store.write(durable=True):
        assert store.value("PRAGMA synchronous") == full
    assert store.value("PRAGMA synchronous") == normal
    with pytest.raises(ZeroDivisionError), store.write(durable=True):
        raise ZeroDivisionError
    assert store.value("PRAGMA synchronous") == normal


def test_snapshot_shows_one_state_while_another_writes(store: Store) -> None:
    add_counter(store)
    other = Store(store.path)
    with store.snapshot():
        assert counter(store) == 0
        increment(other)
        assert counter(store) == 0
    assert counter(store) == 1
    other.close()


def test_data_version_changes_when_another_connection_writes(store: Store) -> None:
    add_counter(store)
    other = Store(store.path)
    before = store.data_version()
    assert store.data_version() == before
    increment(store)
    assert store.data_version() == before
    increment(other)
    assert store.data_version() != before
    other.close()


def test_row_that_names_an_absent_row_is_refused(store: Store) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"), store.write():
        store.execute("INSERT INTO events (run_id, kind, message, at) VALUES (99, 'x', 'y', 1.0)")
    assert store.value("SELECT count(*) FROM events") == 0
