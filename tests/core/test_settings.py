"""The settings of a run: the paper's defaults, presets, and values that make no sense."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import HTransError
from core.settings import (
    PRESETS,
    SETTINGS,
    TrainingSettings,
    option_of,
    settings_for,
    shown,
)

NAMES = [setting.name for setting in dataclasses.fields(TrainingSettings)]


def test_defaults_are_the_papers() -> None:
    paper = settings_for("paper", {})
    assert paper == TrainingSettings()
    assert dataclasses.asdict(paper) == {
        "class_weights": (1, 2, 3, 5, 10, 30, 50),
        "epochs": 10,
        "patience": 3,
        "max_words": 100,
        "batch_size": 128,
        "hidden_units": 96,
        "dropout": 0.4,
        "learning_rate": 0.001,
        "transferred_learning_rate": 0.0005,
        "validation_fraction": 0.15,
        "dimensions": 100,
        "negatives": 0,
        "search": "full",
        "precision": "float32",
        "seed": 0,
        "transfer": True,
        "freeze": True,
        "two_rates": True,
        "recursive_regularisation": 0.00005,
        "regularised_pairs": "parents",
        "folds": 5,
        "svm_c": 1.0,
        "tune_thresholds": False,
        "calibrate": False,
        "consistent": "no",
        "weights_from": "",
    }


def test_changes_win_over_the_preset_and_the_rest_stays() -> None:
    changed = settings_for("smoke", {"epochs": 4, "seed": 9})
    assert changed.epochs == 4
    assert changed.seed == 9
    assert changed.hidden_units == PRESETS["smoke"]["hidden_units"]
    assert changed.dropout == TrainingSettings().dropout


def test_presets_train_less_and_less() -> None:
    def work(preset: str) -> int:
        chosen = settings_for(preset, {})
        return chosen.epochs * len(chosen.class_weights)

    assert work("paper") > work("fast") > work("smoke")


def test_unknown_preset_lists_the_known_ones() -> None:
    with pytest.raises(HTransError, match=r"preset 'quick'.* paper, fast, smoke"):
        settings_for("quick", {})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_weights", ()),
        ("class_weights", (1.0, 2.0, 1.0)),
        ("class_weights", (1.0, 0.0)),
        ("class_weights", (-1.0,)),
        ("class_weights", (float("inf"),)),
        ("class_weights", (float("nan"),)),
        ("epochs", 0),
        ("patience", 0),
        ("max_words", -1),
        ("folds", 1),
        ("svm_c", 0.0),
        ("svm_c", float("nan")),
        ("recursive_regularisation", -1.0),
        ("recursive_regularisation", 1.0),
        ("regularised_pairs", "cousins"),
        ("consistent", "sideways"),
        ("batch_size", -1),
        ("hidden_units", 0),
        ("dimensions", 0),
        ("learning_rate", 0.0),
        ("learning_rate", 1.0),
        ("learning_rate", float("nan")),
        ("transferred_learning_rate", -0.1),
        ("dropout", 1.0),
        ("dropout", -0.1),
        ("dropout", float("nan")),
        ("validation_fraction", 0.0),
        ("validation_fraction", 1.0),
        ("validation_fraction", float("nan")),
        ("seed", -1),
    ],
)
def test_value_that_makes_no_sense_is_named_by_its_option(name: str, value: Any) -> None:
    with pytest.raises(HTransError) as caught:
        settings_for("paper", {name: value})
    assert str(caught.value).startswith(option_of(name))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("class_weights", (0.5,)),
        ("epochs", 1),
        ("dropout", 0.0),
        ("validation_fraction", 0.01),
        ("seed", 0),
    ],
)
def test_smallest_sensible_value_is_taken(name: str, value: Any) -> None:
    assert getattr(settings_for("paper", {name: value}), name) == value


@settings(max_examples=50)
@given(
    weights=st.lists(st.floats(0, 1e6, exclude_min=True), min_size=1, max_size=8, unique=True).map(
        tuple
    ),
    rate=st.floats(0, 1, exclude_min=True, exclude_max=True),
    epochs=st.integers(1, 1_000),
    seed=st.integers(0, 2**70),
)
def test_settings_come_back_from_the_database_as_they_went_in(
    weights: tuple[float, ...], rate: float, epochs: int, seed: int
) -> None:
    before = TrainingSettings(class_weights=weights, learning_rate=rate, epochs=epochs, seed=seed)
    assert TrainingSettings.from_json(before.to_json()) == before
    assert set(json.loads(before.to_json())) == set(NAMES)


def test_every_setting_has_a_meaning_and_a_default() -> None:
    assert SETTINGS["max_words"].description.endswith("0 for all")
    assert "random" in SETTINGS["seed"].description
    assert len({SETTINGS[name].description for name in NAMES}) == len(NAMES)
    for name in NAMES:
        assert SETTINGS[name].default == getattr(TrainingSettings(), name)


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("epochs", "x", "is not a valid integer"),
        ("epochs", True, "is not a valid integer"),
        ("svm_c", "x", "is not a valid number"),
        ("class_weights", ("a",), "give numbers such as 1,5,10"),
    ],
)
def test_value_of_another_type_is_refused(name: str, value: Any, problem: str) -> None:
    with pytest.raises(HTransError, match=f"^{option_of(name)} .*{problem}$"):
        settings_for("paper", {name: value})


def test_numbers_of_numpy_are_taken() -> None:
    chosen = settings_for("paper", {"learning_rate": np.float64(0.5)})
    assert json.loads(chosen.to_json())["learning_rate"] == 0.5


def test_option_of_a_setting_is_written_with_hyphens() -> None:
    assert option_of("transferred_learning_rate") == "--transferred-learning-rate"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00005, "0.00005"),
        (0.4, "0.4"),
        (1.0, "1"),
        (100, "100"),
        ((1.0, 2.5, 77.0), "1,2.5,77"),
        (True, "on"),
        ("", ""),
        (None, ""),
    ],
)
def test_values_are_shown_as_people_write_them(value: object, text: str) -> None:
    assert shown(value) == text
