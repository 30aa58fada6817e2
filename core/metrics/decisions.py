"""From scores to labels: thresholds, calibrated probabilities, consistency with the taxonomy.

For the paper's systems a category accepts from 0.5 on, and its parent has no say. Everything else
here is beyond the paper and off by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError
from core.metrics.calibration import CLOSEST, Calibration, logit, sigmoid
from core.metrics.precision_recall import Matrix, close_upward
from core.settings import TrainingSettings

THRESHOLD = 0.5
"""Probability from which on a document is in a category."""

_BEYOND_ALL = 2.0
"""A score that no document has."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """How the scores of a run become labels; the default is the paper's.

    `tune_thresholds`: each category accepts from the threshold with the best F1 on its validation
    documents. `calibrate`: scores become probabilities by Platt scaling on these. `consistent` is
    "no", "up" (ancestors of what is accepted are accepted too) or "down" (what has an ancestor that
    is not accepted is not either).
    """

    tune_thresholds: bool = False
    calibrate: bool = False
    consistent: str = "no"

    @property
    def needs_validation(self) -> bool:
        """Whether it rests on validation documents."""
        return self.tune_thresholds or self.calibrate

    @property
    def name(self) -> str:
        """What tells it from the paper's, as `with_rule` reads it: `tuned+up`, empty for none."""
        parts = ["tuned"] * self.tune_thresholds + ["calibrated"] * self.calibrate
        return "+".join(parts + [self.consistent] * (self.consistent != "no"))


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """From which score a category accepts, and what turns its scores into probabilities if any.

    `least` is on the scale of the model's own scores.
    """

    least: float = THRESHOLD
    calibration: Calibration | None = None

    @classmethod
    def calibrated(cls, calibration: Calibration) -> CategoryRule:
        """Accept what has at least an even chance, be that every score or none."""
        even = float(sigmoid(np.float64(-calibration.intercept / calibration.slope)))
        if even <= CLOSEST:
            even = 0.0
        elif even > 1 - CLOSEST:
            even = _BEYOND_ALL
        return cls(even, calibration)

    @property
    def threshold(self) -> float:
        """The probability from which on the category accepts."""
        return self.probability_of(self.least)

    def probability_of(self, score: float) -> float:
        """The probability that a score of the model stands for."""
        if self.calibration is None:
            return score
        return float(self.calibration.probabilities(logit(np.float64(score))))

    def least_for(self, probability: float) -> float:
        """The score of the model that stands for a probability, the inverse of `probability_of`."""
        if self.calibration is None:
            return probability
        inside = float(logit(np.float64(probability))) - self.calibration.intercept
        return float(sigmoid(np.float64(inside / self.calibration.slope)))

    def accepts(self, scores: Scores) -> npt.NDArray[np.bool_]:
        """Decisions on scores (documents,) of the model."""
        decided: npt.NDArray[np.bool_] = scores >= np.float64(self.least)
        return decided

    def probabilities(self, scores: Scores) -> Scores:
        """The scores as they are shown, (documents,)."""
        if self.calibration is None:
            return scores
        return self.calibration.probabilities(logit(scores)).astype(np.float32)


def rule_of(settings: TrainingSettings) -> DecisionRule:
    """The rule that a run was started with."""
    return DecisionRule(settings.tune_thresholds, settings.calibrate, settings.consistent)


def with_rule(rule: DecisionRule, text: str) -> DecisionRule:
    """`rule` with what `text` adds: tuned, calibrated, up, down, joined by +.

    Raises `HTransError` for any other word.
    """
    for word in text.split("+"):
        if word == "tuned":
            rule = replace(rule, tune_thresholds=True)
        elif word == "calibrated":
            rule = replace(rule, calibrate=True)
        elif word in ("up", "down"):
            rule = replace(rule, consistent=word)
        else:
            raise HTransError(f"{word!r} is no way to decide: use tuned, calibrated, up or down")
    return rule


def consistent(
    predicted: Matrix, category_ids: Sequence[str], taxonomy: Taxonomy, direction: str
) -> Matrix:
    """Decisions (documents, categories) that fit the taxonomy; ancestors without column are left.

    `direction` is that of `DecisionRule`.
    """
    if direction == "up":
        return close_upward(predicted, category_ids, taxonomy)
    if direction == "no":
        return predicted
    gated = predicted.copy()
    column = {category_id: i for i, category_id in enumerate(category_ids)}
    for category_id in sorted(category_ids, key=lambda key: taxonomy[key].level):
        for ancestor in taxonomy.ancestors(category_id):
            if ancestor in column:
                gated[:, column[category_id]] &= gated[:, column[ancestor]]
    return gated
