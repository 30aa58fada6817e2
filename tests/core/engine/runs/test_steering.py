"""Pause, resume and cancel: what stands in the rows afterwards, and when they are refused."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from core.engine.monitoring.status import status_of
from core.engine.runs.steering import (
    cancel_in_run,
    cancel_run,
    pause_category,
    pause_run,
    resume_category,
    resume_run,
)
from core.engine.trials.scheduling import fail, finish, has_work, release
from core.errors import ConflictError, NotFoundError
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import RunCategory, run_category
from db.runs import Run
from db.trials import LostClaimError, claim_trial, holds, may_continue
from tests.support.builders import (
    a_model,
    category_of,
    category_states,
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


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Workspace]:
    """The workspaces for which an engine would have been started."""
    asked: list[Workspace] = []
    monkeypatch.setattr(
        "core.engine.runs.steering.ensure_supervisor", lambda store, place: asked.append(place)
    )
    return asked


@pytest.fixture
def worker(store: Store) -> int:
    """A worker that may claim."""
    return start_worker(store)


@pytest.fixture
def run(store: Store) -> Run:
    """A run of animals and cats with two class weights."""
    return record_run(store, record_corpus(store), keys=["animals", "cats"])


def done(store: Store, worker: int, run: Run) -> None:
    finish_all(store, worker)


def failed(store: Store, worker: int, run: Run) -> None:
    while (claim := claim_trial(store, worker)) is not None:
        fail(store, claim, "the loss is not finite")


def cancelled(store: Store, worker: int, run: Run) -> None:
    cancel_run(store, run)


def test_run_that_nobody_works_at_is_paused_at_once(store: Store, run: Run, worker: int) -> None:
    assert pause_run(store, run).state == "paused"
    assert run_state(store, run) == "paused"
    assert claim_trial(store, worker) is None


def test_run_at_work_pauses_when_its_worker_lets_go(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    assert pause_run(store, run).state == "pausing"
    assert holds(store, claim)
    release(store, claim)
    assert run_state(store, run) == "paused"
    assert trial_states(store, run, "animals") == ["paused", "ready"]


def test_pause_concerns_one_run(store: Store, run: Run, worker: int) -> None:
    other = record_run(store, record_corpus(store, "other"))
    pause_run(store, run)
    assert run_state(store, other) == "running"
    assert claim_next(store, worker).run_id == other.id


@pytest.mark.parametrize("at_work", [False, True])
def test_pausing_twice_changes_nothing_more(
    store: Store, run: Run, worker: int, at_work: bool
) -> None:
    if at_work:
        claim_next(store, worker)
    pause_run(store, run)
    before = contents(store)
    assert pause_run(store, run).state == ("pausing" if at_work else "paused")
    assert contents(store) == before


def test_resumed_run_goes_on_with_the_trials_that_were_paused(
    store: Store, workspace: Workspace, run: Run, worker: int, started: list[Workspace]
) -> None:
    claim = claim_next(store, worker)
    pause_run(store, run)
    release(store, claim)
    assert category_states(store, run)["animals"] == "paused"
    assert resume_run(store, workspace, run).state == "running"
    assert category_states(store, run) == {"animals": "ready", "cats": "waiting"}
    assert trial_states(store, run, "animals") == ["ready", "ready"]
    assert started == [workspace]
    again = claim_next(store, worker)
    assert (again.trial_id, again.number) == (claim.trial_id, 2)
    finish_with(store, again, 0.5)
    finish_all(store, worker)
    assert run_state(store, run) == "done"


def test_run_is_resumed_while_it_still_pauses(
    store: Store, workspace: Workspace, run: Run, worker: int, started: list[Workspace]
) -> None:
    first, second = claim_next(store, worker), claim_next(store, start_worker(store))
    pause_run(store, run)
    release(store, first)
    assert resume_run(store, workspace, run).state == "running"
    assert trial_states(store, run, "animals") == ["ready", "running"]
    assert category_states(store, run)["animals"] == "running"
    release(store, second)
    assert trial_states(store, run, "animals") == ["ready", "ready"]
    assert run_state(store, run) == "running"


def test_resuming_a_run_that_goes_on_only_wakes_the_engine(
    store: Store, workspace: Workspace, run: Run, worker: int, started: list[Workspace]
) -> None:
    claim_next(store, worker)
    before = contents(store)
    assert resume_run(store, workspace, run).state == "running"
    assert contents(store) == before
    assert started == [workspace]


def test_resume_leaves_the_paused_trials_of_other_runs(
    store: Store, workspace: Workspace, run: Run, worker: int, started: list[Workspace]
) -> None:
    other = record_run(store, record_corpus(store, "other"), keys=["animals"])
    claims = [claim_next(store, worker) for _ in range(3)]
    assert claims[-1].run_id == other.id
    for paused in (run, other):
        pause_run(store, paused)
    for claim in claims:
        release(store, claim)
    resume_run(store, workspace, run)
    assert run_state(store, other) == "paused"
    assert trial_states(store, other, "animals") == ["paused", "ready"]


def test_cancelled_run_ends_and_its_done_categories_keep_their_models(
    store: Store, run: Run, worker: int
) -> None:
    for _ in range(2):
        finish_with(store, claim_next(store, worker), 0.5)
    kept = category_of(store, run, "animals").kept_trial_id
    claim_next(store, worker)
    assert cancel_run(store, run).state == "cancelled"
    assert category_states(store, run) == {"animals": "done", "cats": "cancelled"}
    assert trial_states(store, run, "animals") == ["done", "done"]
    assert trial_states(store, run, "cats") == ["cancelled", "cancelled"]
    assert category_of(store, run, "animals").kept_trial_id == kept is not None
    assert claim_trial(store, worker) is None


def test_cancelled_run_records_when_it_ended(store: Store, run: Run) -> None:
    assert cancel_run(store, run).finished_at == pytest.approx(time.time(), abs=60)


def test_worker_of_a_cancelled_run_has_lost_its_claim(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    cancel_run(store, run)
    assert not holds(store, claim)
    before = contents(store)
    with pytest.raises(LostClaimError):
        finish(store, claim, a_model())
    with pytest.raises(LostClaimError):
        release(store, claim)
    assert contents(store) == before


def test_paused_run_can_be_cancelled(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    pause_run(store, run)
    release(store, claim)
    assert cancel_run(store, run).state == "cancelled"
    assert category_states(store, run) == {"animals": "cancelled", "cats": "cancelled"}


def test_cancel_concerns_one_run(store: Store, run: Run) -> None:
    other = record_run(store, record_corpus(store, "other"), keys=["animals"])
    cancel_run(store, run)
    assert run_state(store, other) == "running"
    assert category_states(store, other) == {"animals": "ready"}
    assert trial_states(store, other, "animals") == ["ready", "ready"]


@pytest.mark.parametrize("end", [done, failed, cancelled])
def test_ended_run_is_neither_paused_nor_resumed_nor_cancelled(
    store: Store,
    workspace: Workspace,
    run: Run,
    worker: int,
    started: list[Workspace],
    end: Callable[[Store, int, Run], None],
) -> None:
    end(store, worker, run)
    state = run_state(store, run)
    assert state == end.__name__
    before = contents(store)
    with pytest.raises(ConflictError, match=f"'pets-htrans' is {state} and cannot be paused"):
        pause_run(store, run)
    with pytest.raises(ConflictError, match=f"'pets-htrans' is {state} and cannot be resumed"):
        resume_run(store, workspace, run)
    with pytest.raises(ConflictError, match=f"'pets-htrans' is {state} and cannot be cancelled"):
        cancel_run(store, run)
    assert contents(store) == before
    assert started == []


@pytest.fixture
def forest(store: Store) -> Run:
    """A run of all categories with two class weights."""
    return record_run(store, record_corpus(store))


def keys(categories: list[RunCategory]) -> list[str]:
    return [category.key for category in categories]


def test_held_category_is_not_claimed_and_the_others_are(
    store: Store, forest: Run, worker: int
) -> None:
    assert keys(pause_category(store, forest, "animals", subtree=False)) == ["animals"]
    claimed = set()
    while (claim := claim_trial(store, worker)) is not None:
        claimed.add(run_category(store, claim.run_category_id).key)
        finish_with(store, claim, 0.5)
    assert claimed == {"food", "fruit", "bread"}
    assert run_state(store, forest) == "running"
    score_all(store, worker)
    assert not has_work(store)
    shown = {c.key: c.state for c in status_of(store, forest.id).categories}
    assert (shown["animals"], shown["cats"]) == ("paused", "waiting")


def test_holding_a_subtree_holds_what_is_below_once_it_is_ready(
    store: Store, forest: Run, worker: int
) -> None:
    held = pause_category(store, forest, "food", subtree=True)
    assert keys(held) == ["food", "fruit", "bread"]
    finish_all(store, worker)
    assert category_states(store, forest)["food"] == "ready"
    assert category_states(store, forest)["cats"] == "done"


def test_worker_at_a_held_category_is_to_let_go_and_leaves_it_paused(
    store: Store, forest: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    assert may_continue(store, claim)
    pause_category(store, forest, "animals", subtree=False)
    assert not may_continue(store, claim)
    release(store, claim)
    assert category_states(store, forest)["animals"] == "paused"
    assert "paused" in trial_states(store, forest, "animals")


def test_resumed_category_goes_on(
    store: Store,
    workspace: Workspace,
    forest: Run,
    worker: int,
    started: list[Workspace],
) -> None:
    claim = claim_next(store, worker)
    pause_category(store, forest, "animals", subtree=True)
    release(store, claim)
    resumed = resume_category(store, workspace, forest, "animals", subtree=True)
    assert keys(resumed) == ["animals", "cats", "dogs"]
    assert started == [workspace]
    finish_all(store, worker)
    assert run_state(store, forest) == "done"


def test_resuming_a_run_lets_its_held_categories_go(
    store: Store, workspace: Workspace, forest: Run, worker: int, started: list[Workspace]
) -> None:
    pause_category(store, forest, "animals", subtree=True)
    resume_run(store, workspace, forest)
    finish_all(store, worker)
    assert run_state(store, forest) == "done"


def test_category_cannot_be_resumed_while_the_whole_run_is_paused(
    store: Store, workspace: Workspace, forest: Run, started: list[Workspace]
) -> None:
    pause_category(store, forest, "animals", subtree=False)
    pause_run(store, forest)
    with pytest.raises(ConflictError, match="htrans-tui resume"):
        resume_category(store, workspace, forest, "animals", subtree=False)
    with pytest.raises(ConflictError, match=r"'food' .* is not paused"):
        resume_category(store, workspace, forest, "food", subtree=False)
    assert started == []


def test_cancelled_category_takes_along_what_waits_for_it(
    store: Store, forest: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    cancelled = cancel_in_run(store, forest, "animals", subtree=False)
    assert sorted(keys(cancelled)) == ["animals", "cats", "dogs"]
    assert not holds(store, claim)
    with pytest.raises(LostClaimError):
        finish(store, claim, a_model())
    finish_all(store, worker)
    states = category_states(store, forest)
    assert (states["animals"], states["dogs"], states["bread"]) == ("cancelled",) * 2 + ("done",)
    assert run_state(store, forest) == "cancelled"


def test_finished_category_is_neither_paused_nor_cancelled(
    store: Store, forest: Run, worker: int
) -> None:
    finish_all(store, worker)
    before = contents(store)
    with pytest.raises(ConflictError, match=r"is done .*paused"):
        pause_category(store, forest, "cats", subtree=False)
    with pytest.raises(ConflictError, match=r"is done .*cancelled"):
        cancel_in_run(store, forest, "cats", subtree=True)
    with pytest.raises(NotFoundError, match="has no category 'horses'"):
        pause_category(store, forest, "horses", subtree=False)
    assert contents(store) == before
