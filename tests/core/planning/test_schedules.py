"""Bounds on schedules, their simulation, and whether a real database claims in the same order."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from schedule_bounds import critical_path, knee, lower_bound, total_work, upper_bound

from core.engine.trials import scheduling
from core.planning.remaining import UnfinishedCategory
from core.planning.schedules import CategoryWork, Schedule, simulate, with_overhead
from core.training.class_weight_search import rungs_above
from db.connection import Store
from db.runs import Run
from db.trials import Claim, claim_trial, record_epoch, trial_with_id
from tests.support.builders import (
    an_epoch,
    category_of,
    finish_with,
    record_corpus,
    record_run,
    run_state,
    start_worker,
    taxonomy,
)

pytestmark = pytest.mark.slow


def full(parent: int | None, *seconds: float) -> CategoryWork:
    """A category whose class weights are all trained to their end."""
    return CategoryWork(parent, (seconds,))


PAIR = [full(None, 3.0, 5.0), full(0, 2.0, 2.0)]
"""A top-level category with one child, two class weights each."""
TWO_TREES = [full(None, 4.0), full(0, 1.0), full(0, 2.0), full(None, 6.0)]
"""A tree of height 1 and a category alone."""
RACE = [CategoryWork(None, ((2.0, 2.0, 2.0), (1.0, 1.0), (4.0,))), full(0, 1.0)]


@st.composite
def forests(draw: st.DrawFn) -> list[CategoryWork]:
    """Forests whose seconds are whole numbers, so that sums are exact."""
    seconds = st.integers(0, 50).map(float)
    trials = st.lists(seconds, min_size=1, max_size=3).map(tuple)
    searched = st.lists(trials, min_size=1, max_size=2).map(tuple)
    return [
        CategoryWork(draw(st.none() | st.integers(0, place - 1)) if place else None, draw(searched))
        for place in range(draw(st.integers(1, 12)))
    ]


@pytest.mark.parametrize(
    ("forest", "work", "path"),
    [([], 0.0, 0.0), (PAIR, 12.0, 7.0), (TWO_TREES, 13.0, 6.0), (RACE, 13.0, 8.0)],
)
def test_work_and_critical_path_by_hand(
    forest: list[CategoryWork], work: float, path: float
) -> None:
    assert (total_work(forest), critical_path(forest)) == (work, path)
    assert knee(forest) == (work / path if path else 0.0)


def test_bounds_by_hand() -> None:
    assert [lower_bound(PAIR, slots) for slots in (1, 2, 3)] == [12.0, 7.0, 7.0]
    assert [upper_bound(PAIR, slots) for slots in (1, 2)] == [12.0, 6.0 + 3.5]


@pytest.mark.parametrize(
    ("forest", "slots", "makespan", "chain"),
    [
        (PAIR, 1, 12.0, (0, 1)),
        (PAIR, 2, 7.0, (0, 1)),
        # The tree comes first. Then its second child waits until 5, when its first one has ended.
        (TWO_TREES, 1, 13.0, (3,)),
        (TWO_TREES, 2, 7.0, (0, 2)),
        # Both trees end at 6; what was claimed last counts.
        (TWO_TREES, 3, 6.0, (0, 2)),
        # 2 and 2 together, 2 alone; 1 and 1; 4; the child.
        (RACE, 2, 4.0 + 1.0 + 4.0 + 1.0, (0, 1)),
        (RACE, 3, 2.0 + 1.0 + 4.0 + 1.0, (0, 1)),
    ],
)
def test_simulation_by_hand(
    forest: list[CategoryWork], slots: int, makespan: float, chain: tuple[int, ...]
) -> None:
    found = simulate(forest, slots)
    assert (found.makespan, found.chain) == (makespan, chain)
    assert found.busy == total_work(forest) / (slots * makespan)


def test_ready_trials_are_claimed_by_height_then_taxonomy_then_weight() -> None:
    forest = [full(None, 1.0), full(None, 1.0, 1.0), full(1, 1.0), full(None, 1.0), full(3, 1.0)]
    assert simulate(forest, 1).claims == ((1, 0), (1, 1), (3, 0), (0, 0), (2, 0), (4, 0))


def test_overhead_is_added_for_every_claim() -> None:
    assert simulate(PAIR, 2, overhead=0.5).makespan == 7.0 + 2 * 0.5
    assert simulate(RACE, 1, overhead=0.5).makespan == 13.0 + 7 * 0.5
    assert simulate(PAIR, 2, overhead=0.5) == simulate(with_overhead(PAIR, 0.5), 2)


def test_nothing_to_do_takes_no_time() -> None:
    assert simulate([], 3) == Schedule(0.0, 0.0, (), ())


@pytest.mark.parametrize("searched", [(), ((),), ((1.0,), ())])
def test_a_category_without_trials_is_refused(searched: tuple[tuple[float, ...], ...]) -> None:
    with pytest.raises(ValueError, match="needs a round"):
        CategoryWork(None, searched)


@pytest.mark.parametrize("parent", [-1, 0, 1])
def test_a_parent_stands_before_its_children(parent: int) -> None:
    with pytest.raises(ValueError, match="must come before"):
        simulate([full(parent, 1.0), full(None, 1.0)], 1)


@given(forests(), st.integers(1, 16))
def test_a_simulation_is_between_the_bounds(forest: list[CategoryWork], slots: int) -> None:
    found = simulate(forest, slots)
    assert lower_bound(forest, slots) * (1 - 1e-12) <= found.makespan
    assert found.makespan <= upper_bound(forest, slots) * (1 + 1e-12)
    assert 0 <= found.busy <= 1 + 1e-12


@given(forests(), st.integers(1, 16))
def test_every_trial_is_claimed_once_in_each_round(forest: list[CategoryWork], slots: int) -> None:
    expected = sorted(
        (place, weight)
        for place, work in enumerate(forest)
        for trials in work.rounds
        for weight in range(len(trials))
    )
    found = simulate(forest, slots)
    assert sorted(found.claims) == expected
    first = {place: i for i, (place, _) in reversed(list(enumerate(found.claims)))}
    last = {place: i for i, (place, _) in enumerate(found.claims)}
    assert all(
        last[work.parent] < first[place]
        for place, work in enumerate(forest)
        if work.parent is not None
    )


@given(forests())
def test_one_slot_takes_all_the_work(forest: list[CategoryWork]) -> None:
    assert simulate(forest, 1).makespan == total_work(forest)


@given(forests())
def test_enough_slots_take_the_critical_path(forest: list[CategoryWork]) -> None:
    assert simulate(forest, 3 * len(forest)).makespan == critical_path(forest)


@given(forests(), st.integers(0, 9), st.integers(0, 9))
def test_overhead_makes_one_slot_no_faster(
    forest: list[CategoryWork], overhead: int, more: int
) -> None:
    some = simulate(forest, 1, overhead).makespan
    assert some <= simulate(forest, 1, overhead + more).makespan
    claims = sum(len(trials) for work in forest for trials in work.rounds)
    assert some == total_work(forest) + overhead * claims


@given(forests(), st.integers(1, 9))
def test_who_ended_last_stands_at_the_end_of_a_chain_of_parents(
    forest: list[CategoryWork], slots: int
) -> None:
    chain = simulate(forest, slots).chain
    assert [forest[place].parent for place in chain] == [None, *chain[:-1]]
    assert all(work.parent != chain[-1] for work in forest)


FOREST: dict[str, str | None] = {
    "alone": None,
    "short": None,
    "short1": "short",
    "tall": None,
    "tall1": "tall",
    "tall2": "tall1",
    "tall3": "tall1",
    "late": None,
    "late1": "late",
}
KEYS = [category.id for category in taxonomy(FOREST)]
WEIGHTS = (1.0, 2.0, 5.0)


def recorded(store: Store) -> Run:
    """A run of `FOREST` in the database, all of whose categories have positives."""
    leaves = [key for key in FOREST if key not in FOREST.values()]
    corpus = record_corpus(
        store, parents=FOREST, documents=[("train", leaf) for leaf in leaves for _ in range(2)]
    )
    return record_run(store, corpus, keys=FOREST, weights=WEIGHTS)


def uneven(epochs: int, *, racing: bool) -> list[CategoryWork]:
    """Work for `FOREST` in which every trial takes another time."""
    parents = [FOREST[key] for key in KEYS]
    rungs = rungs_above(0) if racing else ()
    search = UnfinishedCategory(None, 1.0, epochs, epochs, len(WEIGHTS), rungs=rungs)
    return [
        CategoryWork(
            None if parent is None else KEYS.index(parent),
            tuple(
                tuple(
                    each * (5 + (7 * place + 3 * weight) % 11) for weight, each in enumerate(trials)
                )
                for trials in search.work(epochs, 1.0).rounds
            ),
        )
        for place, parent in enumerate(parents)
    ]


class VirtualWorkers:
    """Workers that claim from a database and end their trials in simulated time."""

    def __init__(self, store: Store, run: Run, forest: Sequence[CategoryWork], slots: int) -> None:
        self.claims: list[tuple[int, int]] = []
        self.now = 0.0
        self._store = store
        self._forest = forest
        self._places = {category_of(store, run, key).id: i for i, key in enumerate(KEYS)}
        self._idle = [start_worker(store, 4242 + slot) for slot in range(slots)]
        self._running: list[tuple[float, int, int, int, Claim]] = []
        self._passed: dict[int, int] = {}

    def work(self) -> None:
        """Claim and end trials until there are none."""
        self._claim()
        while self._running:
            self.now = self._running[0][0]
            while self._running and self._running[0][0] == self.now:
                self._end(*heapq.heappop(self._running)[2:])
            self._claim()

    def _claim(self) -> None:
        while self._idle and (claim := claim_trial(self._store, self._idle[0])) is not None:
            worker = self._idle.pop(0)
            place = self._places[claim.run_category_id]
            weight = WEIGHTS.index(claim.class_weight)
            passed = self._passed.get(claim.trial_id, 0)
            end = self.now + self._forest[place].rounds[passed][weight]
            heapq.heappush(self._running, (end, len(self.claims), worker, place, claim))
            self.claims.append((place, weight))

    def _end(self, worker: int, place: int, claim: Claim) -> None:
        passed = self._passed.get(claim.trial_id, 0) + 1
        self._passed[claim.trial_id] = passed
        # Smaller weights win the race, as `CategoryWork` numbers those that go on.
        f1 = 0.9 - claim.class_weight / 10
        if passed == len(self._forest[place].rounds):
            finish_with(self._store, claim, f1)
        else:
            record_epoch(self._store, claim, an_epoch(passed, f1), is_kept=True, seconds=1.0)
            scheduling.wait_at_rung(self._store, claim)
            assert trial_with_id(self._store, claim.trial_id).state in (
                *("resting", "ready", "dropped"),
            )
        self._idle.append(worker)


@pytest.mark.parametrize("racing", [False, True])
@pytest.mark.parametrize("slots", [1, 2, 3, 5, 40])
def test_a_real_database_is_worked_off_in_the_same_order_and_time(
    store: Store, slots: int, racing: bool
) -> None:
    run = recorded(store)
    forest = uneven(10, racing=racing)
    workers = VirtualWorkers(store, run, forest, slots)
    workers.work()
    assert run_state(store, run) == "done"
    found = simulate(forest, slots)
    assert workers.claims == list(found.claims)
    assert workers.now == found.makespan
