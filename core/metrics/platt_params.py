"""Parameters that validation gives to the decisions of one category."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlattParams:
    """Threshold and Platt calibration of one category under one trial's model.

    `threshold` is the score with the best validation F1. `slope` and `intercept` map a score's
    logit to the logit of a calibrated probability. They are None for scores that are calibrated
    already or cannot be calibrated.
    """

    threshold: float
    slope: float | None
    intercept: float | None
