"""Platt scaling: calibrate scores to probabilities on held-out documents.

Platt 1999, "Probabilistic Outputs for Support Vector Machines": sigmoid(a·s + b) is fitted to
smoothed targets. The fewer documents there are, the further the targets are from 0 and 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

EPSILON = 1e-7
"""Probabilities are clipped to this distance from 0 and 1, where the logit is infinite."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """probability = sigmoid(slope · s + intercept). The slope is positive and preserves order."""

    slope: float
    intercept: float

    def probabilities(self, scores: npt.NDArray[np.floating] | np.floating) -> FloatArray:
        """Calibrated probabilities of scores of any shape, in the same shape."""
        return sigmoid(self.slope * np.asarray(scores, dtype=np.float64) + self.intercept)


def platt(targets: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> Calibration | None:
    """Fit a calibration to `scores` and `targets` (documents,).

    Returns None if no increasing sigmoid fits: there are no positives or no negatives, all scores
    are equal, or the positives do not score higher.
    """
    positives = int(np.count_nonzero(targets))
    negatives = len(targets) - positives
    if not positives or not negatives or np.ptp(scores) == 0:
        return None
    from sklearn.linear_model import LogisticRegression

    smoothed = np.where(targets, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    column = scores.astype(np.float64)[:, None]
    # The solver stops too early on features that are not standardised.
    mean, scale = float(column.mean()), float(column.std())
    column = (column - mean) / scale
    model = LogisticRegression(C=np.inf)
    model.fit(
        np.concatenate((column, column)),
        np.repeat((1, 0), len(column)),
        sample_weight=np.concatenate((smoothed, 1 - smoothed)),
    )
    slope = float(model.coef_[0, 0]) / scale
    intercept = float(model.intercept_[0]) - slope * mean
    return Calibration(slope, intercept) if slope > 0 else None


def sigmoid(values: FloatArray | np.float64) -> FloatArray:
    """1 / (1 + e^-x), without overflow."""
    result: FloatArray = 0.5 * (1.0 + np.tanh(0.5 * values))
    return result


def logit(probabilities: npt.NDArray[np.floating] | np.floating) -> FloatArray:
    """Inverse of `sigmoid`, finite at 0 and 1."""
    clipped = np.clip(np.asarray(probabilities, dtype=np.float64), EPSILON, 1 - EPSILON)
    result: FloatArray = np.log(clipped) - np.log1p(-clipped)
    return result
