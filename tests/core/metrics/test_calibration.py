"""Platt scaling against sigmoids that are known and against its loss minimised by itself."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from core.metrics.calibration import Calibration, logit, platt, sigmoid

Numbers = npt.NDArray[np.float64]
Drawn = tuple[npt.NDArray[np.bool_], Numbers]


def draw(slope: float, intercept: float, documents: int, seed: int = 0) -> Drawn:
    """Targets that are true with probability sigmoid(slope · s + intercept), and the scores s."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 2, documents)
    chances = 1 / (1 + np.exp(-(slope * scores + intercept)))
    return rng.random(documents) < chances, scores


def log_loss(targets: npt.NDArray[np.bool_], probabilities: Numbers) -> float:
    return float(-np.log(np.where(targets, probabilities, 1 - probabilities)).mean())


def brier(targets: npt.NDArray[np.bool_], probabilities: Numbers) -> float:
    return float(np.square(probabilities - targets).mean())


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (2.0, -1.0), (0.4, 1.5)])
def test_the_sigmoid_that_drew_the_targets_is_found_again(slope: float, intercept: float) -> None:
    found = platt(*draw(slope, intercept, 40_000))
    assert found is not None
    assert found.slope == pytest.approx(slope, abs=0.06)
    assert found.intercept == pytest.approx(intercept, abs=0.06)


@pytest.mark.parametrize("scale", [0.001, 1.0, 1000.0])
def test_a_small_example_equals_platts_smoothed_loss_minimised(scale: float) -> None:
    targets = np.array([False, False, True, False, True, True, False])
    scores = np.array([-2.0, -1.5, -0.5, 0.0, 0.5, 1.0, 1.25]) * scale
    # 3 positives count as 4/5, 4 negatives as 1/6.
    share = np.where(targets, 4 / 5, 1 / 6)

    def loss(parameters: Numbers) -> float:
        values = parameters[0] * scores / scale + parameters[1]
        return float((np.logaddexp(0, values) - share * values).sum())

    best = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-7})
    found = platt(targets, scores)
    assert found is not None
    assert found.slope * scale == pytest.approx(best.x[0], abs=2e-3)
    assert found.intercept == pytest.approx(best.x[1], abs=2e-3)


def test_separated_scores_do_not_become_certain() -> None:
    targets = np.array([False, False, True, True])
    found = platt(targets, np.array([-1.0, -1.0, 1.0, 1.0]))
    assert found is not None
    # Two of a kind count as 3/4 and 1/4, and a sigmoid can go through both.
    probabilities = found.probabilities(np.array([-1.0, 1.0]))
    np.testing.assert_allclose(probabilities, [0.25, 0.75], atol=1e-3)


def test_scores_of_float32_are_taken_too() -> None:
    targets, scores = draw(1.0, 0.0, 500)
    narrow, wide = platt(targets, scores.astype(np.float32)), platt(targets, scores)
    assert narrow is not None
    assert wide is not None
    assert narrow.slope == pytest.approx(wide.slope, rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_order_is_kept(seed: int) -> None:
    targets, scores = draw(0.5, -1.0, 300, seed)
    found = platt(targets, scores)
    assert found is not None
    assert found.slope > 0
    assert (np.diff(found.probabilities(np.sort(scores))) > 0).all()


def test_of_one_class_nothing_can_be_learned() -> None:
    for seed in range(10):
        scores = np.random.default_rng(seed).normal(0, 1, 9)
        assert platt(np.ones(9, dtype=np.bool_), scores) is None
        assert platt(np.zeros(9, dtype=np.bool_), scores) is None
    assert platt(np.zeros(0, dtype=np.bool_), np.zeros(0)) is None


def test_of_scores_that_run_the_wrong_way_nothing_can_be_learned() -> None:
    targets, scores = draw(2.0, 0.0, 500)
    assert platt(targets, -scores) is None


def test_probabilities_are_the_sigmoid_of_the_line_in_the_shape_given() -> None:
    calibration = Calibration(2.0, -1.0)
    assert calibration.probabilities(np.zeros((2, 3))).shape == (2, 3)
    found = calibration.probabilities(np.array([0.0, 0.5, 1.0]))
    expected = [1 / (1 + np.e), 0.5, 1 / (1 + 1 / np.e)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("badly", [0.2, 6.0])
def test_calibrated_probabilities_are_better_than_badly_scaled_ones(badly: float) -> None:
    targets, scores = draw(1.0, -1.0, 4000)
    wrong = badly * scores + 1.0
    found = platt(targets[:2000], wrong[:2000])
    assert found is not None
    calibrated, raw = found.probabilities(wrong[2000:]), sigmoid(wrong[2000:])
    truth = targets[2000:]
    inside = np.clip(raw, 1e-12, 1 - 1e-12)
    assert brier(truth, calibrated) < 0.9 * brier(truth, raw)
    assert log_loss(truth, calibrated) < 0.9 * log_loss(truth, inside)
    # On average what is said is what happens.
    assert calibrated.mean() == pytest.approx(truth.mean(), abs=0.03)


@given(st.floats(-15.0, 15.0))
def test_logit_and_sigmoid_are_inverse(value: float) -> None:
    assert float(logit(sigmoid(np.float64(value)))) == pytest.approx(value, abs=1e-6)


@given(st.floats(1e-6, 1 - 1e-6))
def test_sigmoid_and_logit_are_inverse(probability: float) -> None:
    assert float(sigmoid(logit(np.float64(probability)))) == pytest.approx(probability, rel=1e-9)


def test_logit_is_finite_at_the_ends() -> None:
    found = logit(np.array([0.0, 0.5, 1.0], dtype=np.float32))
    assert np.isfinite(found).all()
    assert found[1] == 0.0
    assert found[0] == pytest.approx(-found[2])
    assert found[0] == pytest.approx(np.log(1e-7), rel=1e-5)


def test_sigmoid_does_not_overflow() -> None:
    found = sigmoid(np.array([-1e6, -800.0, 0.0, 800.0, 1e6]))
    np.testing.assert_array_equal(found, [0.0, 0.0, 0.5, 1.0, 1.0])
    assert sigmoid(np.float64(2.0)) == pytest.approx(1 / (1 + np.exp(-2.0)), rel=1e-12)


@pytest.mark.parametrize("offset", [-16.1, 0.0, 1e4])
def test_scores_far_from_zero_are_fitted_as_those_around_it(offset: float) -> None:
    draw = np.random.default_rng(0)
    scores = draw.normal(size=1000)
    targets = draw.random(1000) < sigmoid(2 * scores)
    around = platt(targets, scores)
    far = platt(targets, scores * 0.001 + offset)
    assert around is not None
    assert far is not None
    assert far.slope == pytest.approx(1000 * around.slope, rel=1e-3)
    np.testing.assert_allclose(
        far.probabilities(scores * 0.001 + offset), around.probabilities(scores), atol=1e-3
    )


def test_of_scores_that_are_all_the_same_nothing_can_be_learned() -> None:
    assert platt(np.array([False, False, False, True]), np.full(4, -1.0)) is None
