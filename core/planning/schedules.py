"""Simulation of the schedule of a run's trials.

A slot is a worker that runs one trial at a time. A forest is a sequence of `CategoryWork` in
training order, parents before their children. All times are in seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush


@dataclass(frozen=True, slots=True)
class CategoryWork:
    """Trials of one category. `parent` is the parent's index in the forest, None at the top.

    `rounds` are the seconds of the trials by class weight, for each round of the search. A round
    begins when all trials of the previous round have ended, the first when the parent is done.
    The first `running` trials of the first round hold a slot from the start.
    """

    parent: int | None
    rounds: tuple[tuple[float, ...], ...]
    running: int = 0

    def __post_init__(self) -> None:
        if not self.rounds or not all(self.rounds):
            raise ValueError("a category needs a round, and each round a trial")


Forest = Sequence[CategoryWork]


def with_overhead(forest: Forest, seconds: float) -> list[CategoryWork]:
    """Add `seconds` to every claim of a trial. A trial is claimed once per round."""
    return [
        replace(work, rounds=tuple(tuple(s + seconds for s in trials) for trials in work.rounds))
        for work in forest
    ]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Result of a simulation.

    `busy` is the utilisation of the slots, between 0 and 1. `chain` are the indices of the category
    that ended last and of its ancestors, from the top. `claims` are the trials in claim order, as
    (category index, class weight index).
    """

    makespan: float
    busy: float
    chain: tuple[int, ...]
    claims: tuple[tuple[int, int], ...]


def simulate(forest: Forest, slots: int, overhead: float = 0.0) -> Schedule:
    """Simulate the trials in the claim order of `db.trials.claim_trial`.

    A free slot claims the ready trial whose category has the most levels below it. Ties go to the
    first category in training order, then to the smallest class weight.

    Args:
        forest: The categories.
        slots: Number of workers.
        overhead: Additional seconds per claim.
    """
    run = _Simulation(with_overhead(forest, overhead) if overhead else forest)
    now, last = 0.0, None
    while True:
        run.claim(now, slots)
        if not run.running:
            break
        now, last = run.end_next()
    busy = run.held / (slots * now) if now else 0.0
    return Schedule(now, busy, _chain(forest, last), tuple(run.claims))


class _Simulation:
    """State of a simulated run: ready trials, running trials, unfinished trials per category.

    `held` is the sum of the seconds of all claimed trials.
    """

    def __init__(self, forest: Forest) -> None:
        self.running: list[tuple[float, int, int]] = []
        self.held = 0.0
        self.claims: list[tuple[int, int]] = []
        self._forest = forest
        self._children = _children(forest)
        self._heights = _heights(forest)
        self._ready: list[tuple[int, int, int]] = []
        self._round = [0] * len(forest)
        self._unfinished = [0] * len(forest)
        for index, work in enumerate(forest):
            if work.parent is None:
                self._begin_round(index, work.running)

    def claim(self, now: float, slots: int) -> None:
        """Let free slots claim ready trials."""
        while self._ready and len(self.running) < slots:
            _, index, weight = heappop(self._ready)
            self._start(now, index, weight)

    def end_next(self) -> tuple[float, int]:
        """End the trials that end next; return the time and the category of the last of them."""
        now = self.running[0][0]
        index = -1
        while self.running and self.running[0][0] == now:
            _, _, index = heappop(self.running)
            self._end(index)
        return now, index

    def _start(self, now: float, index: int, weight: int) -> None:
        seconds = self._forest[index].rounds[self._round[index]][weight]
        heappush(self.running, (now + seconds, len(self.claims), index))
        self.claims.append((index, weight))
        self.held += seconds

    def _begin_round(self, index: int, running: int = 0) -> None:
        trials = len(self._forest[index].rounds[self._round[index]])
        self._unfinished[index] = trials
        for weight in range(running):
            self._start(0.0, index, weight)
        for weight in range(running, trials):
            heappush(self._ready, (-self._heights[index], index, weight))

    def _end(self, index: int) -> None:
        self._unfinished[index] -= 1
        if self._unfinished[index]:
            return
        self._round[index] += 1
        if self._round[index] < len(self._forest[index].rounds):
            self._begin_round(index)
        else:
            for child in self._children[index]:
                self._begin_round(child)


def _children(forest: Forest) -> list[list[int]]:
    children: list[list[int]] = [[] for _ in forest]
    for index, work in enumerate(forest):
        if work.parent is not None:
            if not 0 <= work.parent < index:
                raise ValueError(f"the parent of category {index} must come before it")
            children[work.parent].append(index)
    return children


def _heights(forest: Forest) -> list[int]:
    """Number of levels below each category."""
    heights = [0] * len(forest)
    for index in reversed(range(len(forest))):
        parent = forest[index].parent
        if parent is not None:
            heights[parent] = max(heights[parent], heights[index] + 1)
    return heights


def _chain(forest: Forest, index: int | None) -> tuple[int, ...]:
    chain: list[int] = []
    while index is not None:
        chain.append(index)
        index = forest[index].parent
    return tuple(reversed(chain))
