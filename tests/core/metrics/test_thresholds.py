"""Thresholds against a search through every way of cutting a ranking."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.metrics.thresholds import MIN_F1, Threshold, best_threshold, cautious_threshold

Ranking = tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32]]

coarse = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0])
"""Few values, so that many are equal."""
fine = st.floats(0.0, 1.0, width=32)
neighbours = st.integers(0, 6).map(
    lambda steps: float(np.float32(0.3) + np.float32(steps) * np.spacing(np.float32(0.3)))
)
"""Float32 numbers next to each other."""
scores_of = st.one_of(
    *(st.lists(st.tuples(st.booleans(), one), min_size=1, max_size=25) for one in (coarse, fine)),
    st.lists(st.tuples(st.booleans(), neighbours), min_size=1, max_size=25),
)


def ranking(documents: list[tuple[bool, float]]) -> Ranking:
    targets, scores = zip(*documents, strict=True)
    return np.array(targets, dtype=np.bool_), np.array(scores, dtype=np.float32)


def f1_from(
    targets: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating], least: float
) -> float:
    accepted = scores >= np.float64(least)
    hits = int((accepted & targets).sum())
    return 2 * hits / int(accepted.sum() + targets.sum())


def by_brute_force(targets: npt.NDArray[np.bool_], scores: npt.NDArray[np.float32]) -> float:
    return max(f1_from(targets, scores, float(score)) for score in scores)


@given(scores_of, st.sampled_from([0.5, 0.3, 0.9]))
def test_no_threshold_is_better(documents: list[tuple[bool, float]], usual: float) -> None:
    targets, scores = ranking(documents)
    found = best_threshold(targets, scores, usual)
    if targets.any():
        assert found.f1 == by_brute_force(targets, scores)
    else:
        assert found == Threshold(usual, 0.0)


@given(scores_of, st.sampled_from([0.5, 0.3, 0.9]))
def test_a_threshold_decides_as_it_promises(
    documents: list[tuple[bool, float]], usual: float
) -> None:
    targets, scores = ranking(documents)
    for search in (best_threshold, cautious_threshold):
        found = search(targets, scores, usual)
        if targets.any():
            assert f1_from(targets, scores, found.value) == found.f1


@given(scores_of, st.sampled_from([0.5, 0.3, 0.9]))
def test_the_usual_threshold_stays_wherever_it_is_as_good(
    documents: list[tuple[bool, float]], usual: float
) -> None:
    targets, scores = ranking(documents)
    accepts_some = bool((scores >= np.float64(usual)).any())
    best = f1_from(targets, scores, usual) if accepts_some and targets.any() else 0.0
    if best and best == by_brute_force(targets, scores):
        assert best_threshold(targets, scores, usual).value == usual


def test_the_threshold_lies_halfway_between_neighbouring_scores() -> None:
    targets, scores = ranking([(False, 0.125), (True, 0.25), (True, 0.375)])
    assert best_threshold(targets, scores, 0.5) == Threshold(0.1875, 1.0)
    targets, scores = ranking([(False, 0.75), (True, 1.0)])
    assert best_threshold(targets, scores, 0.5) == Threshold(0.875, 1.0)


def test_ties_go_to_the_threshold_nearest_the_usual_one() -> None:
    # From 0.875 on 1 of 2 found, F1 2/3; from 0.25 on 2 of 4 accepted right, F1 2/3.
    documents = [(True, 0.875), (False, 0.75), (False, 0.625), (True, 0.25), (False, 0.125)]
    targets, scores = ranking(documents)
    assert best_threshold(targets, scores, 0.5) == Threshold(0.8125, 2 / 3)
    assert best_threshold(targets, scores, 0.4) == Threshold(0.1875, 2 / 3)
    assert best_threshold(targets, scores, 0.2) == Threshold(0.2, 2 / 3)


def test_a_score_on_the_usual_threshold_counts_as_accepted() -> None:
    targets, scores = ranking([(True, 0.75), (False, 0.5)])
    assert best_threshold(targets, scores, 0.5) == Threshold(0.625, 1.0)
    targets, scores = ranking([(True, 0.5), (False, 0.25)])
    assert best_threshold(targets, scores, 0.5) == Threshold(0.5, 1.0)


def test_equal_scores_are_never_parted() -> None:
    targets, scores = ranking([(True, 0.75), (False, 0.75), (True, 0.75), (False, 0.25)])
    assert best_threshold(targets, scores, 0.5) == Threshold(0.5, 0.8)


def test_below_all_scores_everything_is_accepted() -> None:
    targets, scores = ranking([(True, 0.25), (True, 0.125)])
    found = best_threshold(targets, scores, 0.5)
    assert found.f1 == 1.0
    assert found.value < 0.125
    targets, scores = ranking([(True, 0.25), (False, 0.25)])
    found = best_threshold(targets, scores, 0.5)
    assert found.f1 == pytest.approx(2 / 3)
    assert found.value < 0.25


def test_with_positives_only_the_usual_threshold_stays_if_it_takes_all() -> None:
    targets, scores = ranking([(True, 0.75), (True, 0.625)])
    assert best_threshold(targets, scores, 0.5) == Threshold(0.5, 1.0)


def test_without_a_positive_the_usual_threshold_stays() -> None:
    targets, scores = ranking([(False, 0.75), (False, 0.25)])
    assert best_threshold(targets, scores, 0.5) == Threshold(0.5, 0.0)
    nothing = np.zeros(0, dtype=np.bool_), np.zeros(0, dtype=np.float32)
    assert best_threshold(*nothing, 0.5) == Threshold(0.5, 0.0)
    assert cautious_threshold(*nothing, 0.5) == Threshold(0.5, 0.0)


def test_neighbouring_numbers_are_told_apart() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    targets = np.array([True, False])
    found = best_threshold(targets, np.array([high, low]), 0.5)
    assert found.f1 == 1.0
    assert low < found.value <= high


def rare(positive: int, documents: int = 100) -> Ranking:
    """One positive, that many places from the highest score."""
    scores = np.linspace(0.9, 0.1, documents).astype(np.float32)
    targets = np.zeros(documents, dtype=np.bool_)
    targets[positive] = True
    return targets, scores


def test_a_threshold_that_is_no_good_gives_way_to_the_highest_score() -> None:
    targets, scores = rare(19)  # F1 2 / (20 + 1)
    assert best_threshold(targets, scores, 0.5).f1 < MIN_F1
    assert cautious_threshold(targets, scores, 0.5) == Threshold(float(scores[0]), 0.0)


def test_a_threshold_that_is_barely_good_enough_stays() -> None:
    targets, scores = rare(18)  # F1 2 / (19 + 1) = 0.1
    found = cautious_threshold(targets, scores, 0.5)
    assert found == best_threshold(targets, scores, 0.5)
    assert found.f1 == pytest.approx(0.1)


def test_the_f1_of_the_highest_score_counts_all_that_share_it() -> None:
    targets, scores = rare(30)
    scores[:31] = scores[0]  # 31 share the highest score, one of them is right
    found = cautious_threshold(targets, scores, 0.5)
    assert found == Threshold(float(scores[0]), 2 / 32)


def test_without_a_positive_cautious_takes_the_highest_score() -> None:
    targets, scores = ranking([(False, 0.75), (False, 0.25)])
    assert cautious_threshold(targets, scores, 0.5) == Threshold(0.75, 0.0)
