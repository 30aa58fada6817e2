"""The class-weight search of one category (Banerjee et al. 2019, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TrialScore:
    """The kept epoch's validation F1 of one class weight; `trial_id` tells which trial."""

    trial_id: int
    class_weight: float
    f1: float


def best_trial(scores: Iterable[TrialScore]) -> TrialScore | None:
    """The trial with the best validation F1, ties to the smaller class weight; None of none."""
    return min(scores, key=lambda score: (-score.f1, score.class_weight), default=None)


RUNGS = (4, 6)
"""Epochs after which a racing search compares its class weights."""


def next_rung(passed: int) -> int | None:
    """The epoch at which a trial rests until the others have come as far; None after the last.

    `passed` is the last rung at which it was let go on, 0 before the first.
    """
    return next((rung for rung in RUNGS if rung > passed), None)


def rounds(trials: int, epochs: int, *, racing: bool) -> list[tuple[int, int]]:
    """(trials, epochs of each) in the rounds of a search in which no trial stops early.

    A round begins when all trials of the one before have ended; a full search has one.
    """
    if not racing:
        return [(trials, epochs)]
    found, done, left = [], 0, trials
    for rung in (*(r for r in RUNGS if r < epochs), epochs):
        found.append((left, rung - done))
        done, left = rung, (left + 1) // 2
    return found


def trailing(scores: Sequence[TrialScore]) -> list[TrialScore]:
    """Those that drop out of a race: the worse half, but none that equals one that stays.

    Successive halving (Jamieson and Talwalkar 2016) by the best validation F1 so far.
    """
    staying = (len(scores) + 1) // 2
    if staying == len(scores):
        return []
    least = sorted((score.f1 for score in scores), reverse=True)[staying - 1]
    return [score for score in scores if score.f1 < least]
