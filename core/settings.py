"""Settings of a training run, each with its default, unit and help text."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import HTransError

MIN_BATCH = 16
"""Minimum number of documents in a batch when negatives are sampled."""
PAPER_CLASS_WEIGHTS = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 50.0)

CHOICES = {
    "search": ("full", "racing"),
    "precision": ("float32", "mixed"),
    "consistent": ("no", "up", "down"),
    "regularised_pairs": ("parents", "siblings"),
}
"""Allowed values of the settings that are enumerations."""


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Hyperparameters of a run (Banerjee et al. 2019, sections 3 and 4)."""

    class_weights: tuple[float, ...] = _setting(
        PAPER_CLASS_WEIGHTS, "class weights to try for each category, comma-separated"
    )
    epochs: int = _setting(10, "maximum number of epochs per class weight")
    patience: int = _setting(
        3, "early stopping: epochs without a better validation F1 before training stops"
    )
    max_words: int = _setting(100, "maximum number of words read per document, 0 for all")
    batch_size: int = _setting(128, "documents per batch")
    hidden_units: int = _setting(96, "hidden units of the GRU in each direction")
    dropout: float = _setting(0.4, "dropout probability on the GRU's output")
    learning_rate: float = _setting(
        0.001, "Adam learning rate of newly initialised layers: top level and output layers"
    )
    transferred_learning_rate: float = _setting(
        0.0005, "Adam learning rate of the GRU and attention transferred from the parent"
    )
    validation_fraction: float = _setting(
        0.15, "fraction of the training documents held out for validation, drawn per category"
    )
    dimensions: int = _setting(100, "embedding dimensions when no word vectors are given")
    negatives: int = _setting(
        0, "negatives sampled per positive in each epoch; 0 trains on all documents"
    )
    search: str = _setting(
        "full",
        "class-weight search: full trains every weight to the end, racing prunes by successive "
        "halving",
    )
    precision: str = _setting(
        "float32",
        "float32, or mixed for bfloat16 autocast on CUDA devices that run it faster",
    )
    seed: int = _setting(0, "seed of all random numbers")
    transfer: bool = _setting(True, "initialise each child from its parent's model")
    freeze: bool = _setting(True, "train word embeddings at the top level only")
    two_rates: bool = _setting(True, "train transferred layers with --transferred-learning-rate")
    recursive_regularisation: float = _setting(
        0.00005, "weight of dgcnn's recursive regularisation, 0 for none"
    )
    regularised_pairs: str = _setting(
        "parents",
        "category pairs of the recursive regularisation: parents (with their children) or siblings",
    )
    folds: int = _setting(5, "cross-validation folds that set linear's thresholds")
    svm_c: float = _setting(1.0, "inverse regularisation strength C of linear's SVMs")
    tune_thresholds: bool = _setting(
        False, "use the threshold with the best validation F1 per category instead of 0.5"
    )
    calibrate: bool = _setting(
        False, "calibrate probabilities (Platt scaling) on each category's validation documents"
    )
    consistent: str = _setting(
        "no",
        "hierarchy consistency: up also accepts all ancestors of an accepted category, down "
        "rejects categories with a rejected ancestor",
    )
    weights_from: str = _setting("", "finished run whose class weights gru-att-multi-weighted uses")

    def __post_init__(self) -> None:
        if not self.class_weights:
            raise HTransError("--class-weights is empty; give at least one weight, for example 1,5")
        if len(set(self.class_weights)) < len(self.class_weights):
            raise HTransError("--class-weights contains a duplicate weight; give each weight once")
        for weight in self.class_weights:
            if not (math.isfinite(weight) and weight > 0):
                raise HTransError(f"--class-weights: {weight:g} is not a positive number")
        for name in ("epochs", "patience", "batch_size", "hidden_units", "dimensions"):
            if getattr(self, name) < 1:
                raise HTransError(f"{option_of(name)} must be at least 1")
        if self.max_words < 0:
            raise HTransError("--max-words must be at least 1, or 0 for all words")
        if self.folds < 2:
            raise HTransError("--folds must be at least 2")
        if not (math.isfinite(self.svm_c) and self.svm_c > 0):
            raise HTransError("--svm-c must be a positive number")
        if not 0 <= self.recursive_regularisation < 1:
            raise HTransError("--recursive-regularisation must be at least 0 and less than 1")
        for name in ("learning_rate", "transferred_learning_rate"):
            if not 0 < getattr(self, name) < 1:
                raise HTransError(f"{option_of(name)} must be between 0 and 1")
        if not 0 <= self.dropout < 1:
            raise HTransError("--dropout must be at least 0 and less than 1")
        if not 0 < self.validation_fraction < 1:
            raise HTransError("--validation-fraction must be between 0 and 1")
        if self.negatives < 0:
            raise HTransError("--negatives must be at least 1, or 0 for all documents")
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise HTransError(
                    f"{option_of(name)} {getattr(self, name)} is not a valid choice; use "
                    + " or ".join(choices)
                )
        if self.seed < 0:
            raise HTransError("--seed must not be negative")

    def epoch_size(self, documents: int, positives: int) -> tuple[int, int]:
        """Number of documents and of batches in one epoch.

        Negative sampling keeps the number of batches and makes the batches smaller, but not
        smaller than `MIN_BATCH`: rare categories get more negatives instead.

        Args:
            documents: Number of training documents.
            positives: Number of positives among them.

        Returns:
            (documents per epoch, batches per epoch).
        """
        batches = math.ceil(documents / self.batch_size)
        if not self.negatives:
            return documents, batches
        minimum = min(MIN_BATCH, self.batch_size) * batches
        sampled = max(positives * (1 + self.negatives), minimum)
        return min(sampled, documents), batches

    def to_json(self) -> str:
        """Serialise to a JSON object, for the database."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TrainingSettings:
        """Parse the output of `to_json`."""
        values = json.loads(text)
        values["class_weights"] = tuple(values["class_weights"])
        return cls(**values)


def option_of(name: str) -> str:
    """Command line option of a setting."""
    return "--" + name.replace("_", "-")


def meaning(name: str) -> str:
    """Help text of a setting."""
    return str(_metadata(name)["meaning"])


def default(name: str) -> Any:
    """Default value of a setting."""
    return TrainingSettings.__dataclass_fields__[name].default


def shown(value: Any) -> str:
    """Format a value for display: 0.00005 instead of 5e-05, tuples as 1,2,3, None as ""."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, (tuple, list)):
        return ",".join(map(shown, value))
    if isinstance(value, float):
        return f"{value:.10f}".rstrip("0").rstrip(".")
    return str(value)


