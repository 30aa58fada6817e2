"""The class weight that is kept, and those that drop out of a race."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.training.class_weight_search import (
    RUNGS,
    TrialScore,
    best_trial,
    next_rung,
    rungs_above,
    to_prune,
)


def test_best_validation_f1_wins() -> None:
    scores = [TrialScore(1, 1.0, 0.4), TrialScore(2, 5.0, 0.7), TrialScore(3, 2.0, 0.6)]
    for order in permutations(scores):
        assert best_trial(order) == TrialScore(2, 5.0, 0.7)


def test_tie_goes_to_the_smaller_class_weight_in_any_order() -> None:
    scores = [TrialScore(1, 10.0, 0.7), TrialScore(2, 3.0, 0.7), TrialScore(3, 1.0, 0.6)]
    for order in permutations(scores):
        assert best_trial(order) == TrialScore(2, 3.0, 0.7)


def test_search_where_nothing_was_learned_keeps_the_smallest_weight() -> None:
    scores = [TrialScore(i, weight, 0.0) for i, weight in enumerate((50.0, 1.0, 30.0))]
    kept = best_trial(scores)
    assert kept is not None
    assert kept.class_weight == 1.0


def test_no_trial_is_no_best_trial() -> None:
    assert best_trial([]) is None


def test_scores_may_be_streamed() -> None:
    assert best_trial(TrialScore(i, 1.0 + i, i / 10) for i in range(3)) == TrialScore(2, 3.0, 0.2)


def dropped(*f1: float) -> list[int]:
    """Which of these values of F1 drop out, by their places."""
    return [s.trial_id for s in to_prune([TrialScore(i, 1.0 + i, f) for i, f in enumerate(f1)])]


@pytest.mark.parametrize(("passed", "rung"), [(0, 4), (3, 4), (4, 6), (5, 6), (6, None), (7, None)])
def test_trials_rest_after_epochs_four_and_six(passed: int, rung: int | None) -> None:
    assert next_rung(passed) == rung
    assert rungs_above(passed) == tuple(r for r in RUNGS if r >= (rung or 7))
    assert RUNGS == (4, 6)


@pytest.mark.parametrize(
    ("f1", "out"),
    [
        ((), []),
        ((0.5,), []),
        ((0.5, 0.6), [0]),
        ((0.6, 0.5, 0.4), [2]),
        ((0.1, 0.4, 0.3, 0.2), [0, 3]),
        ((0.7, 0.1, 0.6, 0.2, 0.5, 0.3, 0.4), [1, 3, 5]),
    ],
)
def test_the_worse_half_drops_out(f1: tuple[float, ...], out: list[int]) -> None:
    assert dropped(*f1) == out


@pytest.mark.parametrize(
    ("f1", "out"),
    [
        ((0.0, 0.0, 0.0, 0.0), []),
        ((0.5, 0.5), []),
        ((0.3, 0.5, 0.3, 0.2), [3]),
        ((0.3, 0.3, 0.3, 0.5), []),
        ((0.0, 0.9, 0.0, 0.0, 0.8, 0.0, 0.0), []),
        ((0.0, 0.9, 0.1, 0.0, 0.8, 0.7, 0.0), [0, 3, 6]),
    ],
)
def test_none_drops_out_that_equals_one_that_stays(f1: tuple[float, ...], out: list[int]) -> None:
    assert dropped(*f1) == out


@given(st.lists(st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]), max_size=9))
def test_at_least_half_stay_and_all_of_them_are_better_than_who_drops_out(f1: list[float]) -> None:
    out = dropped(*f1)
    staying = [f for i, f in enumerate(f1) if i not in out]
    assert 2 * len(staying) >= len(f1)
    assert all(f1[i] < min(staying) for i in out)
    worst = min(staying, default=0.0)
    assert 2 * sum(f > worst for f in staying) <= len(f1), "one more could have dropped out"
