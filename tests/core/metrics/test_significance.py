from __future__ import annotations

import itertools

import numpy as np
import pytest
from sklearn.metrics import f1_score

from core.metrics.precision_recall import Matrix
from core.metrics.significance import paired_randomisation


def noisy(truth: Matrix, rate: float, rng: np.random.Generator) -> Matrix:
    """The truth with a share of its decisions turned round."""
    turned: Matrix = truth ^ (rng.random(truth.shape) < rate)
    return turned


def draw(documents: int, categories: int, seed: int) -> tuple[Matrix, np.random.Generator]:
    rng = np.random.default_rng(seed)
    return rng.random((documents, categories)) < 0.3, rng


def test_differences_are_scikit_learns() -> None:
    truth, rng = draw(80, 5, 0)
    first, second = noisy(truth, 0.1, rng), noisy(truth, 0.2, rng)
    found = paired_randomisation(truth, first, second, shuffles=10)
    for average, difference in (("micro", found.micro), ("macro", found.macro)):
        expected = f1_score(truth, second, average=average, zero_division=0) - f1_score(
            truth, first, average=average, zero_division=0
        )
        assert difference == pytest.approx(expected, abs=1e-12)


@pytest.mark.slow
def test_p_is_that_of_all_exchanges_where_they_can_be_counted() -> None:
    truth, rng = draw(7, 3, 4)
    first, second = noisy(truth, 0.1, rng), noisy(truth, 0.35, rng)

    def difference(a: Matrix, b: Matrix, average: str) -> float:
        return float(
            f1_score(truth, b, average=average, zero_division=0)
            - f1_score(truth, a, average=average, zero_division=0)
        )

    exact = {}
    for average in ("micro", "macro"):
        observed = abs(difference(first, second, average))
        at_least = 0
        for exchanged in itertools.product((False, True), repeat=len(truth)):
            mask = np.asarray(exchanged)[:, None]
            a, b = np.where(mask, second, first), np.where(mask, first, second)
            at_least += abs(difference(a, b, average)) >= observed - 1e-12
        exact[average] = at_least / 2 ** len(truth)
    found = paired_randomisation(truth, first, second, shuffles=20_000)
    assert found.p_micro == pytest.approx(exact["micro"], abs=0.015)
    assert found.p_macro == pytest.approx(exact["macro"], abs=0.015)


def test_equal_systems_do_not_differ() -> None:
    truth, rng = draw(50, 4, 1)
    same = noisy(truth, 0.1, rng)
    found = paired_randomisation(truth, same, same.copy(), shuffles=100)
    assert (found.micro, found.macro, found.p_micro, found.p_macro) == (0.0, 0.0, 1.0, 1.0)
    assert found.documents == 0


def test_without_a_difference_p_is_uniform() -> None:
    p_micro, p_macro = [], []
    for seed in range(200):
        truth, rng = draw(120, 4, 100 + seed)
        found = paired_randomisation(
            truth, noisy(truth, 0.15, rng), noisy(truth, 0.15, rng), shuffles=300, seed=seed
        )
        p_micro.append(found.p_micro)
        p_macro.append(found.p_macro)
    for values in (p_micro, p_macro):
        # Kolmogorov–Smirnov: 200 values stray further than 0.136 in 1 of 1,000 cases.
        ordered = np.sort(values)
        assert np.abs(ordered - (np.arange(200) + 0.5) / 200).max() < 0.136


def test_a_real_difference_is_found_either_way() -> None:
    truth, rng = draw(400, 4, 2)
    good, bad = noisy(truth, 0.05, rng), noisy(truth, 0.15, rng)
    worse = paired_randomisation(truth, good, bad, shuffles=2000)
    better = paired_randomisation(truth, bad, good, shuffles=2000)
    assert worse.micro < 0 < better.micro
    assert worse.macro == -better.macro
    assert max(worse.p_micro, worse.p_macro, better.p_micro, better.p_macro) == 1 / 2001


def test_categories_that_nobody_has_count_nothing() -> None:
    truth, rng = draw(60, 3, 3)
    truth[:, 2] = False
    first = noisy(truth, 0.1, rng)
    first[:, 2] = False
    found = paired_randomisation(truth, first, truth, shuffles=50)
    kept = paired_randomisation(truth[:, :2], first[:, :2], truth[:, :2], shuffles=50)
    assert found.macro == pytest.approx(kept.macro * 2 / 3)
    assert found.micro == pytest.approx(kept.micro)
