"""Decision rules of a run's categories from recorded parameters. Does not import torch."""

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
    rule: DecisionRule, params: PlattParams | None, manual: SetThreshold | None
) -> CategoryRule:
    """The decision rule of a category.

    Args:
        rule: Decision rule of the run.
        params: Tuned threshold and Platt parameters from the validation documents.
        manual: A manual threshold, which takes precedence over `rule`.
    """
    calibration = None
    if (
        rule.calibrate
        and params is not None
        and params.slope is not None
        and params.intercept is not None
    ):
        calibration = Calibration(params.slope, params.intercept)
    if manual is not None:
        return CategoryRule(manual.threshold, calibration)
    if rule.tune_thresholds and params is not None:
        return CategoryRule(params.threshold, calibration)
    return CategoryRule() if calibration is None else CategoryRule.calibrated(calibration)


def current_rule(store: Store, run: Run, category: RunCategory) -> CategoryRule:
    """The current decision rule of a category under the rule of its run."""
    if category.kept_trial_id is None:
        return CategoryRule()
    return rule_from(
        rule_of(TrainingSettings.from_json(run.settings)),
        platt_params(store, category.kept_trial_id, category.id),
        set_threshold(store, category.kept_trial_id, category.id),
    )


def thresholds_set_on(store: Store, run: Run, split: str) -> int:
    """Number of categories of a run with a manual threshold chosen on a split."""
    return sum(manual.split == split for manual in set_thresholds(store, run.id).values())
