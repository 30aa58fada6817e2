"""What the end, the failure or the crash of a trial means for category, children and run."""

from __future__ import annotations

import time

import pytest

from core.engine.trials.scheduling import (
    crash,
    end_supervisor_if_idle,
    end_worker,
    fail,
    finish,
    has_work,
    release,
    remove_unused_tables,
)
from db.connection import Store
from db.events import events_of
from db.runs import Run, run_with_id
from db.trials import Claim, claim_trial, record_epoch, trial_with_id
from db.workers import (
    configure_engine,
    engine_of,
    present_workers,
    record_supervisor,
    set_worker_state,
)
from tests.support.builders import (
    a_model,
    an_epoch,
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
    score_all,
    start_worker,
    trial_states,
)

FOOD = ["food", "fruit", "bread", "unused"]
DEEP: dict[str, str | None] = {"a": None, "b": "a", "c": "b", "d": "c", "z": None}


@pytest.fixture
def worker(store: Store) -> int:
    """A worker that may claim."""
    return start_worker(store)


@pytest.fixture
def run(store: Store) -> Run:
    """A run of animals, cats and dogs with two class weights."""
    return record_run(store, record_corpus(store), keys=["animals", "cats", "dogs"])


def set_run_state(store: Store, run: Run, state: str) -> None:
    with store.write():
        store.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run.id))


def crash_until_given_up(store: Store, worker_id: int) -> Claim:
    """Crash the next trial three times."""
    first = claim_next(store, worker_id)
    crash(store, first.trial_id, first.owner, "killed")
    for _ in range(2):
        claim = claim_next(store, worker_id)
        assert claim.trial_id == first.trial_id
        crash(store, claim.trial_id, claim.owner, "killed")
    return first


def kept_weight(store: Store, run: Run, key: str) -> float:
    kept = category_of(store, run, key).kept_trial_id
    assert kept is not None
    return trial_with_id(store, kept).class_weight


def test_category_goes_on_until_its_last_trial_ends(store: Store, run: Run, worker: int) -> None:
    assert finish_with(store, claim_next(store, worker), 0.5) is False
    assert category_states(store, run)["animals"] == "ready"
    last = claim_next(store, worker)
    assert category_states(store, run)["animals"] == "running"
    assert finish_with(store, last, 0.5) is True
    assert category_states(store, run)["animals"] == "done"


def test_finished_trial_is_free_and_keeps_its_model(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    finish(store, claim, a_model("artifacts/m.safetensors", "cafe"))
    trial = trial_with_id(store, claim.trial_id)
    assert (trial.state, trial.model, trial.sha256) == ("done", "artifacts/m.safetensors", "cafe")
    owner = store.value("SELECT owner FROM trials WHERE id = ?", (claim.trial_id,))
    assert owner is None


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ((0.25, 0.75, 0.5), 2.0),
        ((0.75, 0.5, 0.25), 1.0),
        ((0.25, 0.5, 0.75), 5.0),
        ((0.25, 0.75, 0.75), 2.0),
        ((0.0, 0.0, 0.0), 1.0),
    ],
)
@pytest.mark.parametrize("backwards", [False, True])
def test_last_trial_picks_the_best_and_ties_go_to_the_smaller_weight(
    store: Store, worker: int, scores: tuple[float, ...], best: float, backwards: bool
) -> None:
    run = record_run(store, record_corpus(store), keys=["animals"], weights=(5.0, 1.0, 2.0))
    claims = [claim_next(store, worker) for _ in scores]
    pairs = list(zip(claims, scores, strict=True))
    for claim, score in reversed(pairs) if backwards else pairs:
        finish_with(store, claim, score)
    assert kept_weight(store, run, "animals") == best


def test_children_become_ready_with_their_trials(store: Store, run: Run, worker: int) -> None:
    finish_with(store, claim_next(store, worker), 0.5)
    assert trial_states(store, run, "cats") == ["waiting", "waiting"]
    finish_with(store, claim_next(store, worker), 0.5)
    assert category_states(store, run) == {"animals": "done", "cats": "ready", "dogs": "ready"}
    for key in ("cats", "dogs"):
        assert trial_states(store, run, key) == ["ready", "ready"]


