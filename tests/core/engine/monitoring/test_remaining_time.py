"""The estimate before a run and the ETA of the active run, which are one simulation."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import pytest

from core.engine.monitoring.live_status import LiveStatus
from core.engine.monitoring.remaining_time import (
    Estimate,
    PlannedCategory,
    earlier_pace,
    estimate,
    eta,
)
from core.engine.monitoring.status import status_of
from core.engine.runs.retraining import RetrainRequest, plan_retrain, retrain
from core.engine.runs.steering import (
    cancel_in_run,
    pause_category,
    pause_run,
    resume_category,
)
from core.engine.trials.scheduling import fail
from core.settings import TrainingSettings
from core.systems import system_named
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import run_categories
from db.runs import Run, run_with_id
from db.trials import record_epoch
from db.workers import worker_heartbeat
from tests.support.builders import (
    an_epoch,
    category_of,
    claim_next,
    finish_all,
    finish_with,
    record_corpus,
    record_run,
    record_shared_run,
    run_state,
    start_worker,
)
from tests.support.virtual_run import VirtualRun

PAPER = TrainingSettings()
HTRANS = system_named("htrans")
FOREST: dict[str, str | None] = {
    "alone": None,
    "tall": None,
    "tall1": "tall",
    "tall2": "tall1",
    "tall3": "tall1",
    "late": None,
    "late1": "late",
}
COSTS = {"alone": 2.0, "tall": 5.0, "tall1": 3.0, "tall2": 1.0, "tall3": 1.5, "late": 4.0}
TEN_EPOCHS = {"epochs": 10, "patience": 3}
ROUNDING = 0.1
"""An ETA is rounded to tenths of a second, and progress to ten-thousandths of an epoch."""


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is started."""
    for module in ("retraining", "steering"):
        asleep = f"core.engine.runs.{module}.ensure_supervisor"
        monkeypatch.setattr(asleep, lambda store, place: None)


def recorded(store: Store, *, weights: Sequence[float] = (1.0, 2.0, 5.0), **changes: object) -> Run:
    """A run of `FOREST` with ten epochs, all of whose categories have positives."""
    leaves = [key for key in FOREST if key not in FOREST.values()]
    corpus = record_corpus(
        store, parents=FOREST, documents=[("train", leaf) for leaf in leaves for _ in range(2)]
    )
    return record_run(
        store, corpus, keys=FOREST, weights=weights, costs=COSTS, changes={**TEN_EPOCHS, **changes}
    )


def planned(store: Store, run: Run, slots: int) -> Estimate:
    """The estimate of a run before it starts."""
    categories = [
        PlannedCategory(c.key, FOREST[c.key], COSTS.get(c.key, 1.0))
        for c in run_categories(store, run.id)
    ]
    settings = TrainingSettings.from_json(run.settings)
    return estimate(store, categories, settings, slots, HTRANS)


def seconds_left(store: Store, run: Run, slots: int) -> float:
    """The ETA, which the run must have."""
    found = eta(store, run_with_id(store, run.id), slots)
    assert found is not None
    return found.seconds


def followed(
    store: Store, run: Run, virtual: VirtualRun, slots: int, interval: float = 1.7
) -> list[tuple[float, float]]:
    """Elapsed seconds and the ETA in intervals until the run ends, and at its end."""
    readings = [(virtual.now, seconds_left(store, run, slots))]
    while True:
        virtual.advance(interval)
        if virtual.is_over:
            assert run_state(store, run) == "done"
            return [*readings, (virtual.now, 0.0)]
        readings.append((virtual.now, seconds_left(store, run, slots)))


def test_estimate_spans_from_earliest_to_no_early_stop(store: Store) -> None:
    two = [PlannedCategory("a", None, 2.0), PlannedCategory("b", None, 1.0)]
    expected = estimate(store, two, PAPER, 1, HTRANS)
    assert (expected.earliest, expected.latest) == (3.0 * 7 * 4, 3.0 * 7 * 10)
    assert not expected.is_measured


def test_a_child_waits_for_its_parent_however_many_the_workers(store: Store) -> None:
    chain = [
        PlannedCategory("a", None, 2.0),
        PlannedCategory("b", "a", 1.0),
        PlannedCategory("c", "b", 1.0),
    ]
    assert estimate(store, chain, PAPER, 1, HTRANS).latest == 4.0 * 7 * 10
    assert estimate(store, chain, PAPER, 7, HTRANS).latest == 4.0 * 10
    assert estimate(store, chain, PAPER, 100, HTRANS).latest == 4.0 * 10


def test_a_linear_model_is_estimated_by_its_folds(store: Store) -> None:
    three = [PlannedCategory(key, None, 1.0) for key in "abc"]
    linear = system_named("linear")
    expected = estimate(store, three, linear.settings("paper", {}), 2, linear)
    assert expected.earliest == expected.latest == 2 * (PAPER.folds + 1)


