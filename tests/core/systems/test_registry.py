"""The systems of the paper and what tells them apart."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from core.errors import HTransError
from core.settings import PAPER_CLASS_WEIGHTS, PRESETS, TrainingSettings
from core.systems import SYSTEMS, system_named

SEARCHED = PAPER_CLASS_WEIGHTS


@pytest.mark.parametrize(
    ("name", "weights", "transfer", "freeze", "two_rates"),
    [
        ("gru-att-basic", (1.0,), False, False, False),
        ("gru-att", SEARCHED, False, False, False),
        ("htrans", SEARCHED, True, True, True),
        ("gru-att-multi", (1.0,), False, False, False),
        ("dgcnn", (1.0,), False, False, False),
    ],
)
def test_system_is_a_bundle_of_settings(
    name: str, weights: tuple[float, ...], transfer: bool, freeze: bool, two_rates: bool
) -> None:
    settings = system_named(name).settings("paper", {})
    assert settings.class_weights == weights
    assert (settings.transfer, settings.freeze, settings.two_rates) == (
        transfer,
        freeze,
        two_rates,
    )


def test_htrans_has_the_defaults_of_the_settings() -> None:
    assert system_named("htrans").settings("paper", {}) == TrainingSettings()


def test_each_step_from_basic_to_htrans_can_be_switched() -> None:
    basic = system_named("gru-att-basic").settings("paper", {})
    htrans = system_named("htrans")
    as_basic = htrans.settings(
        "paper",
        {"class_weights": (1.0,), "transfer": False, "freeze": False, "two_rates": False},
    )
    assert as_basic == basic
    searched = dataclasses.replace(as_basic, class_weights=SEARCHED)
    assert searched == system_named("gru-att").settings("paper", {})


@pytest.mark.parametrize("name", [s.name for s in SYSTEMS.values() if s.shared_model])
@pytest.mark.parametrize("preset", list(PRESETS))
def test_one_model_for_all_categories_has_one_trial_whatever_the_preset(
    name: str, preset: str
) -> None:
    settings = system_named(name).settings(preset, {})
    assert settings.class_weights == (1.0,)
    assert (settings.search, settings.negatives) == ("full", 0)


@pytest.mark.parametrize(
    ("system", "change"),
    [
        ("gru-att-basic", {"class_weights": (1.0, 5.0)}),
        ("gru-att-multi", {"transfer": True}),
        ("gru-att-multi", {"weights_from": "other"}),
        ("dgcnn", {"hidden_units": 4}),
        ("linear", {"epochs": 3}),
        ("linear", {"tune_thresholds": False}),
        ("htrans", {"folds": 3}),
        ("gru-att", {"recursive_regularisation": 0.1}),
    ],
)
def test_setting_that_means_nothing_to_a_system_is_refused(
    system: str, change: dict[str, Any]
) -> None:
    name = next(iter(change)).replace("_", "-")
    with pytest.raises(HTransError, match=f"--{name} means nothing to the system {system}"):
        system_named(system).settings("paper", change)


def test_setting_that_means_nothing_but_changes_nothing_is_let_pass() -> None:
    assert system_named("linear").settings("paper", {"tune_thresholds": True}).tune_thresholds


def test_users_choice_goes_before_the_system_and_the_system_before_the_preset() -> None:
    dgcnn = system_named("dgcnn")
    assert dgcnn.settings("smoke", {}).max_words == 0
    assert dgcnn.settings("smoke", {}).epochs == PRESETS["smoke"]["epochs"]
    assert dgcnn.settings("smoke", {"max_words": 40}).max_words == 40


def test_no_two_systems_are_described_alike() -> None:
    assert len({system.description for system in SYSTEMS.values()}) == len(SYSTEMS)


def test_what_means_nothing_to_a_system_is_a_setting() -> None:
    names = {setting.name for setting in dataclasses.fields(TrainingSettings)}
    assert {name for system in SYSTEMS.values() for name in system.unused} <= names


def test_unknown_system_lists_the_known_ones() -> None:
    with pytest.raises(HTransError, match="no system 'HTrans'; known are gru-att-basic, gru-att"):
        system_named("HTrans")
