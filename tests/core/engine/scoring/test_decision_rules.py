"""From which score on a category accepts, by what is recorded."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from core.engine.artifacts.run_data import RunData
from core.engine.scoring.decision_rules import current_rule, rule_from
from core.engine.scoring.scores import category_rule
from core.metrics.calibration import Calibration
from core.metrics.decisions import CategoryRule, DecisionRule
from core.metrics.platt_params import PlattParams
from core.settings import TrainingSettings
from core.workspace import Workspace
from db.connection import Store
from db.run_categories import run_categories
from db.runs import run_named
from db.thresholds import SetThreshold, record_threshold
from tests.support.builders import category_of

CPU = torch.device("cpu")
FIT = PlattParams(0.3, 2.0, -0.5)
UNCALIBRATED = PlattParams(0.3, None, None)
BY_HAND = SetThreshold(0.8, "test")
PLATT = Calibration(2.0, -0.5)


@pytest.mark.parametrize(
    ("tuned", "calibrated", "fit", "by_hand", "expected"),
    [
        (False, False, None, None, CategoryRule(0.5)),
        (False, False, FIT, None, CategoryRule(0.5)),
        (True, False, FIT, None, CategoryRule(0.3)),
        (True, False, None, None, CategoryRule(0.5)),
        (False, True, FIT, None, CategoryRule.calibrated(PLATT)),
        (False, True, UNCALIBRATED, None, CategoryRule(0.5)),
        (True, True, FIT, None, CategoryRule(0.3, PLATT)),
        (True, True, UNCALIBRATED, None, CategoryRule(0.3)),
        (False, False, FIT, BY_HAND, CategoryRule(0.8)),
        (True, False, FIT, BY_HAND, CategoryRule(0.8)),
        (False, True, FIT, BY_HAND, CategoryRule(0.8, PLATT)),
        (True, True, None, BY_HAND, CategoryRule(0.8)),
    ],
)
def test_a_threshold_set_by_hand_goes_before_the_runs_own_rule(
    tuned: bool,
    calibrated: bool,
    fit: PlattParams | None,
    by_hand: SetThreshold | None,
    expected: CategoryRule,
) -> None:
    assert rule_from(DecisionRule(tuned, calibrated), fit, by_hand) == expected


def test_without_torch_the_rule_is_that_of_scoring(own_copy: Workspace) -> None:
    store = Store(own_copy.database)
    run = run_named(store, "small")
    settings = TrainingSettings.from_json(run.settings)
    for tuned, calibrated in itertools.product((False, True), repeat=2):
        changed = dataclasses.replace(settings, tune_thresholds=tuned, calibrate=calibrated)
        one = dataclasses.replace(run, settings=changed.to_json())
        data = RunData(store, own_copy, one)
        for category in run_categories(store, run.id):
            expected = category_rule(store, data, category, data.rule, CPU)
            assert current_rule(store, one, category) == expected
    cats = category_of(store, run, "cats")
    assert cats.kept_trial_id is not None
    with store.write():
        record_threshold(store, cats.kept_trial_id, cats.id, 0.125, "test")
    data = RunData(store, own_copy, run)
    assert current_rule(store, run, cats) == CategoryRule(0.125)
    assert category_rule(store, data, cats, data.rule, CPU) == CategoryRule(0.125)
    # Another rule than the run's own is tried as it is.
    assert category_rule(store, data, cats, DecisionRule(consistent="up"), CPU) == CategoryRule()
    store.close()
