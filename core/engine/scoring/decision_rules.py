"""From which score on a category of a run accepts, by what is recorded; without torch."""

from __future__ import annotations

from core.metrics.calibration import Calibration
from core.metrics.decisions import CategoryRule, DecisionRule, rule_of
from core.metrics.platt_params import PlattParams
from core.settings import TrainingSettings
from db.connection import Store
from db.metrics import platt_params
from db.run_categories import RunCategory
from db.runs import Run
from db.thresholds import SetThreshold, set_threshold, set_thresholds


def rule_from(
    rule: DecisionRule, fit: PlattParams | None, by_hand: SetThreshold | None
) -> CategoryRule:
    """The rule of a category: a threshold set by hand, else that of `rule`.

    `fit` is what validation says of the model's scores; without it they are taken as they are.
    """
    calibration = None
    if rule.calibrate and fit is not None and fit.slope is not None and fit.intercept is not None:
        calibration = Calibration(fit.slope, fit.intercept)
    if by_hand is not None:
        return CategoryRule(by_hand.threshold, calibration)
    if rule.tune_thresholds and fit is not None:
        return CategoryRule(fit.threshold, calibration)
    return CategoryRule() if calibration is None else CategoryRule.calibrated(calibration)


def current_rule(store: Store, run: Run, category: RunCategory) -> CategoryRule:
    """How a category decides under the run's own rule."""
    if category.kept_trial_id is None:
        return CategoryRule()
    return rule_from(
        rule_of(TrainingSettings.from_json(run.settings)),
        platt_params(store, category.kept_trial_id, category.id),
        set_threshold(store, category.kept_trial_id, category.id),
    )


def thresholds_set_on(store: Store, run: Run, split: str) -> int:
    """Count the categories of a run whose threshold was set by hand on the documents of a split."""
    return sum(own.split == split for own in set_thresholds(store, run.id).values())
