"""The database accepts exactly the changes of state that `db.states` allows."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.connection import Store
from db.states import (
    ACTIVE_RUN,
    CATEGORY,
    CLOSED_CATEGORY,
    ENDED,
    ENDED_TRIAL,
    OPEN,
    OPEN_TRIAL,
    PAUSED_RUN,
    RUN,
    TABLES,
    TRIAL,
    sql_list,
)
from tests.support.builders import record_corpus

PAIRS = [
    (table, old, new)
    for table, machine in TABLES.items()
    for old in machine
    for new in machine
    if new != old
]
ALLOWED = [(table, old, new) for table, old, new in PAIRS if new in TABLES[table][old]]
REFUSED = [(table, old, new) for table, old, new in PAIRS if new not in TABLES[table][old]]


class Rows:
    """Makes rows of each table in any state."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._corpus = record_corpus(store)
        self._made = 0

    def insert(self, table: str, state: str) -> int:
        """A new row in `state`, with the rows above it; its id."""
        self._made += 1
        store = self.store
        with store.write():
            run_state = state if table == "runs" else "running"
            run_id = store.execute(
                "INSERT INTO runs (name, corpus_id, system, settings, seed, state, created_at) "
                "VALUES (?, ?, 'htrans', '{}', 0, ?, 1.0)",
                (f"run {self._made}", self._corpus.id, run_state),
            ).lastrowid
            category_id = store.execute(
                "INSERT INTO run_categories (run_id, category_id, positives, state) "
                "VALUES (?, (SELECT min(id) FROM categories), 1, ?)",
                (run_id, state if table == "run_categories" else "running"),
            ).lastrowid
            trial_id = store.execute(
                "INSERT INTO trials (run_category_id, attempt, class_weight, state) "
                "VALUES (?, 1, 1.0, ?)",
                (category_id, state if table == "trials" else "running"),
            ).lastrowid
        made = {"runs": run_id, "run_categories": category_id, "trials": trial_id}[table]
        assert made is not None
        return made

    def change(self, table: str, row_id: int, state: str) -> None:
        """Update the state of one row."""
        with self.store.write():
            self.store.execute(f"UPDATE {table} SET state = ? WHERE id = ?", (state, row_id))

    def state(self, table: str, row_id: int) -> str:
        """The state that stands in the row."""
        return str(self.store.value(f"SELECT state FROM {table} WHERE id = ?", (row_id,)))


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rows]:
    """One database for all pairs of states: each test has rows of its own."""
    folder: Path = tmp_path_factory.mktemp("states")
    store = Store(folder / "htrans.db", create=True)
    yield Rows(store)
    store.close()


@pytest.mark.parametrize(("table", "old", "new"), ALLOWED)
def test_allowed_change_is_accepted(rows: Rows, table: str, old: str, new: str) -> None:
    row_id = rows.insert(table, old)
    rows.change(table, row_id, new)
    assert rows.state(table, row_id) == new


@pytest.mark.parametrize(("table", "old", "new"), REFUSED)
def test_every_other_change_is_refused(rows: Rows, table: str, old: str, new: str) -> None:
    row_id = rows.insert(table, old)
    with pytest.raises(sqlite3.IntegrityError, match=f"illegal state transition in {table}$"):
        rows.change(table, row_id, new)
    assert rows.state(table, row_id) == old


@pytest.mark.parametrize("table", TABLES)
def test_state_of_no_machine_is_refused(rows: Rows, table: str) -> None:
    row_id = rows.insert(table, "running")
    with pytest.raises(sqlite3.IntegrityError, match="illegal state transition"):
        rows.change(table, row_id, "sleeping")


@pytest.mark.parametrize("table", TABLES)
def test_writing_the_same_state_again_is_no_change(rows: Rows, table: str) -> None:
    row_id = rows.insert(table, "done")
    rows.change(table, row_id, "done")
    assert rows.state(table, row_id) == "done"


@pytest.mark.parametrize("machine", [RUN, CATEGORY, TRIAL])
def test_every_state_that_is_entered_has_a_row_of_its_own(machine: dict[str, set[str]]) -> None:
    assert set().union(*machine.values()) <= set(machine)


def test_a_trial_that_has_ended_stays_so() -> None:
    assert not TRIAL["done"] | TRIAL["failed"] | TRIAL["cancelled"]


def test_a_category_without_positives_is_never_trained() -> None:
    assert not CATEGORY["empty"]
    assert all("empty" not in following for following in CATEGORY.values())


def test_every_state_is_either_open_or_ended() -> None:
    assert sorted((*OPEN, *CLOSED_CATEGORY)) == sorted(CATEGORY)
    assert sorted((*OPEN_TRIAL, *ENDED_TRIAL)) == sorted(TRIAL)
    assert {*ACTIVE_RUN, *PAUSED_RUN, *ENDED} == set(RUN)


def test_sets_of_states_are_written_as_lists_of_sql() -> None:
    assert sql_list(ENDED) == "('done', 'failed', 'cancelled')"
