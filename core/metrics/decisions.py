"""Decision rules: thresholds, calibrated probabilities, hierarchy consistency.

The paper's systems accept a category at a probability of 0.5 or more, independently of its parent.
All other options extend the paper and are off by default.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from core.corpus.taxonomy import Taxonomy
from core.errors import HTransError
from core.metrics.calibration import EPSILON, Calibration, logit, sigmoid
from core.metrics.precision_recall import Matrix, with_ancestors
from core.settings import TrainingSettings

THRESHOLD = 0.5
"""Default decision threshold: minimum probability to accept a category."""

_NEVER = 2.0
"""A threshold that no score reaches."""

Scores = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class DecisionRule:
    """Decision rule that turns a run's scores into labels. The default is the paper's rule.

    `tune_thresholds`: use the threshold with the best F1 on each category's validation documents.
    `calibrate`: turn scores into probabilities by Platt scaling on the validation documents.
    `consistent`: hierarchy consistency. "no" changes nothing, "up" also accepts all ancestors of
    an accepted category, "down" rejects every category with a rejected ancestor.
    """

    tune_thresholds: bool = False
    calibrate: bool = False
    consistent: str = "no"

    @property
    def needs_validation(self) -> bool:
        """True if the rule is fitted to validation documents."""
        return self.tune_thresholds or self.calibrate

    @property
    def name(self) -> str:
        """Options that differ from the paper's rule, in the syntax of `with_rule`: `tuned+up`.

        Empty for the paper's rule.
        """
        parts = ["tuned"] * self.tune_thresholds + ["calibrated"] * self.calibrate
        return "+".join(parts + [self.consistent] * (self.consistent != "no"))


@dataclass(frozen=True, slots=True)
class CategoryRule:
    """Decision threshold of one category and its optional Platt calibration.

    `min_score` is the minimum accepted score, on the scale of the raw model scores.
    """

    min_score: float = THRESHOLD
    calibration: Calibration | None = None

    @classmethod
    def calibrated(cls, calibration: Calibration) -> CategoryRule:
        """Rule that accepts calibrated probabilities of at least 0.5.

        Depending on the calibration, it accepts every score or none.
        """
        even = float(sigmoid(np.float64(-calibration.intercept / calibration.slope)))
        if even <= EPSILON:
            even = 0.0
        elif even > 1 - EPSILON:
            even = _NEVER
        return cls(even, calibration)

    @property
    def threshold(self) -> float:
        """Minimum probability at which the category accepts."""
        return self.probability_of(self.min_score)

    def probability_of(self, score: float) -> float:
        """Calibrated probability of a raw model score."""
        if self.calibration is None:
            return score
        return float(self.calibration.probabilities(logit(np.float64(score))))

    def least_for(self, probability: float) -> float:
        """Raw model score of a calibrated probability: the inverse of `probability_of`."""
        if self.calibration is None:
            return probability
        shifted = float(logit(np.float64(probability))) - self.calibration.intercept
        return float(sigmoid(np.float64(shifted / self.calibration.slope)))

    def accepts(self, scores: Scores) -> npt.NDArray[np.bool_]:
        """Decisions (documents,) on raw model scores (documents,)."""
        decisions: npt.NDArray[np.bool_] = scores >= np.float64(self.min_score)
        return decisions

    def probabilities(self, scores: Scores) -> Scores:
        """Calibrated probabilities (documents,); the scores themselves without a calibration."""
        if self.calibration is None:
            return scores
        return self.calibration.probabilities(logit(scores)).astype(np.float32)


def rule_of(settings: TrainingSettings) -> DecisionRule:
    """Decision rule of a run's settings."""
    return DecisionRule(settings.tune_thresholds, settings.calibrate, settings.consistent)


def with_rule(rule: DecisionRule, text: str) -> DecisionRule:
    """Add options to a decision rule.

    Args:
        rule: The rule to start from.
        text: Words joined by "+": tuned, calibrated, up, down.

    Raises:
        HTransError: If `text` contains any other word.
    """
    for word in text.split("+"):
        if word == "tuned":
            rule = replace(rule, tune_thresholds=True)
        elif word == "calibrated":
            rule = replace(rule, calibrate=True)
        elif word in ("up", "down"):
            rule = replace(rule, consistent=word)
        else:
            raise HTransError(f"{word!r} is not a decision rule; use tuned, calibrated, up or down")
    return rule


def consistent(
    predicted: Matrix, category_ids: Sequence[str], taxonomy: Taxonomy, direction: str
) -> Matrix:
    """Make decisions consistent with the taxonomy.

    Args:
        predicted: Decisions (documents, categories).
        category_ids: Categories of the columns. Ancestors without a column are ignored.
        taxonomy: The taxonomy that contains `category_ids`.
        direction: A value of `DecisionRule.consistent`.

    Returns:
        Decisions (documents, categories).
    """
    if direction == "up":
        return with_ancestors(predicted, category_ids, taxonomy)
    if direction == "no":
        return predicted
    pruned = predicted.copy()
    columns = {category_id: i for i, category_id in enumerate(category_ids)}
    for category_id in sorted(category_ids, key=lambda key: taxonomy[key].level):
        for ancestor in taxonomy.ancestors(category_id):
            if ancestor in columns:
                pruned[:, columns[category_id]] &= pruned[:, columns[ancestor]]
    return pruned
