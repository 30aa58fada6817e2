"""Events of a run."""

from __future__ import annotations

import time

import pytest

from db.connection import Store
from db.events import add_event, events_of
from tests.support.builders import category_of, record_corpus, record_run


def test_events_of_a_run_come_newest_first_and_without_those_of_others(store: Store) -> None:
    corpus = record_corpus(store)
    run, other = record_run(store, corpus), record_run(store, corpus)
    cats = category_of(store, run, "cats")
    with store.write():
        add_event(store, "crash", "killed", run.id, cats.id)
        add_event(store, "failed", "not of this run", other.id, None)
        add_event(store, "restarted", "goes on", run.id, None)
    events = events_of(store, run.id)
    assert [(e.kind, e.message, e.run_id, e.run_category_id) for e in events] == [
        ("restarted", "goes on", run.id, None),
        ("crash", "killed", run.id, cats.id),
    ]
    assert events[0].at == pytest.approx(time.time(), abs=60)


def test_event_is_undone_with_the_transaction_that_it_is_part_of(store: Store) -> None:
    run = record_run(store, record_corpus(store))

    def crash_and_fail() -> None:
        with store.write():
            add_event(store, "crash", "killed", run.id, None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        crash_and_fail()
    assert events_of(store, run.id) == []
