"""When a run is over: it has ended, and no engine is to score documents of it any more."""

from __future__ import annotations

import pytest

from core.engine.host.identity import own_identity
from core.engine.monitoring.status import status_of
from core.engine.runs.waiting import is_over
from db.connection import Store
from db.runs import Run
from db.scorings import claim_scoring
from db.workers import configure_engine, record_supervisor, remove_supervisor
from tests.support.builders import finish_all, record_corpus, record_run, score_all, start_worker


@pytest.fixture
def run(store: Store) -> Run:
    """A run for which an engine works: this process."""
    configure_engine(store, "cpu", 1, 2)
    record_supervisor(store, *own_identity())
    return record_run(store, record_corpus(store), keys=["animals"], weights=(1.0,))


def over(store: Store, run: Run) -> bool:
    return is_over(store, status_of(store, run.id))


def test_a_run_is_over_once_its_documents_are_scored(store: Store, run: Run) -> None:
    worker = start_worker(store)
    assert not over(store, run)
    finish_all(store, worker)
    assert not over(store, run)
    assert claim_scoring(store, worker) is not None
    assert not over(store, run)
    score_all(store, worker)
    assert not over(store, run), "that try came to nothing, so another begins"
    score_all(store, worker)
    assert over(store, run)


def test_without_an_engine_nobody_waits_for_scores(store: Store, run: Run) -> None:
    worker = start_worker(store)
    finish_all(store, worker)
    score_all_later = over(store, run)
    with store.write():
        remove_supervisor(store)
        store.execute("UPDATE workers SET state = 'ended'")
    assert not score_all_later
    assert over(store, run)
