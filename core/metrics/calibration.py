"""Scores to probabilities: Platt scaling on documents that did not train.

Platt 1999, "Probabilistic Outputs for Support Vector Machines": a sigmoid a·s + b is fitted to the
targets, which are drawn in from 0 and 1 by what is not yet known of few documents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CLOSEST = 1e-7
"""Probabilities are kept this far from 0 and 1, where their logit has no end."""

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """probability = sigmoid(slope · s + intercept); the slope is positive, so order stays."""

    slope: float
    intercept: float

    def probabilities(self, scores: npt.NDArray[np.floating] | np.floating) -> Numbers:
        """Of scores of any shape, the same shape."""
        return sigmoid(self.slope * np.asarray(scores, dtype=np.float64) + self.intercept)


def platt(targets: npt.NDArray[np.bool_], scores: npt.NDArray[np.floating]) -> Calibration | None:
    """Fit to `scores` and `targets` (documents,).

    None where nothing can be learned: without positives or negatives, from scores that are all
    the same, or where positives do not have the higher ones.
    """
    positives = int(np.count_nonzero(targets))
    negatives = len(targets) - positives
    if not positives or not negatives or np.ptp(scores) == 0:
        return None
    from sklearn.linear_model import LogisticRegression

    share = np.where(targets, (positives + 1) / (positives + 2), 1 / (negatives + 2))
    column = scores.astype(np.float64)[:, None]
    # The solver takes its steps by numbers around 0 and of size 1, and would stop early elsewhere.
    centre, scale = float(column.mean()), float(column.std())
    column = (column - centre) / scale
    model = LogisticRegression(C=np.inf)
    model.fit(
        np.concatenate((column, column)),
        np.repeat((1, 0), len(column)),
        sample_weight=np.concatenate((share, 1 - share)),
    )
    slope = float(model.coef_[0, 0]) / scale
    intercept = float(model.intercept_[0]) - slope * centre
    return Calibration(slope, intercept) if slope > 0 else None


def sigmoid(values: Numbers | np.float64) -> Numbers:
    """1 / (1 + e^-x), without overflow."""
    result: Numbers = 0.5 * (1.0 + np.tanh(0.5 * values))
    return result


def logit(probabilities: npt.NDArray[np.floating] | np.floating) -> Numbers:
    """The inverse of `sigmoid`, finite also at 0 and 1."""
    inside = np.clip(np.asarray(probabilities, dtype=np.float64), CLOSEST, 1 - CLOSEST)
    result: Numbers = np.log(inside) - np.log1p(-inside)
    return result
