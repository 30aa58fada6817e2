"""Retraining a category: attempts, what it starts from, what becomes stale, what comes back."""

from __future__ import annotations

import pytest

from core.engine.artifacts.attempt_settings import attempt_settings
from core.engine.runs.retraining import RetrainRequest, restore, retrain
from core.engine.runs.steering import cancel_in_run
from core.engine.trials.scheduling import fail
from core.errors import ConflictError, HTransError, NotFoundError
from core.workspace import Workspace
from db.attempts import attempts_of
from db.connection import Store
from db.events import events_of
from db.run_categories import run_categories
from db.runs import Run
from db.trials import claim_trial
from tests.support.builders import (
    category_of,
    category_states,
    category_trials,
    claim_next,
    contents,
    finish_all,
    finish_with,
    record_corpus,
    record_run,
    run_state,
    start_worker,
)


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> list[Workspace]:
    """The workspaces for which an engine would have been started."""
    asked: list[Workspace] = []
    monkeypatch.setattr(
        "core.engine.runs.retraining.ensure_supervisor", lambda store, place: asked.append(place)
    )
    return asked


@pytest.fixture
def worker(store: Store) -> int:
    return start_worker(store)


@pytest.fixture
def run(store: Store, worker: int) -> Run:
    """A finished run of all categories with two class weights."""
    made = record_run(store, record_corpus(store))
    finish_all(store, worker)
    return made


def stale(store: Store, run: Run) -> set[str]:
    return {category.key for category in run_categories(store, run.id) if category.stale}


def test_retrained_category_keeps_its_model_until_the_new_one_is_done(
    store: Store, workspace: Workspace, run: Run, worker: int, started: list[Workspace]
) -> None:
    old = category_of(store, run, "cats").kept_trial_id
    chosen = retrain(store, workspace, run, RetrainRequest("cats"))
    assert [(c.key, c.state, c.attempt) for c in chosen] == [("cats", "ready", 2)]
    assert started == [workspace]
    assert run_state(store, run) == "running"
    finish_with(store, claim_next(store, worker), 0.9)
    assert category_of(store, run, "cats").kept_trial_id == old
    finish_with(store, claim_next(store, worker), 0.1)
    new = category_of(store, run, "cats")
    assert (new.state, new.attempt) == ("done", 2)
    assert new.kept_trial_id == category_trials(store, run, "cats")[0].id != old
    assert run_state(store, run) == "done"


