"""A racing search: class weights rest, are compared, drop out or go on, and none is forgotten."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from core.engine.monitoring.status import CategoryStatus, status_of
from core.engine.runs.steering import (
    cancel_in_run,
    cancel_run,
    pause_category,
    pause_run,
    resume_category,
    resume_run,
)
from core.engine.trials.scheduling import (
    crash,
    end_supervisor_if_idle,
    end_worker,
    fail,
    has_work,
    release,
    wait_at_rung,
)
from core.training.class_weight_search import RUNGS
from core.workspace import Workspace
from db.connection import Store
from db.runs import Run
from db.states import ENDED_TRIAL
from db.trials import Claim, LostClaimError, claim_trial, record_epoch, trial_with_id
from db.workers import present_workers
from tests.support.builders import (
    an_epoch,
    category_of,
    category_states,
    category_trials,
    claim_next,
    finish_with,
    record_corpus,
    record_run,
    run_state,
    score_all,
    start_worker,
    trial_states,
)

WEIGHTS = (1.0, 2.0, 3.0, 5.0)


@pytest.fixture
def worker(store: Store) -> int:
    """A worker that may claim."""
    return start_worker(store)


@pytest.fixture
def run(store: Store) -> Run:
    """A run of animals, and of cats below it, with four class weights."""
    return record_run(store, record_corpus(store), keys=["animals", "cats"], weights=WEIGHTS)


@pytest.fixture(autouse=True)
def engine_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on again would wake the engine."""
    monkeypatch.setattr("core.engine.runs.steering.ensure_supervisor", lambda store, place: None)


def claim_all(store: Store, worker: int, number: int = len(WEIGHTS)) -> list[Claim]:
    return [claim_next(store, worker) for _ in range(number)]


def rest_with(store: Store, claim: Claim, f1: float, epoch: int = 2) -> None:
    """Come to a rung with this validation F1, as a worker does."""
    record_epoch(store, claim, an_epoch(epoch, f1), is_kept=True, seconds=1.0)
    wait_at_rung(store, claim)


def rest_all(store: Store, claims: list[Claim], scores: tuple[float, ...], epoch: int = 2) -> None:
    for claim, f1 in zip(claims, scores, strict=True):
        rest_with(store, claim, f1, epoch)


def animals(store: Store, run: Run) -> list[str]:
    return trial_states(store, run, "animals")


def shown(store: Store, run: Run) -> CategoryStatus:
    return status_of(store, run.id).categories[0]


def test_a_resting_trial_is_free_and_nobody_claims_it(store: Store, run: Run, worker: int) -> None:
    claims = claim_all(store, worker, 4)
    rest_with(store, claims[0], 0.5)
    assert animals(store, run) == ["resting", "running", "running", "running"]
    assert category_states(store, run)["animals"] == "running"
    assert store.value("SELECT owner FROM trials WHERE id = ?", (claims[0].trial_id,)) is None
    assert claim_trial(store, worker) is None


def test_only_the_worker_that_holds_a_trial_lets_it_rest(
    store: Store, run: Run, worker: int
) -> None:
    lost = claim_next(store, worker)
    end_worker(store, worker, "silent for 61 s")
    with pytest.raises(LostClaimError):
        wait_at_rung(store, lost)
    assert animals(store, run)[0] == "ready"