def test_a_race_is_estimated_by_what_it_lets_go_on(store: Store) -> None:
    racing = dataclasses.replace(PAPER, search="racing")
    expected = estimate(store, [PlannedCategory("a", None, 1.0)], racing, 1, HTRANS)
    assert expected.latest == 7 * 4 + 4 * 2 + 2 * 4
    assert expected.earliest == 7 * 4


def test_estimate_takes_the_pace_of_earlier_epochs(store: Store) -> None:
    record_run(store, record_corpus(store), keys=["animals"], costs={"animals": 0.5})
    record_epoch(
        store, claim_next(store, start_worker(store)), an_epoch(1), is_kept=True, seconds=3
    )
    expected = estimate(store, [PlannedCategory("a", None, 1.0)], PAPER, 1, HTRANS)
    assert expected.is_measured
    assert expected.latest == pytest.approx(7 * 10 * 3 / 0.5)


def test_a_run_is_calibrated_by_earlier_runs_with_the_same_costs(store: Store) -> None:
    corpus = record_corpus(store)
    runs = [
        record_run(store, corpus, keys=["animals"], name=name, transfer=transfer)
        for name, transfer in (("htrans", True), ("gru-att", False), ("last", True))
    ]
    worker = start_worker(store)
    for seconds in (2.0, 2.0, 8.0, 8.0):
        claim = claim_next(store, worker)
        record_epoch(store, claim, an_epoch(1), is_kept=True, seconds=seconds - 1.0)
        finish_with(store, claim, 0.5)
    assert [earlier_pace(store, HTRANS, run) for run in runs] == [None, 2.0, 5.0]
    assert earlier_pace(store, system_named("linear")) is None
    assert earlier_pace(store, system_named("dgcnn")) is None


@pytest.mark.parametrize("search", ["full", "racing"])
@pytest.mark.parametrize("slots", [1, 2, 5, 40])
def test_eta_starts_at_the_estimate_and_falls_by_what_has_elapsed(
    store: Store, slots: int, search: str
) -> None:
    run = recorded(store, search=search)
    before = planned(store, run, slots).latest
    readings = followed(store, run, VirtualRun(store, run, slots), slots)
    assert readings[-1][0] == pytest.approx(before)
    assert [elapsed + left for elapsed, left in readings] == pytest.approx(
        [before] * len(readings), abs=ROUNDING
    )