def test_descendants_of_a_retrained_category_become_stale_and_nothing_else_does(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    retrain(store, workspace, run, RetrainRequest("animals", origin="scratch"))
    assert stale(store, run) == set()
    finish_all(store, worker)
    assert stale(store, run) == {"cats", "dogs"}
    kept = [category_of(store, run, key).kept_trial_id for key in ("cats", "dogs")]
    assert claim_trial(store, worker) is None
    assert [category_of(store, run, key).kept_trial_id for key in ("cats", "dogs")] == kept


def test_retraining_a_stale_category_makes_it_current(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    retrain(store, workspace, run, RetrainRequest("animals"))
    finish_all(store, worker)
    retrain(store, workspace, run, RetrainRequest("cats"))
    finish_all(store, worker)
    assert stale(store, run) == {"dogs"}


def test_retrained_subtree_goes_from_the_top_down_and_nothing_is_stale(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    request = RetrainRequest("food", subtree=True, origin="current")
    chosen = retrain(store, workspace, run, request)
    assert [(c.key, c.state) for c in chosen] == [
        ("food", "ready"),
        ("fruit", "waiting"),
        ("bread", "waiting"),
    ]
    finish_all(store, worker)
    assert category_states(store, run)["bread"] == "done"
    assert stale(store, run) == set()
    origins = {
        key: attempts_of(store, category_of(store, run, key).id)[-1].origin
        for key in ("food", "fruit", "bread")
    }
    assert origins == {"food": "current", "fruit": "parent", "bread": "parent"}
    assert category_states(store, run)["unused"] == "empty"


def test_an_attempt_has_class_weights_and_settings_of_its_own(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    changes = {"class_weights": (7.0,), "epochs": 1, "learning_rate": 0.1}
    retrain(store, workspace, run, RetrainRequest("cats", changes=changes))
    assert [trial.class_weight for trial in category_trials(store, run, "cats")] == [7.0]
    attempt = attempts_of(store, category_of(store, run, "cats").id)[-1]
    settings = attempt_settings(run, attempt.changes)
    assert (settings.class_weights, settings.epochs) == ((7.0,), 1)
    assert settings.hidden_units == attempt_settings(run, "{}").hidden_units


def test_failed_retraining_leaves_the_old_model_and_says_so(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    old = category_of(store, run, "animals").kept_trial_id
    retrain(store, workspace, run, RetrainRequest("animals", subtree=True))
    for _ in range(2):
        fail(store, claim_next(store, worker), "the loss became nan")
    animals = category_of(store, run, "animals")
    assert (animals.state, animals.attempt, animals.kept_trial_id) == ("done", 1, old)
    assert category_states(store, run)["cats"] == "done"
    assert run_state(store, run) == "done"
    assert "the model of attempt 1 stays" in "\n".join(
        event.message for event in events_of(store, run.id)
    )
    retrain(store, workspace, run, RetrainRequest("animals"))
    assert category_of(store, run, "animals").attempt == 3


def test_cancelled_retraining_leaves_the_old_models(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    before = {c.key: c.kept_trial_id for c in run_categories(store, run.id)}
    retrain(store, workspace, run, RetrainRequest("animals", subtree=True))
    claim_next(store, worker)
    cancel_in_run(store, run, "animals", subtree=False)
    assert {c.key: c.kept_trial_id for c in run_categories(store, run.id)} == before
    assert set(category_states(store, run).values()) == {"done", "empty"}
    assert run_state(store, run) == "done"


def test_restored_attempt_is_current_and_what_came_from_it_is_no_longer_stale(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    old = category_of(store, run, "animals").kept_trial_id
    retrain(store, workspace, run, RetrainRequest("animals"))
    finish_all(store, worker)
    restored = restore(store, run, "animals")
    assert (restored.attempt, restored.kept_trial_id) == (1, old)
    assert stale(store, run) == set()
    assert restore(store, run, "animals", 2).attempt == 2
    assert stale(store, run) == {"cats", "dogs"}


def test_restoring_what_is_not_there_is_refused(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    with pytest.raises(NotFoundError, match="no model of an earlier attempt"):
        restore(store, run, "cats")
    with pytest.raises(NotFoundError, match=r"attempt 9; .*: 1"):
        restore(store, run, "cats", 9)
    retrain(store, workspace, run, RetrainRequest("cats"))
    with pytest.raises(ConflictError, match=r"is ready; .*htrans-tui cancel"):
        restore(store, run, "cats", 1)


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (RetrainRequest("unused"), "no positives"),
        (RetrainRequest("animals", origin="parent"), "is at the top"),
        (RetrainRequest("cats", origin="memory"), "--from memory: use one of"),
        (RetrainRequest("cats", changes={"hidden_units": 5}), "hidden_units cannot differ"),
        (RetrainRequest("cats", changes={"epochs": 0}), "--epochs must be"),
        (RetrainRequest("horses"), "no category 'horses'"),
    ],
)
def test_refused_retraining_changes_nothing(
    store: Store, workspace: Workspace, run: Run, request_: RetrainRequest, expected: str
) -> None:
    before = contents(store)
    with pytest.raises(HTransError, match=expected):
        retrain(store, workspace, run, request_)
    assert contents(store) == before


def test_category_at_work_is_not_retrained(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    retrain(store, workspace, run, RetrainRequest("cats"))
    claim_next(store, worker)
    with pytest.raises(ConflictError, match="is running"):
        retrain(store, workspace, run, RetrainRequest("animals", subtree=True))


def test_without_transfer_nothing_becomes_stale(
    store: Store, workspace: Workspace, worker: int
) -> None:
    run = record_run(store, record_corpus(store), transfer=False)
    finish_all(store, worker)
    retrain(store, workspace, run, RetrainRequest("animals", subtree=True))
    finish_all(store, worker)
    assert stale(store, run) == set()
    assert {c.attempt for c in run_categories(store, run.id) if c.key in ("animals", "cats")} == {2}