def test_the_last_to_rest_decides_and_the_better_half_goes_on(
    store: Store, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    for claim, f1 in zip(claims[:3], (0.2, 0.8, 0.4), strict=True):
        rest_with(store, claim, f1)
        assert "dropped" not in animals(store, run)
    rest_with(store, claims[3], 0.6)
    assert animals(store, run) == ["dropped", "ready", "dropped", "ready"]
    assert category_states(store, run) == {"animals": "ready", "cats": "waiting"}
    again = claim_all(store, worker, 2)
    assert [claim.class_weight for claim in again] == [2.0, 5.0]
    assert [claim.number for claim in again] == [2, 2]
    assert claim_trial(store, worker) is None


def test_the_second_rung_halves_once_more_and_the_winner_is_kept(
    store: Store, run: Run, worker: int
) -> None:
    rest_all(store, claim_all(store, worker), (0.2, 0.8, 0.4, 0.6))
    rest_all(store, claim_all(store, worker, 2), (0.8, 0.9), epoch=4)
    assert animals(store, run) == ["dropped", "dropped", "dropped", "ready"]
    assert finish_with(store, claim_next(store, worker), 0.95) is True
    assert animals(store, run) == ["dropped", "dropped", "dropped", "done"]
    assert category_states(store, run) == {"animals": "done", "cats": "ready"}
    kept = category_of(store, run, "animals").kept_trial_id
    assert kept == category_trials(store, run, "animals")[3].id


def test_a_trial_remembers_the_last_rung_that_it_has_passed(
    store: Store, run: Run, worker: int
) -> None:
    def rungs() -> list[int]:
        return [trial.rung for trial in category_trials(store, run, "animals")]

    claims = claim_all(store, worker)
    rest_all(store, claims[:3], (0.2, 0.8, 0.4))
    crash(store, claims[3].trial_id, worker, "killed after its checkpoint was written")
    assert rungs() == [0, 0, 0, 0]
    rest_with(store, claim_next(store, worker), 0.6)
    assert rungs() == [0, RUNGS[0], 0, RUNGS[0]]
    claims = claim_all(store, worker, 2)
    release(store, claims[0])
    assert rungs() == [0, RUNGS[0], 0, RUNGS[0]]
    rest_all(store, [claim_next(store, worker), claims[1]], (0.8, 0.9), epoch=4)
    assert rungs() == [0, RUNGS[0], 0, RUNGS[1]]


def test_trials_that_equal_the_last_that_stays_go_on_too(
    store: Store, run: Run, worker: int
) -> None:
    rest_all(store, claim_all(store, worker), (0.4, 0.8, 0.4, 0.2))
    assert animals(store, run) == ["ready", "ready", "ready", "dropped"]


def test_where_nothing_was_learned_yet_all_go_on(store: Store, run: Run, worker: int) -> None:
    rest_all(store, claim_all(store, worker), (0.0, 0.0, 0.0, 0.0))
    assert animals(store, run) == ["ready"] * 4


def test_a_trial_without_an_epoch_counts_as_nothing_learned(
    store: Store, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    wait_at_rung(store, claims[0])
    for claim in claims[1:]:
        rest_with(store, claim, 0.5)
    assert animals(store, run) == ["dropped", "ready", "ready", "ready"]


def fails(store: Store, claim: Claim) -> None:
    fail(store, claim, "the loss is not finite")


def crashes_for_good(store: Store, claim: Claim) -> None:
    crash(store, claim.trial_id, claim.owner, "killed")
    for _ in range(2):
        again = claim_next(store, claim.owner)
        assert again.trial_id == claim.trial_id
        crash(store, again.trial_id, again.owner, "killed")


@pytest.mark.parametrize("ends", [fails, crashes_for_good])
def test_a_trial_that_fails_last_lets_the_others_go_on(
    store: Store, run: Run, worker: int, ends: Callable[[Store, Claim], None]
) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:3], (0.2, 0.8, 0.4))
    ends(store, claims[3])
    assert animals(store, run) == ["dropped", "ready", "ready", "failed"]
    assert category_states(store, run)["animals"] == "ready"


def test_the_only_one_that_has_not_failed_goes_on(store: Store, run: Run, worker: int) -> None:
    claims = claim_all(store, worker)
    rest_with(store, claims[2], 0.0)
    for place in (0, 1, 3):
        fails(store, claims[place])
    assert animals(store, run) == ["failed", "failed", "ready", "failed"]
    fails(store, claim_next(store, worker))
    assert category_states(store, run) == {"animals": "failed", "cats": "cancelled"}
    assert run_state(store, run) == "failed"


def test_a_category_fails_if_all_that_stayed_in_its_race_fail(
    store: Store, run: Run, worker: int
) -> None:
    rest_all(store, claim_all(store, worker), (0.2, 0.8, 0.4, 0.6))
    for claim in claim_all(store, worker, 2):
        fails(store, claim)
    assert animals(store, run) == ["dropped", "failed", "dropped", "failed"]
    assert category_states(store, run) == {"animals": "failed", "cats": "cancelled"}


def test_a_crashed_trial_is_waited_for(store: Store, run: Run, worker: int) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:3], (0.2, 0.8, 0.4))
    crash(store, claims[3].trial_id, worker, "killed")
    assert animals(store, run) == ["resting", "resting", "resting", "ready"]
    assert category_states(store, run)["animals"] == "ready"
    again = claim_next(store, worker)
    assert again.trial_id == claims[3].trial_id
    rest_with(store, again, 0.6)
    assert animals(store, run) == ["dropped", "ready", "dropped", "ready"]


@pytest.mark.parametrize("is_crash", [False, True])
def test_the_death_of_a_worker_takes_what_it_holds_and_not_what_rests(
    store: Store, run: Run, worker: int, is_crash: bool
) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:2], (0.2, 0.8))
    end_worker(store, worker, "killed", is_crash=is_crash)
    assert animals(store, run) == ["resting", "resting", "ready", "ready"]
    rest_all(store, claim_all(store, start_worker(store), 2), (0.4, 0.6))
    assert animals(store, run) == ["dropped", "ready", "dropped", "ready"]