@pytest.mark.parametrize("pace", [0.25, 3.0])
def test_eta_moves_gradually_to_the_pace_of_the_run(store: Store, pace: float) -> None:
    run = recorded(store)
    before = planned(store, run, 2).latest
    readings = followed(store, run, VirtualRun(store, run, 2, pace=pace), 2, 0.3 * pace)
    end = readings[-1][0]
    ends = [elapsed + left for elapsed, left in readings]
    assert ends[0] == pytest.approx(before, abs=ROUNDING)
    assert end == pytest.approx(before * pace)
    towards = 1 if pace > 1 else -1
    steps = [towards * (after - before) for before, after in pairwise(ends)]
    assert min(steps) > -2 * ROUNDING
    assert max(steps) < 0.25 * max(end, before)
    assert ends[len(ends) // 10 :] == pytest.approx([end] * len(ends[len(ends) // 10 :]), rel=0.15)


def test_eta_moves_gradually_from_no_early_stop_to_what_is_seen(store: Store) -> None:
    run = recorded(store)
    bounds = planned(store, run, 2)
    readings = followed(store, run, VirtualRun(store, run, 2, last_epoch=lambda _: 5), 2)
    ends = [elapsed + left for elapsed, left in readings]
    assert ends[0] == pytest.approx(bounds.latest, abs=ROUNDING)
    assert min(ends) > bounds.earliest
    falls = [before - after for before, after in pairwise(ends)]
    assert min(falls) > -2 * ROUNDING
    # Two of the 21 trials end at once.
    assert max(falls) < 0.3 * bounds.latest
    half = len(ends) // 2
    assert ends[half:] == pytest.approx([ends[-1]] * len(ends[half:]), rel=0.2)


def test_a_trial_is_expected_to_train_for_its_patience_after_the_best_epoch(store: Store) -> None:
    run = recorded(store, weights=(1.0, 2.0))
    cancel_in_run(store, run, "alone", subtree=False)
    cancel_in_run(store, run, "late", subtree=True)
    cancel_in_run(store, run, "tall1", subtree=True)
    worker = start_worker(store)
    finish_with(store, claim_next(store, worker), 0.5)
    claim = claim_next(store, worker)
    assert claim.run_category_id == category_of(store, run, "tall").id
    store.execute("UPDATE trials SET seconds = 5.0 WHERE seconds > 0")
    for epoch in range(1, 7):
        record_epoch(store, claim, an_epoch(epoch), is_kept=True, seconds=5.0)
    assert seconds_left(store, run, 1) == 5.0 * (6 + 3 - 6)
    record_epoch(store, claim, an_epoch(7), is_kept=False, seconds=5.0)
    assert seconds_left(store, run, 1) == 5.0 * (6 + 3 - 7)


def test_a_paused_category_and_those_below_it_are_not_counted(
    store: Store, workspace: Workspace
) -> None:
    run = recorded(store)
    virtual = VirtualRun(store, run, 1)
    virtual.advance(12.3)
    everything = seconds_left(store, run, 1)
    pause_category(store, run, "tall", subtree=False)
    virtual.stop()
    tall = 3 * 10 * (5.0 + 3.0 + 1.0 + 1.5) - 12.3
    assert seconds_left(store, run, 1) == pytest.approx(everything - tall, abs=ROUNDING)
    pause_category(store, run, "late1", subtree=False)
    assert seconds_left(store, run, 1) == pytest.approx(everything - tall - 30, abs=ROUNDING)
    resume_category(store, workspace, run, "tall", subtree=False)
    assert seconds_left(store, run, 1) == pytest.approx(everything - 30, abs=ROUNDING)


def test_what_has_failed_or_was_cancelled_is_not_counted(store: Store) -> None:
    run = recorded(store)
    everything = 30 * (5.0 + 3.0 + 1.0 + 1.5 + 2.0 + 4.0 + 1.0)
    tall = 30 * (5.0 + 3.0 + 1.0 + 1.5)
    assert seconds_left(store, run, 1) == everything
    cancel_in_run(store, run, "late", subtree=True)
    assert seconds_left(store, run, 1) == everything - 30 * 5.0
    worker = start_worker(store)
    for failed in (1, 2):
        fail(store, claim_next(store, worker), "no reason")
        assert seconds_left(store, run, 1) == everything - 30 * 5.0 - failed * 10 * 5.0
    fail(store, claim_next(store, worker), "no reason")
    assert seconds_left(store, run, 1) == everything - 30 * 5.0 - tall


def test_there_is_no_eta_where_nothing_is_known(store: Store, workspace: Workspace) -> None:
    run = recorded(store)
    assert eta(store, run, 0) is None
    for key in ("alone", "tall", "late"):
        pause_category(store, run, key, subtree=True)
    assert eta(store, run, 2) is None
    resume_category(store, workspace, run, "alone", subtree=False)
    assert eta(store, run, 2) is not None
    store.execute("UPDATE run_categories SET cost = 0")
    assert eta(store, run, 2) is None
    store.execute("UPDATE run_categories SET cost = 1")
    pause_run(store, run)
    assert eta(store, run_with_id(store, run.id), 2) is None


def test_a_shared_model_is_counted_once(store: Store) -> None:
    run = record_shared_run(store, record_corpus(store))
    assert seconds_left(store, run, 3) == TrainingSettings.from_json(run.settings).epochs


def test_eta_of_a_retraining_is_within_its_plan(store: Store, workspace: Workspace) -> None:
    run = recorded(store)
    virtual = VirtualRun(store, run, 2)
    virtual.advance(10_000.0)
    ended = run_with_id(store, run.id)
    assert ended.state == "done"
    request = RetrainRequest("tall", subtree=True, changes={"epochs": 6, "class_weights": (1.0,)})
    plan = plan_retrain(store, ended, request)
    assert plan.min_seconds == pytest.approx(4 * (5.0 + 3.0 + 1.5))
    assert plan.max_seconds == pytest.approx(6 * (5.0 + 3.0 + 1.5))
    retrain(store, workspace, ended, request)
    assert seconds_left(store, run, 2) == pytest.approx(plan.max_seconds, abs=ROUNDING)


def test_live_eta_falls_between_two_simulations(store: Store) -> None:
    run = recorded(store)
    virtual = VirtualRun(store, run, 2)
    now = 2_000_000_000.0
    worker_heartbeat(store, 1, 2)
    store.execute("UPDATE workers SET heartbeat = ?", (now,))
    live = LiveStatus(run.id)
    first = live.read(store, now).run
    assert first.eta_seconds == status_of(store, run.id, now).run.eta_seconds
    virtual.advance(5.0)
    store.execute("UPDATE workers SET heartbeat = ?", (now,))
    after = live.read(store, now + 5.0).run
    assert first.eta_seconds is not None
    assert after.eta_seconds == pytest.approx(first.eta_seconds - 5.0)
    assert after.eta_basis == first.eta_basis
    assert live.read(store, now + 6.0).run is after, "without a change it is the same object"


def test_a_linear_run_needs_an_epoch_for_each_fold_and_the_last_fit(store: Store) -> None:
    run = record_run(store, record_corpus(store), keys=["animals"], weights=(1.0,))
    store.execute("UPDATE runs SET system = 'linear'")
    folds = TrainingSettings.from_json(run.settings).folds
    assert seconds_left(store, run, 1) == folds + 1
    finish_all(store, start_worker(store))
    assert eta(store, run_with_id(store, run.id), 1) is None
