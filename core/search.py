"""The class-weight search of one category (Banerjee et al. 2019, section 4)."""

from __future__ import annotations

from collections.abc import Iterable
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