def test_a_trial_that_ended_early_takes_part_in_the_race(
    store: Store, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    assert finish_with(store, claims[0], 0.7) is False
    rest_all(store, claims[1:], (0.6, 0.8, 0.5))
    assert animals(store, run) == ["done", "dropped", "ready", "dropped"]


@pytest.mark.parametrize("done_last", [False, True])
def test_a_category_whose_resting_trials_all_lose_is_done_with_what_is_done(
    store: Store, worker: int, done_last: bool
) -> None:
    run = record_run(store, record_corpus(store), keys=["animals", "cats"], weights=(1.0, 2.0))
    first, second = claim_all(store, worker, 2)
    if done_last:
        rest_with(store, first, 0.3)
        assert finish_with(store, second, 0.7) is True
    else:
        finish_with(store, second, 0.7)
        rest_with(store, first, 0.3)
    assert animals(store, run) == ["dropped", "done"]
    assert category_states(store, run) == {"animals": "done", "cats": "ready"}
    assert trial_states(store, run, "cats") == ["ready", "ready"]
    assert category_of(store, run, "animals").kept_trial_id == second.trial_id
    assert shown(store, run).class_weight == 2.0


def test_a_dropped_trial_is_never_kept_whatever_its_f1(store: Store, run: Run, worker: int) -> None:
    rest_all(store, claim_all(store, worker), (0.5, 0.9, 0.8, 0.4))
    for claim in claim_all(store, worker, 2):
        finish_with(store, claim, 0.1)
    kept = category_of(store, run, "animals").kept_trial_id
    assert kept is not None
    assert trial_with_id(store, kept).class_weight == 2.0


def test_dropped_trials_count_as_trials_that_are_through(
    store: Store, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:3], (0.2, 0.8, 0.4))
    assert (shown(store, run).trials_done, shown(store, run).trials) == (0, 4)
    rest_with(store, claims[3], 0.6)
    assert (shown(store, run).trials_done, shown(store, run).trials) == (2, 4)
    for claim in claim_all(store, worker, 2):
        finish_with(store, claim, 0.7)
    assert (shown(store, run).trials_done, shown(store, run).trials) == (4, 4)
    assert shown(store, run).state == "done"


def test_races_of_two_categories_are_apart(store: Store, worker: int) -> None:
    run = record_run(
        store, record_corpus(store), keys=["animals", "food"], weights=(1.0, 2.0), transfer=False
    )
    claims = claim_all(store, worker, 4)
    rest_all(store, claims[:2], (0.2, 0.1))
    assert animals(store, run) == ["ready", "dropped"]
    assert trial_states(store, run, "food") == ["running", "running"]
    rest_all(store, claims[2:], (0.7, 0.8))
    assert trial_states(store, run, "food") == ["dropped", "ready"]
    assert animals(store, run) == ["ready", "dropped"]


def test_a_trial_that_pauses_holds_the_race_up_until_it_goes_on(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:3], (0.2, 0.8, 0.4))
    assert pause_run(store, run).state == "pausing"
    release(store, claims[3])
    assert animals(store, run) == ["resting", "resting", "resting", "paused"]
    assert category_states(store, run)["animals"] == "paused"
    assert run_state(store, run) == "paused"
    assert claim_trial(store, worker) is None
    resume_run(store, workspace, run)
    assert category_states(store, run)["animals"] == "ready"
    rest_with(store, claim_next(store, worker), 0.6)
    assert animals(store, run) == ["dropped", "ready", "dropped", "ready"]


def test_a_race_decided_while_its_run_pauses_goes_on_with_the_run(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:3], (0.2, 0.8, 0.4))
    pause_run(store, run)
    rest_with(store, claims[3], 0.6)
    assert animals(store, run) == ["dropped", "ready", "dropped", "ready"]
    assert run_state(store, run) == "paused"
    assert claim_trial(store, worker) is None
    assert end_supervisor_if_idle(store) is True
    resume_run(store, workspace, run)
    assert has_work(store)
    assert [c.class_weight for c in claim_all(store, worker, 2)] == [2.0, 5.0]


def test_a_held_category_goes_on_with_its_race(
    store: Store, workspace: Workspace, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:2], (0.2, 0.8))
    pause_category(store, run, "animals", subtree=False)
    release(store, claims[2])
    rest_with(store, claims[3], 0.6)
    assert animals(store, run) == ["resting", "resting", "paused", "resting"]
    assert claim_trial(store, worker) is None
    resume_category(store, workspace, run, "animals", subtree=False)
    rest_with(store, claim_next(store, worker), 0.4)
    assert animals(store, run) == ["dropped", "ready", "dropped", "ready"]


