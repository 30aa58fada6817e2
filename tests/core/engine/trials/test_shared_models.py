"""Categories that share one model: what stands in their rows, and how they are steered."""

from __future__ import annotations

import pytest

from core.engine.artifacts.run_files import scores_path
from core.engine.maintenance.referred_files import referred_files
from core.engine.monitoring.status import status_of
from core.engine.runs.retraining import RetrainRequest, restore, retrain
from core.engine.runs.steering import (
    cancel_in_run,
    cancel_run,
    chosen_categories,
    pause_category,
    resume_category,
)
from core.engine.trials.scheduling import crash, fail, release
from core.errors import ConflictError, HTransError
from core.workspace import Workspace
from db.attempts import attempts_of
from db.connection import Store
from db.metrics import record_metrics
from db.run_categories import categories_sharing_model, run_categories
from db.runs import Run
from db.trials import claim_trial
from tests.support.builders import (
    category_of,
    category_states,
    category_trials,
    claim_next,
    finish_with,
    record_corpus,
    record_shared_run,
    run_state,
    start_worker,
    trial_states,
)

SHARING = ["animals", "cats", "dogs", "food", "fruit", "bread"]


@pytest.fixture(autouse=True)
def started(monkeypatch: pytest.MonkeyPatch) -> None:
    """No engine is started."""
    for module in ("retraining", "steering"):
        asleep = f"core.engine.runs.{module}.ensure_supervisor"
        monkeypatch.setattr(asleep, lambda store, place: None)


@pytest.fixture
def worker(store: Store) -> int:
    return start_worker(store)


@pytest.fixture
def run(store: Store) -> Run:
    """A run of all categories; `animals` has the trial, `unused` is empty."""
    return record_shared_run(store, record_corpus(store))


def states(store: Store, run: Run) -> set[str]:
    """The states of the categories that share the model."""
    every = category_states(store, run)
    assert every.pop("unused") == "empty"
    return set(every.values())


def test_one_trial_trains_all_that_share_the_model(store: Store, run: Run, worker: int) -> None:
    assert trial_states(store, run, "animals") == ["ready"]
    assert all(trial_states(store, run, key) == [] for key in SHARING[1:])
    lead = category_of(store, run, "animals")
    assert [c.key for c in categories_sharing_model(store, lead.id)] == SHARING
    claim = claim_next(store, worker)
    assert states(store, run) == {"running"}
    assert claim_trial(store, worker) is None
    assert finish_with(store, claim, 0.5)
    assert states(store, run) == {"done"}
    kept = {category_of(store, run, key).kept_trial_id for key in SHARING}
    assert kept == {claim.trial_id}
    assert category_of(store, run, "unused").kept_trial_id is None
    assert run_state(store, run) == "done"


@pytest.mark.parametrize("key", ["animals", "bread"])
def test_whoever_is_steered_all_that_share_the_model_are(
    store: Store, workspace: Workspace, run: Run, worker: int, key: str
) -> None:
    claim = claim_next(store, worker)
    held = pause_category(store, run, key, subtree=False)
    assert {category.key for category in held} == set(SHARING)
    assert held[0].key == "animals"
    release(store, claim)
    assert states(store, run) == {"paused"}
    resume_category(store, workspace, run, key, subtree=False)
    assert states(store, run) == {"ready"}
    assert claim_next(store, worker).trial_id == claim.trial_id


def test_steering_one_of_a_model_alone_leaves_out_the_empty_ones(store: Store, run: Run) -> None:
    chosen = chosen_categories(store, run, "fruit", subtree=True)
    assert [category.key for category in chosen] == SHARING
    assert [c.key for c in chosen_categories(store, run, "unused", subtree=False)] == ["unused"]


def test_cancelling_one_cancels_all_that_share_the_model(store: Store, run: Run) -> None:
    cancelled = cancel_in_run(store, run, "dogs", subtree=False)
    assert {category.key for category in cancelled} == set(SHARING)
    assert states(store, run) == {"cancelled"}
    assert run_state(store, run) == "cancelled"


def test_failing_model_fails_all_that_share_it(store: Store, run: Run, worker: int) -> None:
    fail(store, claim_next(store, worker), "the loss is not finite")
    assert states(store, run) == {"failed"}
    assert run_state(store, run) == "failed"


