"""The settings of a training run: one home, each with its default, unit and meaning."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.errors import HTransError

SMALLEST_BATCH = 16
"""Documents in a batch at least, where negatives are sampled."""
PAPER_CLASS_WEIGHTS = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 50.0)

CHOICES = {
    "search": ("full", "racing"),
    "precision": ("float32", "mixed"),
    "consistent": ("no", "up", "down"),
    "regularised_pairs": ("parents", "siblings"),
}
"""What a setting may be, where it is one of a few words."""


def _setting(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Everything that decides what a run computes (Banerjee et al. 2019, sections 3 and 4)."""

    class_weights: tuple[float, ...] = _setting(
        PAPER_CLASS_WEIGHTS, "class weights to try for each category, comma-separated"
    )
    epochs: int = _setting(10, "most epochs for each class weight")
    patience: int = _setting(3, "stop after so many epochs without a better validation F1")
    max_words: int = _setting(100, "words of a document that are read, 0 for all")
    batch_size: int = _setting(128, "documents in a batch")
    hidden_units: int = _setting(96, "hidden units of the GRU in each direction")
    dropout: float = _setting(0.4, "share of the GRU's output that is dropped in training")
    learning_rate: float = _setting(
        0.001, "learning rate of Adam for what starts from scratch: top level and output layers"
    )
    transferred_learning_rate: float = _setting(
        0.0005, "learning rate of Adam for GRU and attention that come from the parent"
    )
    validation_fraction: float = _setting(
        0.15, "share of the training documents that validates, drawn for each category"
    )
    dimensions: int = _setting(100, "numbers in a word's embedding where no vectors are given")
    negatives: int = _setting(
        0,
        "train each epoch on all positives and this many negatives for each, drawn anew; 0 for all",
    )
    search: str = _setting(
        "full",
        "how class weights compete: full trains each to its end, racing drops those that trail",
    )
    precision: str = _setting(
        "float32",
        "numbers of the network: float32, or mixed for bfloat16 where a CUDA device gains by it",
    )
    seed: int = _setting(0, "seed of everything that is drawn at random")
    transfer: bool = _setting(True, "start each child from its parent's model")
    freeze: bool = _setting(True, "train word embeddings at the top level only")
    two_rates: bool = _setting(
        True, "train what comes from the parent with --transferred-learning-rate"
    )
    recursive_regularisation: float = _setting(
        0.00005, "weight of the recursive regularisation of dgcnn, 0 for none"
    )
    regularised_pairs: str = _setting(
        "parents",
        "categories that the regularisation pulls together: parents and their children, "
        "or siblings",
    )
    folds: int = _setting(5, "folds of the cross-validation that sets linear's thresholds")
    svm_c: float = _setting(1.0, "C of linear's support vector machines: larger fits closer")
    tune_thresholds: bool = _setting(
        False, "accept from the threshold with the best validation F1 of each category, not 0.5"
    )
    calibrate: bool = _setting(
        False, "turn scores into probabilities on the validation documents of each category"
    )
    consistent: str = _setting(
        "no",
        "decisions that fit the taxonomy: up accepts the ancestors of what is accepted, down drops "
        "what has one that is not",
    )
    weights_from: str = _setting(
        "", "finished run whose class weights gru-att-multi-weighted takes"
    )

    def __post_init__(self) -> None:
        if not self.class_weights:
            raise HTransError("--class-weights: give at least one weight, for example 1,5")
        if len(set(self.class_weights)) < len(self.class_weights):
            raise HTransError("--class-weights: a weight is given twice")
        for weight in self.class_weights:
            if not (math.isfinite(weight) and weight > 0):
                raise HTransError(f"--class-weights: {weight:g} is not a positive number")
        for name in ("epochs", "patience", "batch_size", "hidden_units", "dimensions"):
            if getattr(self, name) < 1:
                raise HTransError(f"{option_of(name)} must be at least 1")
        if self.max_words < 0:
            raise HTransError("--max-words must be at least 1, or 0 for all")
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
            raise HTransError("--negatives must be at least 1, or 0 for all")
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise HTransError(
                    f"{option_of(name)} {getattr(self, name)}: use {' or '.join(known)}"
                )
        if self.seed < 0:
            raise HTransError("--seed must not be negative")

    def epoch_size(self, documents: int, positives: int) -> tuple[int, int]:
        """Documents that an epoch trains on, and the number of its batches.

        Sampling negatives leaves the number of batches as it is without: batches become smaller,
        but not below `SMALLEST_BATCH`, where rare categories get more negatives instead.
        """
        batches = math.ceil(documents / self.batch_size)
        if not self.negatives:
            return documents, batches
        smallest = min(SMALLEST_BATCH, self.batch_size) * batches
        drawn = max(positives * (1 + self.negatives), smallest)
        return min(drawn, documents), batches

    def to_json(self) -> str:
        """As a JSON object, for the database."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, text: str) -> TrainingSettings:
        """Read what `to_json` wrote."""
        values = json.loads(text)
        values["class_weights"] = tuple(values["class_weights"])
        return cls(**values)


def option_of(name: str) -> str:
    """The command line option of a setting."""
    return "--" + name.replace("_", "-")


def meaning(name: str) -> str:
    """The sentence that says what a setting is."""
    return str(_metadata(name)["meaning"])


def default(name: str) -> Any:
    """The default of a setting."""
    return TrainingSettings.__dataclass_fields__[name].default


def shown(value: Any) -> str:
    """A value as people write it: 0.00005, not 5e-05; 1,2,3 for several; "" for none."""
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
"""What each preset changes of the defaults, which are the paper's."""


def settings_changes(**given: Any) -> dict[str, Any]:
    """The settings among `given` that are not None: those that the user has chosen."""
    return {name: value for name, value in given.items() if value is not None}


def settings_for(
    preset: str, changes: Mapping[str, Any], between: Mapping[str, Any] | None = None
) -> TrainingSettings:
    """The settings of a preset with the user's changes; raise `HTransError` for bad values.

    `between` is what a system changes: it goes before the preset, the user's changes before it.
    """
    if preset not in PRESETS:
        raise HTransError(f"there is no preset {preset!r}; known are {', '.join(PRESETS)}")
    return TrainingSettings(**{**PRESETS[preset], **(between or {}), **changes})