@pytest.mark.parametrize("whole_run", [False, True])
def test_what_rests_is_cancelled_with_its_category(
    store: Store, run: Run, worker: int, whole_run: bool
) -> None:
    claims = claim_all(store, worker)
    rest_all(store, claims[:2], (0.2, 0.8))
    if whole_run:
        cancel_run(store, run)
    else:
        cancel_in_run(store, run, "animals", subtree=False)
    assert animals(store, run) == ["cancelled"] * 4
    assert category_states(store, run) == {"animals": "cancelled", "cats": "cancelled"}
    assert run_state(store, run) == "cancelled"
    with pytest.raises(LostClaimError):
        wait_at_rung(store, claims[2])
    assert not has_work(store)


class Wanderer:
    """Leads a run to its end by chance: every way in which a worker can let go of a trial."""

    def __init__(self, store: Store, workspace: Workspace, run: Run, seed: int) -> None:
        self._store, self._workspace, self._run = store, workspace, run
        self._draw = random.Random(seed)
        self._workers = [start_worker(store, 4000 + i) for i in range(3)]
        self._held: list[Claim] = []
        self._rests: Counter[int] = Counter()
        self.seen: Counter[str] = Counter()

    def go(self) -> None:
        for _ in range(400):
            if run_state(self._store, self._run) in ("done", "failed", "cancelled"):
                return
            if self._draw.random() < 0.08 and run_state(self._store, self._run) == "running":
                pause_run(self._store, self._run)
                self.seen["paused"] += 1
            claim = claim_trial(self._store, self._draw.choice(self._workers))
            if claim is not None:
                self._held.append(claim)
            elif not self._held:
                assert run_state(self._store, self._run) == "paused", "nothing is left to do"
                resume_run(self._store, self._workspace, self._run)
            if self._held and self._draw.random() < 0.6:
                self._let_go(self._held.pop(self._draw.randrange(len(self._held))))
        pytest.fail("the run does not end")

    def _let_go(self, claim: Claim) -> None:
        f1 = self._draw.choice([0.0, 0.25, 0.5, 0.75])
        may_rest = self._rests[claim.trial_id] < len(RUNGS)
        how = self._draw.choices(
            ["rest", "finish", "release", "crash", "fail"], [6 * may_rest, 2, 1, 1, 0.5]
        )[0]
        self.seen[how] += 1
        if how == "rest":
            self._rests[claim.trial_id] += 1
            rest_with(self._store, claim, f1, RUNGS[self._rests[claim.trial_id] - 1])
        elif how == "finish":
            finish_with(self._store, claim, f1)
        elif how == "release":
            release(self._store, claim)
        elif how == "crash":
            crash(self._store, claim.trial_id, claim.owner, "killed")
        else:
            fails(self._store, claim)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(7))
def test_every_category_comes_to_an_end_whatever_happens(
    store: Store, workspace: Workspace, seed: int
) -> None:
    run = record_run(store, record_corpus(store), weights=WEIGHTS)
    wanderer = Wanderer(store, workspace, run, seed)
    wanderer.go()
    assert wanderer.seen["rest"] > 0
    for key, state in category_states(store, run).items():
        trials = category_trials(store, run, key)
        assert {trial.state for trial in trials} <= set(ENDED_TRIAL)
        done = [trial for trial in trials if trial.state == "done"]
        assert state in (("done",) if done else ("failed", "cancelled") if trials else ("empty",))
        if done:
            best = min(done, key=lambda trial: (-(trial.f1 or 0.0), trial.class_weight))
            assert category_of(store, run, key).kept_trial_id == best.id
    for present in present_workers(store):
        score_all(store, present.id)
    assert not has_work(store)


def test_worker_whose_rest_drops_the_last_trials_is_told_that_the_category_is_done(
    store: Store, run: Run, worker: int
) -> None:
    first, second, third, fourth = claim_all(store, worker)
    assert not finish_with(store, first, 0.9)
    assert not finish_with(store, second, 0.8)
    rest_with(store, third, 0.1)
    record_epoch(store, fourth, an_epoch(2, 0.2), is_kept=True, seconds=1.0)
    assert wait_at_rung(store, fourth)
    assert animals(store, run) == ["done", "done", "dropped", "dropped"]
    assert category_states(store, run)["animals"] == "done"
    assert present_workers(store)[0].state == "scoring"


def test_worker_whose_trial_fails_last_is_told_that_the_category_is_done(
    store: Store, run: Run, worker: int
) -> None:
    claims = claim_all(store, worker)
    for claim in claims[:-1]:
        finish_with(store, claim, 0.5)
    assert fail(store, claims[-1], "the loss is not finite")
    assert category_states(store, run)["animals"] == "done"


def test_worker_whose_trial_fails_alone_has_nothing_to_score(
    store: Store, run: Run, worker: int
) -> None:
    for claim in claim_all(store, worker):
        assert not fail(store, claim, "the loss is not finite")
