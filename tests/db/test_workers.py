"""The supervisor and its workers as the database knows them."""

from __future__ import annotations

import time

import pytest

from db.connection import Store
from db.workers import (
    Engine,
    add_worker,
    configure_engine,
    engine_of,
    present_workers,
    record_supervisor,
    remove_supervisor,
    set_worker_state,
    supervisor_heartbeat,
    worker_heartbeat,
)
from tests.support.builders import claim_next, record_corpus, record_run


def age(store: Store, table: str) -> None:
    """Make every heartbeat an hour old."""
    with store.write():
        store.execute(f"UPDATE {table} SET heartbeat = heartbeat - 3600")


def test_there_is_no_engine_before_the_first_one_is_configured(store: Store) -> None:
    assert engine_of(store) is None
    configure_engine(store, "auto", None, 2)
    assert engine_of(store) == Engine(None, None, None, "auto", None, 2)


def test_engine_is_configured_anew_without_forgetting_its_supervisor(store: Store) -> None:
    configure_engine(store, "auto", None, 2)
    record_supervisor(store, 77, 1.5)
    configure_engine(store, "cuda:0", 3, 4)
    engine = engine_of(store)
    assert engine is not None
    assert (engine.pid, engine.process_started) == (77, 1.5)
    assert (engine.device, engine.workers, engine.workers_per_device) == ("cuda:0", 3, 4)


def test_supervisor_is_heard_of_until_it_is_removed(store: Store) -> None:
    configure_engine(store, "cpu", 1, 2)
    record_supervisor(store, 77, 1.5)
    age(store, "engine")
    supervisor_heartbeat(store)
    engine = engine_of(store)
    assert engine is not None
    assert engine.heartbeat == pytest.approx(time.time(), abs=60)
    with store.write():
        remove_supervisor(store)
    assert engine_of(store) == Engine(None, None, None, "cpu", 1, 2)


def test_new_worker_is_starting_and_heard_of_now(store: Store) -> None:
    worker_id = add_worker(store, 4242, 12.5, "cuda:1")
    (worker,) = present_workers(store)
    assert (worker.id, worker.pid, worker.process_started) == (worker_id, 4242, 12.5)
    assert (worker.device, worker.state, worker.trial_id) == ("cuda:1", "starting", None)
    assert worker.heartbeat == pytest.approx(time.time(), abs=60)


def test_heartbeat_is_that_of_one_worker(store: Store) -> None:
    first, _ = add_worker(store, 1, 1.0, "cpu"), add_worker(store, 2, 1.0, "cpu")
    age(store, "workers")
    worker_heartbeat(store, first)
    ages = [time.time() - worker.heartbeat for worker in present_workers(store)]
    assert ages[0] < 60
    assert ages[1] > 3000


def test_worker_that_stops_training_has_no_trial(store: Store) -> None:
    record_run(store, record_corpus(store))
    worker_id = add_worker(store, 1, 1.0, "cpu")
    claim = claim_next(store, worker_id)
    assert present_workers(store)[0].trial_id == claim.trial_id
    age(store, "workers")
    set_worker_state(store, worker_id, "scoring")
    (worker,) = present_workers(store)
    assert (worker.state, worker.trial_id) == ("scoring", None)
    assert worker.heartbeat == pytest.approx(time.time(), abs=60)


def test_ended_worker_is_present_no_more_and_keeps_the_time_of_its_end(store: Store) -> None:
    first, second = add_worker(store, 1, 1.0, "cpu"), add_worker(store, 2, 1.0, "cpu")
    set_worker_state(store, first, "ended")
    set_worker_state(store, second, "idle")
    assert [worker.id for worker in present_workers(store)] == [second]
    ends = [row["ended_at"] for row in store.rows("SELECT ended_at FROM workers ORDER BY id")]
    assert ends[0] == pytest.approx(time.time(), abs=60)
    assert ends[1] is None


def test_id_of_a_worker_is_never_used_again(store: Store) -> None:
    first = add_worker(store, 1, 1.0, "cpu")
    with store.write():
        store.execute("DELETE FROM workers")
    assert add_worker(store, 1, 1.0, "cpu") != first
