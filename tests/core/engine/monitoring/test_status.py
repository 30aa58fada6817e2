"""The one view of a run that command line and app show."""

from __future__ import annotations

import json
import time

import pytest

from core.engine.monitoring.status import (
    SILENT,
    CategoryStatus,
    Status,
    all_runs,
    iso,
    status_of,
    workers_of,
)
from core.engine.runs.steering import pause_run
from core.engine.trials.scheduling import finish
from core.errors import NotFoundError
from db.connection import Store
from db.metrics import record_metrics
from db.run_categories import run_categories
from db.runs import Run, run_with_id
from db.trials import Claim, record_epoch, record_progress
from db.workers import set_worker_state, worker_heartbeat
from tests.support.builders import (
    a_model,
    an_epoch,
    category_of,
    claim_next,
    finish_with,
    keep_first_trial,
    record_corpus,
    record_run,
    start_worker,
)

RUN_FIELDS = {
    "name",
    "system",
    "corpus",
    "state",
    "seed",
    "started_at",
    "finished_at",
    "done",
    "total",
    "eta_seconds",
}
CATEGORY_FIELDS = {
    "id",
    "name",
    "parent",
    "level",
    "positives",
    "state",
    "stale",
    "attempt",
    "class_weight",
    "epoch",
    "training_loss",
    "train_loss",
    "validation_loss",
    "validation_f1",
    "test_f1",
    "seconds",
}
WORKER_FIELDS = {"pid", "device", "state", "category", "heartbeat_age"}
"""The fields of `status --json` as the architecture promises them."""


@pytest.fixture
def run(store: Store) -> Run:
    """A run of animals and cats with two class weights and at most two epochs."""
    return record_run(store, record_corpus(store), keys=["animals", "cats"])


@pytest.fixture
def worker(store: Store) -> int:
    """A worker with pid 4242 that may claim."""
    return start_worker(store)


def progress(store: Store, claim: Claim, *, loss: float = 0.5, seconds: float = 0.0) -> None:
    record_progress(
        store,
        claim,
        epoch=2,
        batch=3,
        batches=9,
        loss=loss,
        documents_per_second=80.0,
        seconds=seconds,
    )


def heard_of(store: Store, seconds_ago: float) -> float:
    """A moment that is so many seconds after the last heartbeat of every worker."""
    return float(store.value("SELECT max(heartbeat) FROM workers")) + seconds_ago


def of(status: Status, key: str) -> CategoryStatus:
    return next(category for category in status.categories if category.key == key)


def test_json_has_every_field_of_the_architecture(store: Store, run: Run, worker: int) -> None:
    claim_next(store, worker)
    shown = status_of(store, run.id).to_json()
    assert set(shown) == {"run", "categories", "workers"}
    assert set(shown["run"]) >= RUN_FIELDS
    assert [set(category) >= CATEGORY_FIELDS for category in shown["categories"]] == [True, True]
    assert [set(worker) >= WORKER_FIELDS for worker in shown["workers"]] == [True]
    assert json.loads(json.dumps(shown)) == shown


def test_new_run_shows_what_is_known_and_nothing_else(store: Store) -> None:
    run = record_run(store, record_corpus(store))
    shown = status_of(store, run.id).to_json()
    assert {key: shown["run"][key] for key in RUN_FIELDS} == {
        "name": "pets-htrans",
        "system": "htrans",
        "corpus": "pets",
        "state": "running",
        "seed": 0,
        "started_at": None,
        "finished_at": None,
        "done": 1,
        "total": 7,
        "eta_seconds": None,
    }
    keys = [category["id"] for category in shown["categories"]]
    assert keys == ["animals", "cats", "dogs", "food", "fruit", "bread", "unused"]
    assert {key: shown["categories"][1][key] for key in CATEGORY_FIELDS} == {
        "id": "cats",
        "name": "CATS",
        "parent": "animals",
        "level": 2,
        "positives": 1,
        "state": "waiting",
        "stale": False,
        "attempt": 1,
        "class_weight": None,
        "epoch": None,
        "training_loss": None,
        "train_loss": None,
        "validation_loss": None,
        "validation_f1": None,
        "test_f1": None,
        "seconds": 0.0,
    }
    assert shown["categories"][-1]["state"] == "empty"
    assert shown["workers"] == []


def test_times_are_iso_8601_in_utc(store: Store, run: Run, worker: int) -> None:
    assert iso(None) is None
    assert iso(1_700_000_000.25) == "2023-11-14T22:13:20+00:00"
    claim_next(store, worker)
    started = run_with_id(store, run.id).started_at
    assert status_of(store, run.id).to_json()["run"]["started_at"] == iso(started) is not None


