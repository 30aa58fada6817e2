"""Bounds on the makespan of any schedule of a run's trials. All times are in seconds."""

from __future__ import annotations

import math

from core.planning.schedules import Forest


def total_work(forest: Forest) -> float:
    """Seconds of all trials: what one slot takes."""
    return math.fsum(s for work in forest for trials in work.rounds for s in trials)


def critical_path(forest: Forest) -> float:
    """Seconds of the longest chain of trials from top to leaf: what any number of slots takes.

    A child waits for all trials of its parent, so a category counts with its longest trial, in a
    race with the longest of each round.
    """
    ends: list[float] = []
    for work in forest:
        end = 0.0 if work.parent is None else ends[work.parent]
        for trials in work.rounds:
            end += max(trials)
        ends.append(end)
    return max(ends, default=0.0)


def lower_bound(forest: Forest, slots: int) -> float:
    """Seconds that no schedule can beat: all the work shared evenly, or the critical path."""
    return max(total_work(forest) / slots, critical_path(forest))


def upper_bound(forest: Forest, slots: int) -> float:
    """Seconds that no schedule exceeds which leaves no slot idle while a trial is ready.

    Graham 1969, "Bounds on multiprocessing timing anomalies": whenever a slot idles, a trial of one
    chain is running, so the idle time of all slots is at most (slots - 1) times that chain.
    """
    return total_work(forest) / slots + (1 - 1 / slots) * critical_path(forest)


def knee(forest: Forest) -> float:
    """Slots at which the work of each is as long as the critical path: more help little."""
    longest = critical_path(forest)
    return total_work(forest) / longest if longest else 0.0
