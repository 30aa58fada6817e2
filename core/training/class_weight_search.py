"""Class-weight search of one category (Banerjee et al. 2019, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrialScore:
    """Validation F1 of a trial's best epoch."""

    trial_id: int
    class_weight: float
    f1: float


def best_trial(scores: Iterable[TrialScore]) -> TrialScore | None:
    """Select the trial with the best validation F1; ties go to the smaller class weight."""
    return min(scores, key=lambda score: (-score.f1, score.class_weight), default=None)


RUNGS = (4, 6)
"""Rungs of successive halving: epochs after which racing class weights are compared."""


def rungs_above(passed: int) -> tuple[int, ...]:
    """Rungs after the rung `passed` (0 before the first)."""
    return tuple(rung for rung in RUNGS if rung > passed)


def next_rung(passed: int) -> int | None:
    """Next rung after the rung `passed` (0 before the first); None after the last rung.

    A trial waits at a rung until all racing trials of the category have reached it.
    """
    return next(iter(rungs_above(passed)), None)


def to_prune(scores: Sequence[TrialScore]) -> list[TrialScore]:
    """Select the trials to prune at a rung: the worse half, except ties with a surviving trial.

    Successive halving (Jamieson and Talwalkar 2016) by the best validation F1 so far.
    """
    survivors = (len(scores) + 1) // 2
    if survivors == len(scores):
        return []
    threshold = sorted((score.f1 for score in scores), reverse=True)[survivors - 1]
    return [score for score in scores if score.f1 < threshold]