def test_category_at_work_shows_the_running_loss_and_no_chosen_weight(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    record_epoch(store, claim, an_epoch(1, 0.75), is_kept=True, seconds=1.0)
    progress(store, claim, loss=0.5, seconds=2.0)
    progress(store, claim, loss=0.25, seconds=2.0)
    animals = of(status_of(store, run.id), "animals")
    assert (animals.state, animals.epoch, animals.training_loss) == ("running", 2, 0.25)
    assert (animals.class_weight, animals.validation_f1, animals.seconds) == (None, 0.75, 5.0)
    assert (animals.trials, animals.trials_done, animals.silent_seconds) == (2, 0, None)


def test_category_at_work_shows_the_best_validation_so_far(
    store: Store, run: Run, worker: int
) -> None:
    first, second = claim_next(store, worker), claim_next(store, worker)
    record_epoch(store, first, an_epoch(1, 0.25), is_kept=True, seconds=1.0)
    record_epoch(store, second, an_epoch(1, 0.75), is_kept=True, seconds=1.0)
    assert of(status_of(store, run.id), "animals").validation_f1 == 0.75
    finish_with(store, first, 0.875)
    assert of(status_of(store, run.id), "animals").validation_f1 == 0.875


def test_category_that_is_trained_again_shows_no_chosen_weight(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    finish_with(store, claim, 0.5)
    claim_next(store, worker)
    with store.write():
        store.execute("UPDATE run_categories SET kept_trial_id = ?", (claim.trial_id,))
    assert of(status_of(store, run.id), "animals").class_weight is None


def test_done_category_shows_its_kept_model(store: Store, run: Run, worker: int) -> None:
    first, second = claim_next(store, worker), claim_next(store, worker)
    finish_with(store, first, 0.25)
    record_epoch(store, second, an_epoch(1, 0.25), is_kept=True, seconds=1.0)
    record_epoch(store, second, an_epoch(2, 0.75), is_kept=True, seconds=1.0)
    record_epoch(store, second, an_epoch(3, 0.5), is_kept=False, seconds=1.0)
    progress(store, second, loss=9.0)
    finish(store, second, a_model())
    status = status_of(store, run.id)
    animals = of(status, "animals")
    assert (animals.state, animals.class_weight, animals.epoch) == ("done", 2.0, 2)
    assert (animals.training_loss, animals.validation_loss) == (0.5, 1.0)
    assert (animals.validation_f1, animals.seconds) == (0.75, 4.0)
    assert (animals.trials, animals.trials_done) == (2, 2)
    assert (status.run.done, status.run.total) == (1, 2)


def test_a_new_attempt_counts_anew_while_the_old_model_stays_current(
    store: Store, run: Run, worker: int
) -> None:
    animals = category_of(store, run, "animals")
    progress(store, claim_next(store, worker), seconds=5.0)
    record_metrics(store, keep_first_trial(store, animals), animals.id, "test", (1, 0, 0), 1.0)
    assert of(status_of(store, run.id), "animals").test_f1 == 1.0
    with store.write():
        store.execute("UPDATE run_categories SET attempt = 2, stale = 1")
    shown = of(status_of(store, run.id), "animals")
    assert (shown.attempt, shown.stale) == (2, True)
    assert (shown.seconds, shown.trials) == (0.0, 0)
    assert shown.test_f1 == 1.0


def test_test_f1_of_a_category_is_that_of_the_test_documents(store: Store, run: Run) -> None:
    animals = category_of(store, run, "animals")
    kept = keep_first_trial(store, animals)
    record_metrics(store, kept, animals.id, "validation", (9, 1, 0), 0.9)
    assert of(status_of(store, run.id), "animals").test_f1 is None
    record_metrics(store, kept, animals.id, "test", (1, 1, 1), 0.5)
    status = status_of(store, run.id)
    assert of(status, "animals").test_f1 == 0.5
    assert of(status, "cats").test_f1 is None
    assert status.to_json()["categories"][0]["test_f1"] == 0.5


def test_test_f1_of_a_run_waits_for_all_categories_and_counts_empty_as_zero(
    store: Store,
) -> None:
    run = record_run(store, record_corpus(store))
    trained = [c for c in run_categories(store, run.id) if c.state != "empty"]
    for category in trained[:-1]:
        record_metrics(
            store, keep_first_trial(store, category), category.id, "test", (3, 1, 1), 0.75
        )
    before = status_of(store, run.id).run
    assert (before.test_micro_f1, before.test_macro_f1) == (None, None)
    last = trained[-1]
    record_metrics(store, keep_first_trial(store, last), last.id, "test", (1, 3, 1), 1 / 3)
    after = status_of(store, run.id).run
    assert after.test_micro_f1 == pytest.approx(2 * 16 / (2 * 16 + 8 + 6))
    assert after.test_macro_f1 == pytest.approx((5 * 0.75 + 1 / 3) / 7)


def test_eta_is_unknown_while_nobody_works(store: Store, run: Run) -> None:
    shown = status_of(store, run.id).run
    assert (shown.eta_seconds, shown.eta_basis) == (None, None)


def test_eta_rests_on_the_cost_model_before_anything_is_known(
    store: Store, run: Run, worker: int
) -> None:
    claim_next(store, worker)
    shown = status_of(store, run.id).run
    four_trials_of_two_epochs_that_cost_one_second = 4 * 2 * 1.0
    assert shown.eta_seconds == four_trials_of_two_epochs_that_cost_one_second
    assert shown.eta_basis == "if no trial stops early"


def test_eta_takes_the_pace_of_the_epochs_so_far(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    record_epoch(store, claim, an_epoch(1), is_kept=True, seconds=4.0)
    pace = (1.0 + 4.0) / (1 + 1)
    assert status_of(store, run.id).run.eta_seconds == (1 + 3 * 2) * pace


def test_eta_weighs_categories_by_their_cost(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    store.execute("UPDATE run_categories SET cost = 0.25 WHERE id <> ?", (claim.run_category_id,))
    of_the_other = 2 * 2 * 0.25
    of_this = 2 + 2
    assert status_of(store, run.id).run.eta_seconds == of_this + of_the_other


def test_eta_rests_on_ended_trials_and_is_shared_by_the_workers(
    store: Store, run: Run, worker: int
) -> None:
    finish_with(store, claim_next(store, worker), 0.5)
    record_epoch(store, claim_next(store, worker), an_epoch(1), is_kept=True, seconds=3.0)
    shown = status_of(store, run.id).run
    pace = (1.0 + 1.0 + 3.0) / (1 + 2)
    assert shown.eta_seconds == round(pace * (1 + 2 + 2), 1)
    assert shown.eta_basis == "1 ended trials of 1.0 epochs each"
    for state in ("scoring", "idle", "starting"):
        set_worker_state(store, start_worker(store), state)
        assert status_of(store, run.id).run.eta_seconds == round(pace * (1 + 2), 1)


def test_run_that_nobody_works_at_has_no_eta(store: Store, run: Run, worker: int) -> None:
    finish_with(store, claim_next(store, worker), 0.5)
    claim_next(store, worker)
    assert status_of(store, run.id).run.eta_seconds is not None
    silent = heard_of(store, SILENT + 1)
    assert status_of(store, run.id, silent).run.eta_seconds is None
    pause_run(store, run)
    assert status_of(store, run.id).run.eta_seconds is None


def test_worker_shows_what_it_is_at(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    progress(store, claim)
    (shown,) = status_of(store, run.id, heard_of(store, 2.5)).workers
    assert (shown.pid, shown.device, shown.state) == (4242, "cpu", "training")
    assert (shown.run_id, shown.category, shown.class_weight) == (run.id, "animals", 1.0)
    assert (shown.epoch, shown.batch, shown.batches) == (2, 3, 9)
    assert (shown.documents_per_second, shown.heartbeat_age) == (80.0, 2.5)


def test_idle_worker_has_no_category_and_an_ended_one_is_not_shown(
    store: Store, run: Run, worker: int
) -> None:
    set_worker_state(store, worker, "idle")
    set_worker_state(store, start_worker(store, 99), "ended")
    (shown,) = status_of(store, run.id).workers
    assert (shown.pid, shown.state, shown.category) == (4242, "idle", None)
    assert workers_of(store)[0].pid == 4242


def test_silent_worker_is_shown_as_silent_with_its_category(
    store: Store, run: Run, worker: int
) -> None:
    claim_next(store, worker)
    fresh = status_of(store, run.id, heard_of(store, SILENT - 1))
    assert fresh.workers[0].state == "training"
    assert of(fresh, "animals").silent_seconds is None
    stale = status_of(store, run.id, heard_of(store, SILENT + 5))
    assert (stale.workers[0].state, stale.workers[0].heartbeat_age) == ("silent", SILENT + 5)
    assert of(stale, "animals").silent_seconds == pytest.approx(SILENT + 5)
    assert of(stale, "cats").silent_seconds is None


def test_heartbeat_makes_a_silent_worker_heard_of_again(
    store: Store, run: Run, worker: int
) -> None:
    claim_next(store, worker)
    with store.write():
        store.execute("UPDATE workers SET heartbeat = heartbeat - 100")
    assert status_of(store, run.id).workers[0].state == "silent"
    worker_heartbeat(store, worker)
    assert status_of(store, run.id).workers[0].state == "training"


def test_clock_that_went_back_makes_no_negative_age(store: Store, run: Run, worker: int) -> None:
    assert status_of(store, run.id, time.time() - 3600).workers[0].heartbeat_age == 0.0


def test_all_runs_are_shown_the_newest_first(store: Store, run: Run) -> None:
    record_run(store, record_corpus(store, "other"))
    shown = [(status.run.name, status.done, status.total) for status in all_runs(store)]
    assert shown == [("other-htrans", 1, 7), ("pets-htrans", 0, 2)]


def test_run_that_is_gone_is_an_error_and_the_database_stays_usable(store: Store) -> None:
    with pytest.raises(NotFoundError):
        status_of(store, 99)
    record_run(store, record_corpus(store))
    assert len(all_runs(store)) == 1
