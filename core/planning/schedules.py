"""Simulate the schedule of a run's trials.

Slots are workers that run one trial at a time. A forest is a sequence of `CategoryWork` in training
order, parents before their children. All times are in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True)
class CategoryWork:
    """The trials of one category. `parent` is its parent's place in the forest, None at the top.

    `rounds` are the seconds of the trials by class weight, for each round of the search: a round
    begins when all trials of the one before have ended, the first when the parent is done.
    """

    parent: int | None
    rounds: tuple[tuple[float, ...], ...]

    def __post_init__(self) -> None:
        if not self.rounds or not all(self.rounds):
            raise ValueError("a category needs a round, and each round a trial")


Forest = Sequence[CategoryWork]


def with_overhead(forest: Forest, seconds: float) -> list[CategoryWork]:
    """The same with `seconds` more for every claim of a trial, each of which holds its slot.

    A trial that goes on to the next round of its search is claimed again.
    """
    return [
        replace(work, rounds=tuple(tuple(s + seconds for s in trials) for trials in work.rounds))
        for work in forest
    ]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a simulation found.

    `busy` is the share of the slots' time in which a trial holds them. `chain` are the places of
    the category that ended last and of its ancestors, from the top; `claims` are the trials in the
    order of their claims, as (place of the category, place of the class weight).
    """

    makespan: float
    busy: float
    chain: tuple[int, ...]
    claims: tuple[tuple[int, int], ...]


def simulate(forest: Forest, slots: int, overhead: float = 0.0) -> Schedule:
    """Run the trials in simulated time, in the order of `db.trials.claim_trial`.

    A free slot takes the ready trial with the most levels below its category, then of the first
    category in training order, then with the smallest class weight. `overhead` are seconds more
    for each claim.
    """
    run = _Simulation(with_overhead(forest, overhead) if overhead else forest)
    now, held, last = 0.0, 0.0, None
    while True:
        held += run.claim(now, slots)
        if not run.running:
            break
        now, last = run.end_next()
    busy = held / (slots * now) if now else 0.0
    return Schedule(now, busy, _chain(forest, last), tuple(run.claims))


class _Simulation:
    """The state of a run: which trials are ready, which are running, what each category lacks."""

    def __init__(self, forest: Forest) -> None:
        self.running: list[tuple[float, int, int]] = []
        self.claims: list[tuple[int, int]] = []
        self._forest = forest
        self._children = _children(forest)
        self._heights = _heights(forest)
        self._ready: list[tuple[int, int, int]] = []
        self._round = [0] * len(forest)
        self._unfinished = [0] * len(forest)
        for place, work in enumerate(forest):
            if work.parent is None:
                self._begin_round(place)

    def claim(self, now: float, slots: int) -> float:
        """Let free slots claim what is ready; return the seconds of what they have claimed."""
        held = 0.0
        while self._ready and len(self.running) < slots:
            _, place, weight = heappop(self._ready)
            seconds = self._forest[place].rounds[self._round[place]][weight]
            heappush(self.running, (now + seconds, len(self.claims), place))
            self.claims.append((place, weight))
            held += seconds
        return held

    def end_next(self) -> tuple[float, int]:
        """End all trials that end next; return when, and the category of the last of them."""
        now = self.running[0][0]
        place = -1
        while self.running and self.running[0][0] == now:
            _, _, place = heappop(self.running)
            self._end(place)
        return now, place

    def _begin_round(self, place: int) -> None:
        trials = self._forest[place].rounds[self._round[place]]
        self._unfinished[place] = len(trials)
        for weight in range(len(trials)):
            heappush(self._ready, (-self._heights[place], place, weight))

    def _end(self, place: int) -> None:
        self._unfinished[place] -= 1
        if self._unfinished[place]:
            return
        self._round[place] += 1
        if self._round[place] < len(self._forest[place].rounds):
            self._begin_round(place)
        else:
            for child in self._children[place]:
                self._begin_round(child)


def _children(forest: Forest) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in forest]
    for place, work in enumerate(forest):
        if work.parent is not None:
            if not 0 <= work.parent < place:
                raise ValueError(f"the parent of category {place} does not stand before it")
            children[work.parent].append(place)
    return children


def _heights(forest: Forest) -> list[int]:
    """Levels below each category."""
    heights = [0] * len(forest)
    for place in reversed(range(len(forest))):
        parent = forest[place].parent
        if parent is not None:
            heights[parent] = max(heights[parent], heights[place] + 1)
    return heights


def _chain(forest: Forest, place: int | None) -> tuple[int, ...]:
    chain: list[int] = []
    while place is not None:
        chain.append(place)
        place = forest[place].parent
    return tuple(reversed(chain))
