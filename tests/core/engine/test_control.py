"""Pause, resume and cancel: what stands in the rows afterwards, and when they are refused."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from core.engine.control import cancel_run, pause_run, resume_run
from core.engine.scheduling import fail, finish, release
from core.errors import ConflictError
from core.workspace import Workspace
from db.connection import Store
from db.runs import Run
from db.trials import LostClaimError, claim_trial, holds
from tests.builders import (
    category_of,
    category_states,
    claim_next,
    contents,
    finish_all,
    finish_with,
    record_corpus,
    record_run,
    run_state,
    start_worker,
    trial_states,
)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Workspace]:
    """The workspaces for which an engine would have been started."""
    asked: list[Workspace] = []
    monkeypatch.setattr(
        "core.engine.launch.ensure_supervisor", lambda store, workspace: asked.append(workspace)
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
        finish(store, claim, "m", "abc")
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