def _metadata(name: str) -> Mapping[str, str]:
    return TrainingSettings.__dataclass_fields__[name].metadata


PRESETS: dict[str, dict[str, Any]] = {
    "paper": {},
    "fast": {"class_weights": (1.0, 2.0, 5.0), "negatives": 10, "search": "racing"},
    "smoke": {
        "class_weights": (1.0, 5.0),
        "epochs": 2,
        "patience": 1,
        "max_words": 30,
        "hidden_units": 16,
        "dimensions": 32,
    },
}
"""Settings that each preset changes. The defaults are those of the paper."""


def settings_changes(**given: Any) -> dict[str, Any]:
    """Drop the settings that the user did not set, that is, those that are None."""
    return {name: value for name, value in given.items() if value is not None}


def settings_for(
    preset: str, changes: Mapping[str, Any], system_defaults: Mapping[str, Any] | None = None
) -> TrainingSettings:
    """Settings of a preset with the user's changes.

    Args:
        preset: A key of `PRESETS`.
        changes: The user's settings. They override everything else.
        system_defaults: Settings of the system. They override the preset.

    Raises:
        HTransError: If the preset is unknown or a value is invalid.
    """
    if preset not in PRESETS:
        raise HTransError(f"unknown preset {preset!r}; use one of {', '.join(PRESETS)}")
    return TrainingSettings(**{**PRESETS[preset], **(system_defaults or {}), **changes})