def test_only_children_become_ready_not_grandchildren_nor_other_runs(
    store: Store, worker: int
) -> None:
    corpus = record_corpus(store, "deep", DEEP, [("train", "d"), ("train", "z")])
    run = record_run(store, corpus, keys=DEEP, weights=[1.0])
    other = record_run(store, corpus, keys=DEEP, weights=[1.0])
    finish_with(store, claim_next(store, worker), 0.5)
    assert category_states(store, run) == {
        "a": "done",
        "b": "ready",
        "c": "waiting",
        "d": "waiting",
        "z": "ready",
    }
    assert trial_states(store, run, "c") == ["waiting"]
    assert category_states(store, other)["b"] == "waiting"


def test_empty_child_stays_empty(store: Store, worker: int) -> None:
    run = record_run(store, record_corpus(store), keys=FOOD, weights=[1.0])
    finish_with(store, claim_next(store, worker), 0.5)
    states = category_states(store, run)
    assert states == {"food": "done", "fruit": "ready", "bread": "ready", "unused": "empty"}


def test_run_is_done_when_every_category_is_done_or_empty(store: Store, worker: int) -> None:
    run = record_run(store, record_corpus(store))
    finish_all(store, worker)
    assert set(category_states(store, run).values()) == {"done", "empty"}
    assert run_state(store, run) == "done"


def test_run_goes_on_while_one_trial_is_left(store: Store, worker: int) -> None:
    run = record_run(store, record_corpus(store), keys=["animals"])
    last = claim_next(store, worker)
    finish_all(store, worker)
    assert run_state(store, run) == "running"
    assert run_with_id(store, run.id).finished_at is None
    finish_with(store, last, 0.5)
    assert run_state(store, run) == "done"


def test_run_that_ends_records_when(store: Store, worker: int) -> None:
    run = record_run(store, record_corpus(store), keys=["animals"])
    finish_all(store, worker)
    assert run_with_id(store, run.id).finished_at == pytest.approx(time.time(), abs=60)


