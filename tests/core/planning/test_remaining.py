"""Rounds of unfinished searches, the pace of a run, and the expected epochs of its trials."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.planning.remaining import (
    TrialProgress,
    UnfinishedCategory,
    calibrated_pace,
    mean_epochs,
    remaining_seconds,
)
from core.planning.schedules import CategoryWork
from core.training.class_weight_search import rungs_above


def rounds(category: UnfinishedCategory, epochs: float) -> list[tuple[float, ...]]:
    return list(category.work(epochs, 1.0).rounds)


@pytest.mark.parametrize(
    ("trials", "epochs", "expected"),
    [
        (7, 10, [(7, 4), (4, 2), (2, 4)]),
        (3, 10, [(3, 4), (2, 2), (1, 4)]),
        (1, 7, [(1, 4), (1, 2), (1, 1)]),
        (7, 5, [(7, 4), (4, 1)]),
        (7, 4, [(7, 4)]),
        (7, 2, [(7, 2)]),
    ],
)
def test_a_race_has_a_round_for_each_rung_that_is_reached(
    trials: int, epochs: int, expected: list[tuple[int, int]]
) -> None:
    racing = UnfinishedCategory(None, 1.0, epochs, epochs, trials, rungs=rungs_above(0))
    assert rounds(racing, epochs) == [(float(each),) * number for number, each in expected]
    full = UnfinishedCategory(None, 1.0, epochs, epochs, trials)
    assert rounds(full, epochs) == [(float(epochs),) * trials]


def test_expected_epochs_are_clipped_to_the_limits() -> None:
    category = UnfinishedCategory(
        None, 1.0, 4, 10, 1, (TrialProgress(2.5, best_epoch=2), TrialProgress(7.0, best_epoch=7))
    )
    assert rounds(category, 0.0) == [(5.0 - 2.5, 10.0 - 7.0, 4.0)]
    assert rounds(category, 6.0) == [(6.0 - 2.5, 10.0 - 7.0, 6.0)]
    assert rounds(category, 99.0) == [(10.0 - 2.5, 10.0 - 7.0, 10.0)]


def test_a_race_goes_on_at_the_rung_that_it_has_passed() -> None:
    begun = (TrialProgress(4.0), TrialProgress(4.5))
    category = UnfinishedCategory(None, 2.0, 4, 10, 0, begun, rungs_above(4), compared=2)
    assert rounds(category, 10.0) == [(4.0, 3.0), (8.0, 8.0)]


def test_running_trials_hold_their_slots_from_the_start() -> None:
    begun = (TrialProgress(0.0), TrialProgress(1.0, is_running=True))
    category = UnfinishedCategory(None, 1.0, 2, 2, 1, begun)
    assert category.work(2.0, 1.0) == CategoryWork(None, ((1.0, 2.0, 2.0),), 1)
    urgent = [UnfinishedCategory(None, 1.0, 9, 9, 1), UnfinishedCategory(0, 1.0, 1, 1, 1)]
    assert remaining_seconds([*urgent, category], 1, 1.0, 9.0) == 15.0
    assert remaining_seconds([*urgent, category], 2, 1.0, 9.0) == 10.0


def test_a_trial_that_should_have_ended_takes_no_time() -> None:
    category = UnfinishedCategory(None, 1.0, 4, 10, 0, (TrialProgress(7.0, best_epoch=2),))
    assert remaining_seconds([category], 1, 1.0, 5.0) == 0.0


def test_pace_goes_from_the_earlier_one_to_the_measured_one() -> None:
    categories = [UnfinishedCategory(None, cost, 1, 1, 1) for cost in (1.0, 3.0)]
    assert calibrated_pace(2.0, 0.0, 0.0, categories) == 2.0
    assert calibrated_pace(2.0, 12.0, 2.0, categories) == (2.0 * 2.0 + 12.0) / (2.0 + 2.0)
    assert calibrated_pace(2.0, 6e6, 1e6, categories) == pytest.approx(6.0, rel=1e-4)
    assert calibrated_pace(2.0, 0.0, 0.0, []) == 2.0


@given(st.integers(1, 50), st.lists(st.integers(1, 50), max_size=50))
def test_expected_epochs_lie_between_the_mean_and_the_maximum(most: int, epochs: list[int]) -> None:
    trained = [min(each, most) for each in epochs]
    expected = mean_epochs(most, len(trained), sum(trained))
    assert expected <= most + 1e-9
    assert not trained or expected >= sum(trained) / len(trained) - 1e-9
