"""The class weight that is kept."""

from __future__ import annotations

from itertools import permutations

from core.search import TrialScore, best_trial


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