def test_failed_trial_says_why_and_is_not_tried_again(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    fail(store, claim, "the loss is not finite")
    trial = trial_with_id(store, claim.trial_id)
    assert (trial.state, trial.reason) == ("failed", "the loss is not finite")
    (event,) = events_of(store, run.id)
    assert event.kind == "failed"
    assert event.message == "class weight 1 failed: the loss is not finite"
    assert event.run_category_id == claim.run_category_id
    assert claim_next(store, worker).trial_id != claim.trial_id


def test_category_with_one_done_trial_is_done_though_others_failed(
    store: Store, run: Run, worker: int
) -> None:
    fail(store, claim_next(store, worker), "the loss is not finite")
    finish_with(store, claim_next(store, worker), 0.0)
    assert category_states(store, run) == {"animals": "done", "cats": "ready", "dogs": "ready"}
    assert kept_weight(store, run, "animals") == 2.0
    finish_all(store, worker)
    assert run_state(store, run) == "done"


def test_category_whose_last_trial_fails_is_done_with_the_one_that_succeeded(
    store: Store, run: Run, worker: int
) -> None:
    finish_with(store, claim_next(store, worker), 0.25)
    fail(store, claim_next(store, worker), "the loss is not finite")
    assert category_states(store, run)["animals"] == "done"
    assert kept_weight(store, run, "animals") == 1.0


def test_failed_category_takes_its_descendants_along_and_the_rest_goes_on(
    store: Store, worker: int
) -> None:
    corpus = record_corpus(store, "deep", DEEP, [("train", "d"), ("train", "z")])
    run = record_run(store, corpus, keys=DEEP, weights=[1.0])
    finish_with(store, claim_next(store, worker), 0.5)
    fail(store, claim_next(store, worker), "the loss is not finite")
    assert category_states(store, run) == {
        "a": "done",
        "b": "failed",
        "c": "cancelled",
        "d": "cancelled",
        "z": "ready",
    }
    assert trial_states(store, run, "d") == ["cancelled"]
    assert run_state(store, run) == "running"
    newest = events_of(store, run.id)[0]
    assert newest.run_category_id == category_of(store, run, "b").id
    assert newest.message == "every class weight failed; 2 categories below it are not trained"
    finish_all(store, worker)
    assert category_states(store, run)["z"] == "done"
    assert run_state(store, run) == "failed"


def test_without_transfer_a_failed_parent_does_not_stop_its_children(
    store: Store, worker: int
) -> None:
    run = record_run(
        store, record_corpus(store), keys=["animals", "cats"], weights=[1.0], transfer=False
    )
    fail(store, claim_next(store, worker), "the loss is not finite")
    assert category_states(store, run) == {"animals": "failed", "cats": "ready"}
    finish_all(store, worker)
    assert category_states(store, run) == {"animals": "failed", "cats": "done"}
    assert run_state(store, run) == "failed"


def test_crashed_trial_is_ready_for_another_worker(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    crash(store, claim.trial_id, claim.owner, "killed by SIGKILL")
    trial = trial_with_id(store, claim.trial_id)
    assert (trial.state, trial.crashes, trial.reason) == ("ready", 1, "killed by SIGKILL")
    assert category_states(store, run)["animals"] == "ready"
    (event,) = events_of(store, run.id)
    assert event.kind == "crash"
    assert event.message == (
        "class weight 1, crash 1: killed by SIGKILL; it resumes from its checkpoint"
    )
    again = claim_next(store, start_worker(store))
    assert (again.trial_id, again.number) == (claim.trial_id, 2)


def test_crash_leaves_the_other_trials_of_the_category_running(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    claim_next(store, start_worker(store))
    crash(store, claim.trial_id, claim.owner, "killed")
    assert trial_states(store, run, "animals") == ["ready", "running"]
    assert category_states(store, run)["animals"] == "running"


def test_third_crash_fails_a_trial(store: Store, run: Run, worker: int) -> None:
    claim = crash_until_given_up(store, worker)
    trial = trial_with_id(store, claim.trial_id)
    assert (trial.state, trial.crashes, trial.reason) == ("failed", 3, "killed")
    newest = events_of(store, run.id)[0]
    assert newest.message == "class weight 1, crash 3: killed; given up"
    assert claim_next(store, worker).class_weight == 2.0


def test_category_whose_every_trial_crashes_fails_with_the_run(
    store: Store, run: Run, worker: int
) -> None:
    crash_until_given_up(store, worker)
    assert category_states(store, run)["animals"] == "ready"
    crash_until_given_up(store, worker)
    assert category_states(store, run) == {
        "animals": "failed",
        "cats": "cancelled",
        "dogs": "cancelled",
    }
    assert run_state(store, run) == "failed"
    assert claim_trial(store, worker) is None


def test_crash_of_a_trial_that_is_not_held_changes_nothing(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    finish_with(store, claim, 0.5)
    waiting = category_trials(store, run, "cats")[0]
    before = contents(store)
    for trial_id in (claim.trial_id, waiting.id, 999):
        crash(store, trial_id, worker, "killed")
    assert contents(store) == before


def test_late_error_of_a_fenced_worker_does_not_take_the_trial_from_the_next_one(
    store: Store, run: Run, worker: int
) -> None:
    lost = claim_next(store, worker)
    end_worker(store, worker, "silent for 61 s")
    kept = claim_next(store, start_worker(store))
    assert kept.trial_id == lost.trial_id
    before = contents(store)
    crash(store, lost.trial_id, lost.owner, "ValueError: late")
    assert contents(store) == before


def test_ended_worker_loses_what_it_held_and_no_other_does(
    store: Store, run: Run, worker: int
) -> None:
    other = start_worker(store)
    lost, kept = claim_next(store, worker), claim_next(store, other)
    end_worker(store, worker, "killed by SIGKILL")
    assert trial_with_id(store, lost.trial_id).state == "ready"
    assert trial_with_id(store, lost.trial_id).crashes == 1
    assert trial_with_id(store, kept.trial_id).state == "running"
    assert [w.id for w in present_workers(store)] == [other]


def test_end_of_an_idle_worker_is_no_crash(store: Store, run: Run, worker: int) -> None:
    finish_with(store, claim_next(store, worker), 0.5)
    end_worker(store, worker, "ended with exit code 0")
    assert present_workers(store) == []
    assert events_of(store, run.id) == []


def test_released_trial_is_ready_for_another_worker_and_counts_no_crash(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    release(store, claim)
    trial = trial_with_id(store, claim.trial_id)
    assert (trial.state, trial.crashes) == ("ready", 0)
    assert category_states(store, run)["animals"] == "ready"
    assert claim_next(store, worker).trial_id == claim.trial_id


def test_pausing_run_is_paused_when_the_last_worker_lets_go(
    store: Store, run: Run, worker: int
) -> None:
    first, second = claim_next(store, worker), claim_next(store, start_worker(store))
    set_run_state(store, run, "pausing")
    release(store, first)
    assert trial_states(store, run, "animals") == ["paused", "running"]
    assert category_states(store, run)["animals"] == "running"
    assert run_state(store, run) == "pausing"
    release(store, second)
    assert trial_states(store, run, "animals") == ["paused", "paused"]
    assert category_states(store, run)["animals"] == "paused"
    assert run_state(store, run) == "paused"


def test_pausing_run_is_paused_when_its_last_worker_finishes(
    store: Store, run: Run, worker: int
) -> None:
    first, second = claim_next(store, worker), claim_next(store, worker)
    set_run_state(store, run, "pausing")
    finish_with(store, first, 0.5)
    assert run_state(store, run) == "pausing"
    finish_with(store, second, 0.5)
    assert category_states(store, run) == {"animals": "done", "cats": "ready", "dogs": "ready"}
    assert run_state(store, run) == "paused"


def test_pausing_run_is_paused_when_its_last_worker_crashes(
    store: Store, run: Run, worker: int
) -> None:
    claim_next(store, worker)
    set_run_state(store, run, "pausing")
    end_worker(store, worker, "killed")
    assert run_state(store, run) == "paused"
    assert claim_trial(store, start_worker(store)) is None


def test_pausing_run_is_done_when_its_last_trial_finishes(store: Store, worker: int) -> None:
    run = record_run(store, record_corpus(store), keys=["animals"], weights=[1.0])
    claim = claim_next(store, worker)
    set_run_state(store, run, "pausing")
    finish_with(store, claim, 0.5)
    assert run_state(store, run) == "done"


def test_supervisor_stays_while_there_is_work(store: Store, run: Run, worker: int) -> None:
    configure_engine(store, "cpu", 1, 2)
    record_supervisor(store, 77, 1.5)
    assert has_work(store)
    assert end_supervisor_if_idle(store) is False
    engine = engine_of(store)
    assert engine is not None
    assert engine.pid == 77


def test_supervisor_is_taken_out_when_every_run_has_ended(
    store: Store, run: Run, worker: int
) -> None:
    configure_engine(store, "cpu", 1, 2)
    record_supervisor(store, 77, 1.5)
    finish_all(store, worker)
    assert has_work(store), "the test documents are still to be scored"
    assert end_supervisor_if_idle(store) is False
    set_worker_state(store, worker, "idle")
    assert has_work(store), "whoever was to score them is gone"
    score_all(store, worker)
    assert not has_work(store)
    assert end_supervisor_if_idle(store) is True
    engine = engine_of(store)
    assert engine is not None
    assert engine.pid is None


def test_paused_run_keeps_no_supervisor_but_a_trial_in_hand_does(
    store: Store, run: Run, worker: int
) -> None:
    configure_engine(store, "cpu", 1, 2)
    claim = claim_next(store, worker)
    set_run_state(store, run, "pausing")
    assert end_supervisor_if_idle(store) is False
    release(store, claim)
    assert run_state(store, run) == "paused"
    assert end_supervisor_if_idle(store) is True


def test_supervisor_stays_while_a_worker_scores(store: Store, worker: int) -> None:
    configure_engine(store, "cpu", 1, 2)
    set_worker_state(store, worker, "scoring")
    assert end_supervisor_if_idle(store) is False
    set_worker_state(store, worker, "idle")
    assert end_supervisor_if_idle(store) is True


def test_embedding_tables_are_removed_once_no_model_needs_them(store: Store, worker: int) -> None:
    corpus = record_corpus(store)
    first = record_run(store, corpus, name="first", keys=["animals"], weights=(1.0,))
    second = record_run(store, corpus, name="second", keys=["animals"], weights=(1.0, 3.0))
    finish(store, claim_next(store, worker), a_model("a", embeddings="shared"))
    removed: list[str] = []
    claims = [claim_next(store, worker) for _ in range(2)]
    for claim, table, f1 in zip(claims, ("shared", "better"), (0.2, 0.9), strict=True):
        record_epoch(store, claim, an_epoch(1, f1), is_kept=True, seconds=1.0)
        finish(store, claim, a_model("b", embeddings=table))
        category = category_of(store, second, "animals")
        remove_unused_tables(store, category.id, 1, removed.append)
        assert removed == []
    assert category_of(store, first, "animals").state == "done"
    with store.write():
        store.execute(
            "UPDATE run_categories SET kept_trial_id = NULL WHERE run_id = ?", (first.id,)
        )
        store.execute("UPDATE attempts SET kept_trial_id = NULL WHERE kept_trial_id = 1")
    remove_unused_tables(store, category.id, 1, removed.append)
    assert removed == ["shared"]


def test_the_table_is_put_in_place_inside_the_transaction_that_needs_it(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    before = contents(store)

    def full_disk() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        finish(store, claim, a_model(), full_disk)
    assert contents(store) == before
