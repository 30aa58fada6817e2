"""Eight readers that poll as the app does and four writers use one database at the same time."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from core.workspace import Workspace
from db.connection import Store
from tests.faults.mode import SECONDS
from tests.faults.users import Report, read, write
from tests.support.builders import record_corpus, record_run
from tests.support.forked import forking

pytestmark = pytest.mark.slow

READERS = 8
WRITERS = 4
PARENTS: dict[str, str | None] = {
    **{f"top{i}": None for i in range(20)},
    **{f"leaf{i}": f"top{i % 20}" for i in range(80)},
}
DOCUMENTS = [("train", key) for key, parent in PARENTS.items() if parent is not None]
CLASS_WEIGHTS = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 50.0)


@dataclass(frozen=True)
class Together:
    """The database after all have used it, and what each says that it did."""

    store: Store
    readers: list[Report]
    writers: list[Report]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Together]:
    """Let readers and writers use the database of a run together, once for all tests here."""
    folder = tmp_path_factory.mktemp("together")
    workspace = Workspace(folder / "workspace")
    workspace.create()
    store = Store(workspace.database, create=True)
    corpus = record_corpus(store, "wide", PARENTS, DOCUMENTS)
    record_run(store, corpus, keys=PARENTS, weights=CLASS_WEIGHTS)
    context = forking()
    tasks = [*((read, f"reader-{i}", i) for i in range(READERS))]
    tasks += [(write, f"writer-{i}", i) for i in range(WRITERS)]
    processes = [
        context.Process(
            target=task, name=name, args=(store.path, i, SECONDS, folder / f"{name}.json")
        )
        for task, name, i in tasks
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS + 60)
    ends = {process.name: process.exitcode for process in processes}
    for process in processes:
        process.kill()
    assert set(ends.values()) == {0}, ends
    reports = [Report.load(folder / f"{process.name}.json") for process in processes]
    result = Together(store, reports[:READERS], reports[READERS:])
    _print_figures(result)
    yield result
    store.close()


def _print_figures(together: Together) -> None:
    writers, readers = together.writers, together.readers
    print(
        f"\n{SECONDS:.0f} s: {sum(len(w.progress) for w in writers)} progress rows, "
        f"{sum(len(w.epochs) for w in writers)} epochs, {sum(len(w.claims) for w in writers)} "
        f"claims, {sum(len(w.finished) for w in writers)} trials finished; "
        f"{sum(r.snapshots for r in readers)} snapshots, the slowest "
        f"{max(r.slowest for r in readers):.2f} s; "
        f"{sum(len(r.errors) for r in (*readers, *writers))} errors, "
        f"{sum(len(r.inconsistent) for r in readers)} contradictions"
    )


def test_no_process_meets_an_error(together: Together) -> None:
    everyone = (*together.readers, *together.writers)
    assert [error for report in everyone for error in report.errors] == []
    assert all(reader.snapshots > 2 for reader in together.readers)
    assert all(writer.claims for writer in together.writers)


def test_progress_has_exactly_the_rows_that_writers_say_they_wrote(together: Together) -> None:
    said = sorted(loss for writer in together.writers for loss in writer.progress)
    there = [row["loss"] for row in together.store.rows("SELECT loss FROM progress ORDER BY loss")]
    assert there == said


def test_every_epoch_that_a_writer_says_it_wrote_is_there(together: Together) -> None:
    said = {pair for writer in together.writers for pair in writer.epochs}
    rows = together.store.rows("SELECT trial_id, epoch FROM epochs")
    assert {(row["trial_id"], row["epoch"]) for row in rows} == said


def test_no_claim_is_given_twice_and_all_are_counted(together: Together) -> None:
    claims = [claim for writer in together.writers for claim in writer.claims]
    assert len(claims) == len(set(claims))
    rows = together.store.rows("SELECT id, claim FROM trials WHERE claim > 0")
    expected = {(row["id"], number) for row in rows for number in range(1, row["claim"] + 1)}
    assert set(claims) == expected


def test_finished_trials_are_done_and_no_other_is(together: Together) -> None:
    said = sorted(itertools.chain.from_iterable(w.finished for w in together.writers))
    rows = together.store.rows("SELECT id FROM trials WHERE state = 'done' ORDER BY id")
    assert [row["id"] for row in rows] == said
    assert together.store.value("SELECT count(*) FROM trials WHERE state = 'running'") == 0


def test_last_heartbeat_of_each_writer_is_there(together: Together) -> None:
    for writer in together.writers:
        heartbeat = together.store.value(
            "SELECT heartbeat FROM workers WHERE id = ?", (writer.worker_id,)
        )
        assert heartbeat >= writer.heartbeat


def test_no_reader_sees_counts_go_down(together: Together) -> None:
    assert [line for reader in together.readers for line in reader.backwards] == []


def test_every_status_is_of_one_moment(together: Together) -> None:
    contradictions = [line for reader in together.readers for line in reader.inconsistent]
    assert [line for line in contradictions if line.startswith("status: ")] == []


def test_every_snapshot_is_of_one_moment(together: Together) -> None:
    contradictions = [line for reader in together.readers for line in reader.inconsistent]
    assert [line for line in contradictions if line.startswith("snapshot: ")] == []


def test_database_is_whole_afterwards(together: Together) -> None:
    assert together.store.value("PRAGMA integrity_check") == "ok"
    assert together.store.rows("PRAGMA foreign_key_check") == []