def test_crash_makes_all_ready_again(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    crash(store, claim.trial_id, worker, "killed")
    assert states(store, run) == {"ready"}


def test_retraining_one_retrains_the_model_and_the_old_one_can_come_back(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    first = claim_next(store, worker)
    finish_with(store, first, 0.5)
    chosen = retrain(store, workspace, run, RetrainRequest("bread"))
    assert {category.key for category in chosen} == set(SHARING)
    assert {category.attempt for category in chosen} == {2}
    assert states(store, run) == {"ready"}
    assert category_of(store, run, "cats").kept_trial_id == first.trial_id
    second = claim_next(store, worker)
    finish_with(store, second, 0.6)
    assert {category_of(store, run, key).kept_trial_id for key in SHARING} == {second.trial_id}
    assert not any(category.stale for category in run_categories(store, run.id))
    restore(store, run, "food")
    assert {category_of(store, run, key).kept_trial_id for key in SHARING} == {first.trial_id}
    assert {category_of(store, run, key).attempt for key in SHARING} == {1}
    assert states(store, run) == {"done"}


def test_cancelled_retraining_leaves_every_category_its_model(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    first = claim_next(store, worker)
    finish_with(store, first, 0.5)
    retrain(store, workspace, run, RetrainRequest("animals"))
    cancel_run(store, run)
    assert states(store, run) == {"done"}
    assert {category_of(store, run, key).kept_trial_id for key in SHARING} == {first.trial_id}
    assert {category_of(store, run, key).attempt for key in SHARING} == {1}


def test_shared_model_cannot_start_from_a_parent_or_with_other_class_weights(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    finish_with(store, claim_next(store, worker), 0.5)
    with pytest.raises(ConflictError, match="use --from scratch or current"):
        retrain(store, workspace, run, RetrainRequest("cats", origin="parent"))
    with pytest.raises(HTransError, match=r"--class-weights .* system"):
        retrain(store, workspace, run, RetrainRequest("cats", changes={"class_weights": (2.0,)}))
    lead = category_of(store, run, "animals")
    assert len(attempts_of(store, lead.id)) == 1
    retrain(store, workspace, run, RetrainRequest("cats", origin="current"))
    assert attempts_of(store, lead.id)[-1].origin == "current"


def test_tree_shows_each_its_own_f1_and_class_weight(store: Store, worker: int) -> None:
    weights = {"animals": 2.0, "cats": 5.0}
    run = record_shared_run(store, record_corpus(store), class_weights=weights)
    claim = claim_next(store, worker)
    finish_with(store, claim, 0.5)
    for key, f1 in (("animals", 0.75), ("cats", 0.25)):
        category = category_of(store, run, key)
        record_metrics(store, claim.trial_id, category.id, "test", (1, 1, 1), f1)
        record_metrics(store, claim.trial_id, category.id, "validation", (1, 0, 0), f1 / 2)
    shown = {category.key: category for category in status_of(store, run.id).categories}
    assert (shown["animals"].test_f1, shown["cats"].test_f1) == (0.75, 0.25)
    assert (shown["animals"].validation_f1, shown["cats"].validation_f1) == (0.375, 0.125)
    assert (shown["animals"].class_weight, shown["cats"].class_weight) == (2.0, 5.0)
    assert shown["dogs"].class_weight == 1.0
    assert shown["dogs"].validation_f1 is None
    assert {shown[key].trials_done for key in SHARING} == {1}
    assert {shown[key].training_loss for key in SHARING} == {1.0}


def test_scores_of_all_that_share_a_model_have_their_row(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    finish_with(store, claim, 0.5)
    folder = workspace.run(run.id)
    folder.mkdir(parents=True)
    mine = scores_path(folder, category_of(store, run, "bread").id, claim.trial_id, "test")
    stranger = scores_path(folder, category_of(store, run, "bread").id, 99, "test")
    for path in (mine, stranger):
        path.write_bytes(b"")
    (workspace.root / "artifacts" / f"{claim.trial_id}.safetensors").write_bytes(b"")
    useful = referred_files(store, workspace).useful
    assert mine in useful
    assert stranger not in useful


def test_trials_of_a_model_that_is_given_up_are_those_of_its_first_category(
    store: Store, run: Run, worker: int
) -> None:
    for _ in range(3):
        crash(store, claim_next(store, worker).trial_id, worker, "out of memory")
    assert [trial.state for trial in category_trials(store, run, "animals")] == ["failed"]
    assert states(store, run) == {"failed"}
