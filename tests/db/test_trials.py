"""Claims on trials: their order, that one worker has one, and what a lost one may still write."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from core.engine.trials import scheduling
from db.connection import Store
from db.runs import Run, run_with_id
from db.trials import (
    Claim,
    LostClaimError,
    claim_trial,
    epochs_of,
    fail_trial,
    finish_trial,
    holds,
    record_epoch,
    record_progress,
    release_trial,
    trial_with_id,
)
from db.workers import present_workers
from tests.support.builders import (
    a_model,
    an_epoch,
    category_of,
    category_states,
    claim_next,
    contents,
    record_corpus,
    record_run,
    run_state,
    start_worker,
    trial_states,
)

FOREST: dict[str, str | None] = {
    "alone": None,
    "short": None,
    "short1": "short",
    "tall": None,
    "tall1": "tall",
    "tall2": "tall1",
    "late": None,
    "late1": "late",
}
"""Top-level categories of height 0, 1, 2 and 1, in this order."""
LEAVES = tuple(("train", leaf) for leaf in ("alone", "short1", "tall2", "late1"))


@pytest.fixture
def run(store: Store) -> Run:
    """A run of animals and cats with two class weights."""
    return record_run(store, record_corpus(store), keys=["animals", "cats"])


@pytest.fixture
def worker(store: Store) -> int:
    """A worker that may claim."""
    return start_worker(store)


def progress(store: Store, claim: Claim, seconds: float = 1.5) -> None:
    record_progress(
        store,
        claim,
        epoch=2,
        batch=3,
        batches=9,
        loss=0.5,
        documents_per_second=80.0,
        seconds=seconds,
    )


def set_run_state(store: Store, run: Run, state: str) -> None:
    with store.write():
        store.execute("UPDATE runs SET state = ? WHERE id = ?", (state, run.id))


def test_claims_go_by_run_then_height_then_position_then_class_weight(
    store: Store, worker: int
) -> None:
    corpus = record_corpus(store, "forest", FOREST, LEAVES)
    first = record_run(store, corpus, keys=FOREST, weights=(3.0, 1.0))
    second = record_run(store, corpus, keys=FOREST, weights=(1.0,))
    keys = {category_of(store, run, key).id: key for run in (first, second) for key in FOREST}
    claimed = []
    while (claim := claim_trial(store, worker)) is not None:
        claimed.append((claim.run_id, keys[claim.run_category_id], claim.class_weight))
    assert claimed == [
        *(
            (first.id, key, weight)
            for key in ("tall", "short", "late", "alone")
            for weight in (1, 3)
        ),
        *((second.id, key, 1) for key in ("tall", "short", "late", "alone")),
    ]


def test_claim_says_what_is_to_be_trained(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    assert claim.run_id == run.id
    assert claim.run_category_id == category_of(store, run, "animals").id
    assert (claim.attempt, claim.class_weight, claim.owner, claim.number) == (1, 1.0, worker, 1)
    assert holds(store, claim)


def test_claim_sets_trial_category_and_worker_to_work(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    assert trial_states(store, run, "animals") == ["running", "ready"]
    assert category_states(store, run) == {"animals": "running", "cats": "waiting"}
    (row,) = present_workers(store)
    assert (row.state, row.trial_id) == ("training", claim.trial_id)


def test_first_claim_starts_the_run_and_later_ones_do_not(
    store: Store, run: Run, worker: int
) -> None:
    claim_next(store, worker)
    started = run_with_id(store, run.id).started_at
    assert started is not None
    claim_next(store, worker)
    assert run_with_id(store, run.id).started_at == started


def test_nothing_ready_is_no_claim_and_no_change(store: Store, run: Run, worker: int) -> None:
    claim_next(store, worker)
    claim_next(store, worker)
    before = contents(store)
    assert claim_trial(store, worker) is None
    assert contents(store) == before


@pytest.mark.parametrize("state", ["pausing", "paused", "cancelled"])
def test_run_that_does_not_go_on_is_not_claimed(
    store: Store, run: Run, worker: int, state: str
) -> None:
    set_run_state(store, run, state)
    assert claim_trial(store, worker) is None
    assert trial_states(store, run, "animals") == ["ready", "ready"]


def test_workers_pass_over_a_paused_run_to_the_next(store: Store, run: Run, worker: int) -> None:
    later = record_run(store, record_corpus(store, "other"), keys=["food"])
    set_run_state(store, run, "paused")
    assert claim_next(store, worker).run_id == later.id


def test_trials_of_an_earlier_attempt_are_not_claimed(store: Store, run: Run, worker: int) -> None:
    with store.write():
        store.execute("UPDATE run_categories SET attempt = 2")
    assert claim_trial(store, worker) is None


def test_no_two_workers_claim_the_same_trial(store: Store) -> None:
    corpus = record_corpus(store)
    run = record_run(store, corpus, weights=tuple(range(1, 11)), transfer=False)
    claimed: list[Claim] = []
    errors: list[BaseException] = []
    together = threading.Barrier(4)

    def work() -> None:
        own = Store(store.path)
        try:
            worker_id = start_worker(own)
            together.wait()
            while (claim := claim_trial(own, worker_id)) is not None:
                claimed.append(claim)
        except BaseException as error:
            errors.append(error)
        finally:
            own.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert set(Counter(claim.trial_id for claim in claimed).values()) == {1}
    assert len(claimed) == 6 * 10
    owners = {row["id"]: row["owner"] for row in store.rows("SELECT id, owner FROM trials")}
    assert owners == {claim.trial_id: claim.owner for claim in claimed}
    assert run_state(store, run) == "running"


def test_progress_is_appended_and_its_seconds_add_up(store: Store, run: Run, worker: int) -> None:
    claim = claim_next(store, worker)
    progress(store, claim, 1.5)
    progress(store, claim, 2.0)
    trial = trial_with_id(store, claim.trial_id)
    assert (trial.epoch, trial.seconds) == (2, 3.5)
    rows = store.rows("SELECT trial_id, epoch, batch, batches, loss FROM progress ORDER BY id")
    assert [tuple(row) for row in rows] == [(claim.trial_id, 2, 3, 9, 0.5)] * 2


def test_kept_epoch_stands_in_the_trial_and_a_worse_one_does_not(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    record_epoch(store, claim, an_epoch(1, 0.75), is_kept=True, seconds=1.0)
    record_epoch(store, claim, an_epoch(2, 0.25), is_kept=False, seconds=2.0)
    trial = trial_with_id(store, claim.trial_id)
    assert (trial.epoch, trial.kept_epoch, trial.f1, trial.seconds) == (2, 1, 0.75, 3.0)
    assert (trial.training_loss, trial.validation_loss) == (1.0, 2.0)
    assert (trial.precision, trial.recall) == (0.25, 0.75)
    assert epochs_of(store, claim.trial_id) == [an_epoch(1, 0.75), an_epoch(2, 0.25)]


def test_epoch_that_is_trained_again_after_a_crash_replaces_its_row(
    store: Store, run: Run, worker: int
) -> None:
    claim = claim_next(store, worker)
    record_epoch(store, claim, an_epoch(1, 0.25), is_kept=True, seconds=1.0)
    scheduling.crash(store, claim.trial_id, claim.owner, "killed")
    again = claim_next(store, worker)
    assert again.trial_id == claim.trial_id
    record_epoch(store, again, an_epoch(1, 0.5), is_kept=True, seconds=1.0)
    assert epochs_of(store, claim.trial_id) == [an_epoch(1, 0.5)]


Write = Callable[[Store, Claim], object]


def in_transaction(write: Write) -> Write:
    def wrapped(store: Store, claim: Claim) -> None:
        with store.write():
            write(store, claim)

    return wrapped


WRITES: dict[str, Write] = {
    "record_progress": progress,
    "record_epoch": lambda store, claim: record_epoch(
        store, claim, an_epoch(1), is_kept=True, seconds=1.0
    ),
    "record_epoch_not_kept": lambda store, claim: record_epoch(
        store, claim, an_epoch(1), is_kept=False, seconds=1.0
    ),
    "finish_trial": in_transaction(lambda store, claim: finish_trial(store, claim, a_model())),
    "fail_trial": in_transaction(lambda store, claim: fail_trial(store, claim, "diverged")),
    "release_trial": in_transaction(lambda store, claim: release_trial(store, claim, "ready")),
    "scheduling.finish": lambda store, claim: scheduling.finish(store, claim, a_model()),
    "scheduling.fail": lambda store, claim: scheduling.fail(store, claim, "diverged"),
    "scheduling.release": scheduling.release,
}


def refused(store: Store, claim: Claim, write: Write) -> None:
    before = contents(store)
    with pytest.raises(LostClaimError, match=f"trial {claim.trial_id} is no longer held"):
        write(store, claim)
    assert contents(store) == before
    assert not holds(store, claim)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_write_of_a_claim_that_stands_is_accepted(
    store: Store, run: Run, worker: int, write: Write
) -> None:
    claim = claim_next(store, worker)
    before = contents(store)
    write(store, claim)
    assert contents(store) != before


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_late_write_after_a_crash_touches_nothing(
    store: Store, run: Run, worker: int, write: Write
) -> None:
    claim = claim_next(store, worker)
    scheduling.crash(store, claim.trial_id, claim.owner, "silent for 61 s")
    refused(store, claim, write)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_late_write_of_a_fenced_worker_touches_nothing(
    store: Store, run: Run, worker: int, write: Write
) -> None:
    claim = claim_next(store, worker)
    scheduling.crash(store, claim.trial_id, claim.owner, "silent for 61 s")
    other = claim_next(store, start_worker(store))
    assert other.trial_id == claim.trial_id
    refused(store, claim, write)
    assert holds(store, other)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_late_write_touches_nothing_though_the_same_worker_has_claimed_again(
    store: Store, run: Run, worker: int, write: Write
) -> None:
    claim = claim_next(store, worker)
    scheduling.crash(store, claim.trial_id, claim.owner, "silent for 61 s")
    again = claim_next(store, worker)
    assert (again.trial_id, again.owner, again.number) == (claim.trial_id, worker, 2)
    refused(store, claim, write)
    assert holds(store, again)


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_write_in_the_name_of_another_worker_touches_nothing(
    store: Store, run: Run, worker: int, write: Write
) -> None:
    claim = claim_next(store, worker)
    refused(store, replace(claim, owner=start_worker(store)), write)
    assert holds(store, claim)


def test_trial_that_is_gone_is_a_lost_claim(store: Store) -> None:
    with pytest.raises(LostClaimError, match="99"):
        trial_with_id(store, 99)
