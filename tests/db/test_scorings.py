"""Who scores the documents of a category that is done, how often, and when all are scored."""

from __future__ import annotations

import pytest

from core.engine.trials.scheduling import end_worker
from db.connection import Store
from db.events import events_of
from db.runs import Run
from db.scorings import (
    MAX_SCORINGS,
    claim_scoring,
    end_scoring,
    has_pending_scoring,
    has_unfinished_scoring,
    requeue_scoring,
)
from db.workers import set_worker_state
from tests.support.builders import (
    category_of,
    claim_next,
    finish_all,
    finish_with,
    record_corpus,
    record_run,
    start_worker,
)


@pytest.fixture
def run(store: Store) -> Run:
    return record_run(store, record_corpus(store), keys=["animals", "food"], weights=(1.0, 3.0))


@pytest.fixture
def worker(store: Store) -> int:
    return start_worker(store)


def test_the_chosen_model_of_a_done_category_is_to_be_scored(
    store: Store, run: Run, worker: int
) -> None:
    assert not has_pending_scoring(store)
    finish_with(store, claim_next(store, worker), 0.4)
    assert not has_pending_scoring(store), "the category is not done yet"
    finish_with(store, claim_next(store, worker), 0.6)
    claim = claim_scoring(store, worker)
    assert claim is not None
    assert claim.trial_id == category_of(store, run, "animals").kept_trial_id
    assert claim.class_weight == 3.0
    assert (claim.run_id, claim.owner) == (run.id, worker)


def test_one_worker_scores_it_and_another_one_once_the_first_is_gone(
    store: Store, run: Run, worker: int
) -> None:
    finish_all(store, worker)
    animals = category_of(store, run, "animals").id
    assert claim_scoring(store, worker, animals) is not None
    other = start_worker(store)
    assert claim_scoring(store, other, animals) is None
    food = claim_scoring(store, other)
    assert food is not None
    assert food.run_category_id == category_of(store, run, "food").id
    set_worker_state(store, worker, "ended")
    again = claim_scoring(store, start_worker(store))
    assert again is not None
    assert again.run_category_id == animals


def test_what_took_three_processes_down_is_given_up_with_the_reason(
    store: Store, run: Run, worker: int
) -> None:
    finish_all(store, worker)
    animals = category_of(store, run, "animals").id
    for _ in range(MAX_SCORINGS):
        claim = claim_scoring(store, worker, animals)
        assert claim is not None
        assert events_of(store, run.id) == []
        end_worker(store, worker, "killed by SIGKILL")
        worker = start_worker(store)
    assert claim_scoring(store, worker, animals) is None
    (event,) = events_of(store, run.id)
    assert (event.kind, event.run_category_id) == ("unscored", animals)
    assert "killed by SIGKILL" in event.message


def test_what_is_put_off_does_not_count(store: Store, run: Run, worker: int) -> None:
    finish_all(store, worker)
    animals = category_of(store, run, "animals").id
    for _ in range(MAX_SCORINGS + 2):
        claim = claim_scoring(store, worker, animals)
        assert claim is not None
        requeue_scoring(store, claim)
        set_worker_state(store, worker, "idle")


def test_the_last_of_a_run_is_known_also_while_the_others_are_at_it(
    store: Store, run: Run, worker: int
) -> None:
    finish_all(store, worker)
    other = start_worker(store)
    first, second = claim_scoring(store, worker), claim_scoring(store, other)
    assert first is not None
    assert second is not None
    assert has_unfinished_scoring(store, run.id)
    assert end_scoring(store, run.id, first.trial_id, if_not_last=True)
    assert has_unfinished_scoring(store, run.id)
    assert not end_scoring(store, run.id, second.trial_id, if_not_last=True)
    assert end_scoring(store, run.id, second.trial_id)
    assert not has_unfinished_scoring(store, run.id)
    assert not has_pending_scoring(store)


def test_what_was_given_up_is_waited_for_by_nobody(store: Store, run: Run, worker: int) -> None:
    finish_all(store, worker)
    for key in ("animals", "food"):
        for _ in range(MAX_SCORINGS):
            assert claim_scoring(store, worker, category_of(store, run, key).id) is not None
            assert has_unfinished_scoring(store, run.id)
            set_worker_state(store, worker, "idle")
    assert not has_unfinished_scoring(store, run.id)
