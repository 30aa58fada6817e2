"""Precision, recall and F1 against scikit-learn and against sums done by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from core.corpus.taxonomy import Edge, Taxonomy
from core.errors import NotFoundError
from core.metrics.precision_recall import (
    Counts,
    Matrix,
    PrecisionRecallF1,
    count,
    decided,
    hierarchical,
    macro,
    micro,
    summarise,
    support_weighted,
    with_ancestors,
)

TREE = Taxonomy(
    [
        Edge("animals", None, "Animals"),
        Edge("cats", "animals", "Cats"),
        Edge("dogs", "animals", "Dogs"),
        Edge("puppies", "dogs", "Puppies"),
        Edge("food", None, "Food"),
        Edge("bread", "food", "Bread"),
    ]
)
IDS = ["animals", "cats", "dogs", "puppies", "food", "bread"]


def matrix(*documents: set[str], ids: list[str] = IDS) -> Matrix:
    return np.array([[id_ in document for id_ in ids] for document in documents], dtype=np.bool_)


def random_decisions(seed: int) -> tuple[Matrix, Matrix]:
    """Truth and predictions of 60 documents; one column without truth, one never predicted."""
    draw = np.random.default_rng(seed)
    truth = draw.random((60, len(IDS))) < 0.3
    predicted = truth ^ (draw.random(truth.shape) < 0.2)
    truth[:, 1] = False
    predicted[:, 3] = False
    return truth, predicted


def sklearn_rates(truth: Matrix, predicted: Matrix, average: str) -> tuple[float, ...]:
    rates = precision_recall_fscore_support(truth, predicted, average=average, zero_division=0)
    return tuple(float(rate) for rate in rates[:3])


def tupled(rates: PrecisionRecallF1) -> tuple[float, ...]:
    return (rates.precision, rates.recall, rates.f1)


def counted(truth: Matrix, predicted: Matrix) -> list[Counts]:
    return [count(truth[:, i], predicted[:, i]) for i in range(truth.shape[1])]


def test_counts_are_hits_false_alarms_and_misses() -> None:
    truth = np.array([True, True, True, False, False, False])
    predicted = np.array([True, False, False, True, False, False])
    assert count(truth, predicted) == Counts(tp=1, fp=1, fn=2)
    assert Counts(1, 1, 2).support == 3
    assert tupled(Counts(1, 1, 2).rates) == pytest.approx((1 / 2, 1 / 3, 2 / 5))


@pytest.mark.parametrize("seed", range(5))
def test_averages_are_those_of_scikit_learn(seed: int) -> None:
    truth, predicted = random_decisions(seed)
    counts = counted(truth, predicted)
    summary = summarise(counts, IDS, TREE)
    present = truth.any(axis=0)
    assert tupled(summary.micro) == pytest.approx(sklearn_rates(truth, predicted, "micro"))
    assert tupled(summary.macro) == pytest.approx(sklearn_rates(truth, predicted, "macro"))
    assert not present.all()
    assert tupled(summary.macro_present) == pytest.approx(
        sklearn_rates(truth[:, present], predicted[:, present], "macro")
    )


@pytest.mark.parametrize("seed", range(3))
def test_levels_are_averaged_by_themselves(seed: int) -> None:
    truth, predicted = random_decisions(seed)
    levels = summarise(counted(truth, predicted), IDS, TREE).levels
    assert list(levels) == [1, 2, 3]
    for level, rates in levels.items():
        columns = [i for i, id_ in enumerate(IDS) if TREE[id_].level == level]
        of_level = truth[:, columns], predicted[:, columns]
        if len(columns) > 1:
            assert tupled(rates.micro) == pytest.approx(sklearn_rates(*of_level, "micro"))
            assert tupled(rates.macro) == pytest.approx(sklearn_rates(*of_level, "macro"))
        else:
            [alone] = counted(*of_level)
            assert rates.micro == rates.macro == alone.rates


def test_macro_f1_is_the_mean_of_f1_and_not_made_of_mean_precision_and_recall() -> None:
    counts = [Counts(tp=10, fp=0, fn=0), Counts(tp=1, fp=9, fn=0)]
    found = macro(counts)
    assert tupled(found) == pytest.approx(((1 + 0.1) / 2, 1.0, (1 + 2 / 11) / 2))
    assert found.f1 != pytest.approx(2 * 0.55 / 1.55)


def test_nothing_divided_by_nothing_is_zero() -> None:
    nothing = (0.0, 0.0, 0.0)
    assert tupled(Counts(0, 0, 0).rates) == nothing
    assert tupled(Counts(0, 3, 0).rates) == nothing
    assert tupled(Counts(0, 0, 3).rates) == nothing
    assert tupled(micro([])) == nothing
    assert tupled(macro([])) == nothing
    summary = summarise([Counts(0, 2, 0)], ["cats"], TREE)
    assert tupled(summary.macro_present) == nothing
    assert tupled(summarise([], [], TREE).micro) == nothing


def test_a_category_without_documents_counts_in_macro_only() -> None:
    summary = summarise([Counts(4, 0, 0), Counts(0, 0, 0)], ["cats", "dogs"], TREE)
    assert summary.macro.f1 == pytest.approx(0.5)
    assert summary.macro_present.f1 == pytest.approx(1.0)
    assert summary.micro.f1 == pytest.approx(1.0)


def test_counts_of_other_categories_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        summarise([Counts(1, 0, 0)], ["cats", "dogs"], TREE)
    with pytest.raises(NotFoundError):
        summarise([Counts(1, 0, 0)], ["whales"], TREE)


def test_closing_upward_adds_ancestors_and_changes_nothing_in_place() -> None:
    before = matrix({"puppies"}, {"cats", "food"}, set())
    closed = with_ancestors(before, IDS, TREE)
    assert (
        closed == matrix({"animals", "dogs", "puppies"}, {"animals", "cats", "food"}, set())
    ).all()
    assert (before == matrix({"puppies"}, {"cats", "food"}, set())).all()


def test_closing_upward_does_not_depend_on_the_order_of_columns() -> None:
    ids = list(reversed(IDS))
    closed = with_ancestors(matrix({"puppies"}, ids=ids), ids, TREE)
    assert (closed == matrix({"animals", "dogs", "puppies"}, ids=ids)).all()


def test_closing_upward_passes_over_an_ancestor_without_a_column() -> None:
    ids = ["animals", "puppies", "food"]
    closed = with_ancestors(matrix({"puppies"}, ids=ids), ids, TREE)
    assert (closed == matrix({"animals", "puppies"}, ids=ids)).all()


def test_hierarchical_measure_agrees_with_a_sum_by_hand() -> None:
    # Document 1: truth {puppies, dogs, animals}, predicted {cats, animals}: 1 in common.
    # Document 2: truth {bread, food}, predicted {bread, food}: 2 in common.
    # Document 3: truth {cats, animals}, predicted {}: 0 in common.
    truth = matrix({"puppies"}, {"bread", "food"}, {"cats"})
    predicted = matrix({"cats"}, {"bread"}, set())
    found = hierarchical(truth, predicted, IDS, TREE)
    assert tupled(found) == pytest.approx((3 / 4, 3 / 7, 6 / 11))


def test_hierarchical_measure_rewards_a_near_miss() -> None:
    truth = matrix({"cats"})
    near = hierarchical(truth, matrix({"dogs"}), IDS, TREE)
    far = hierarchical(truth, matrix({"bread"}), IDS, TREE)
    assert tupled(near) == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert tupled(far) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("seed", range(3))
def test_support_weighted_rates_are_those_of_scikit_learn(seed: int) -> None:
    truth, predicted = random_decisions(seed)
    expected = sklearn_rates(truth, predicted, "weighted")
    assert tupled(support_weighted(truth, predicted)) == pytest.approx(expected)
    by_hand = sum(c.support * c.rates.f1 for c in counted(truth, predicted)) / truth.sum()
    assert support_weighted(truth, predicted).f1 == pytest.approx(by_hand)


def test_rates_of_decisions_are_one_categorys_or_micro_averaged() -> None:
    truth, predicted = random_decisions(1)
    assert decided(truth[:, 0], predicted[:, 0]) == count(truth[:, 0], predicted[:, 0]).rates
    assert tupled(decided(truth, predicted)) == pytest.approx(
        sklearn_rates(truth, predicted, "micro")
    )


def test_hierarchical_rates_are_those_worked_out_by_hand() -> None:
    # Kiritchenko et al. 2005: |truth closed and predicted closed| over each of them.
    truth = matrix({"puppies"}, {"bread"})
    predicted = matrix({"cats"}, {"bread", "dogs"})
    # Closed: {animals, dogs, puppies} and {animals, cats} share animals; {food, bread} and
    # {food, bread, animals, dogs} share two. Together 3 of 5 true, 3 of 6 predicted.
    rates = hierarchical(truth, predicted, IDS, TREE)
    assert tupled(rates) == pytest.approx((3 / 6, 3 / 5, 6 / 11))
