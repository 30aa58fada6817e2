"""Settings of a training run, each declared once.

A field of `TrainingSettings` declares the type, range, default and help text of a setting.
Validation, error messages, command line options, forms and the reference come from the field.
"""

# ruff: noqa: RUF009 (`_setting` returns a field)

from __future__ import annotations

import dataclasses
import json
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, get_args, get_type_hints

import msgspec
from msgspec import Meta

from core.errors import HTransError

MIN_BATCH = 16
"""Minimum number of documents in a batch when negatives are sampled."""
PAPER_CLASS_WEIGHTS = (1.0, 2.0, 3.0, 5.0, 10.0, 30.0, 50.0)

GROUPS = {
    "training": "Training",
    "search": "Training",
    "transfer": "Systems and decision rules",
    "weights": "Systems and decision rules",
    "dgcnn": "Systems and decision rules",
    "linear": "Systems and decision rules",
    "decisions": "Systems and decision rules",
}
"""Groups of settings in the order of the help, each with its help panel.

Systems refer to groups in `System.unused`.
"""

Use = Literal["retrain", "reproduce", "run form", "retrain form"]
"""A command or a form that offers a setting. `train` offers all of them."""
EVERYWHERE: tuple[Use, ...] = get_args(Use)

Count = Annotated[int, Meta(ge=1)]
CountOrZero = Annotated[int, Meta(ge=0)]
Folds = Annotated[int, Meta(ge=2)]
Rate = Annotated[float, Meta(gt=0, lt=1)]
RateOrZero = Annotated[float, Meta(ge=0, lt=1)]
Positive = Annotated[float, Meta(gt=0, le=sys.float_info.max)]
Precision = Literal["float32", "mixed"]
ClassWeights = Annotated[tuple[Positive, ...], Meta(min_length=1)]


def _setting(
    default: Any, description: str, *uses: Use, group: str = "training", **options: str
) -> Any:
    """Declare a setting. See the fields of `Setting`."""
    about = {"description": description, "uses": uses, "group": group, "panel": GROUPS[group]}
    return field(default=default, metadata={**about, **options})


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """Hyperparameters of a run (Banerjee et al. 2019, sections 3 and 4)."""

    class_weights: ClassWeights = _setting(
        PAPER_CLASS_WEIGHTS,
        "class weights to try for each category, comma-separated",
        *EVERYWHERE,
        group="search",
    )
    epochs: Count = _setting(10, "maximum number of epochs per class weight", *EVERYWHERE)
    patience: Count = _setting(
        3,
        "early stopping: epochs without a better validation F1 before training stops",
        *("retrain", "reproduce"),
    )
    max_words: CountOrZero = _setting(
        100,
        "maximum number of words read per document, 0 for all",
        *("reproduce", "run form"),
        zero="all words",
    )
    batch_size: Count = _setting(128, "documents per batch", "retrain")
    hidden_units: Count = _setting(96, "hidden units of the GRU in each direction")
    dropout: RateOrZero = _setting(0.4, "dropout probability on the GRU's output")
    learning_rate: Rate = _setting(
        0.001,
        "Adam learning rate of newly initialised layers: top level and output layers",
        "retrain",
    )
    transferred_learning_rate: Rate = _setting(
        0.0005,
        "Adam learning rate of the GRU and attention transferred from the parent",
        "retrain",
        group="transfer",
        panel="Training",
    )
    validation_fraction: Rate = _setting(
        0.15, "fraction of the training documents held out for validation, drawn per category"
    )
    dimensions: Count = _setting(100, "embedding dimensions when no word vectors are given")
    negatives: CountOrZero = _setting(
        0,
        "negatives sampled per positive in each epoch; 0 trains on all documents",
        group="search",
        zero="all documents",
    )
    search: Literal["full", "racing"] = _setting(
        "full",
        "class-weight search: full trains every weight to the end, racing prunes by successive "
        "halving",
        group="search",
    )
    precision: Precision = _setting(
        "float32",
        "float32, or mixed for bfloat16 autocast on CUDA devices that run it faster",
    )
    seed: CountOrZero = _setting(0, "seed of all random numbers", "retrain", "run form")
    transfer: bool = _setting(
        True, "initialise each child from its parent's model", group="transfer"
    )
    freeze: bool = _setting(True, "train word embeddings at the top level only", group="transfer")
    two_rates: bool = _setting(
        True, "train transferred layers with --transferred-learning-rate", group="transfer"
    )
    recursive_regularisation: RateOrZero = _setting(
        0.00005, "weight of dgcnn's recursive regularisation, 0 for none", group="dgcnn"
    )
    regularised_pairs: Literal["parents", "siblings"] = _setting(
        "parents",
        "category pairs of the recursive regularisation: parents (with their children) or siblings",
        group="dgcnn",
    )
    folds: Folds = _setting(
        5, "cross-validation folds that set linear's thresholds", group="linear"
    )
    svm_c: Positive = _setting(
        1.0, "inverse regularisation strength C of linear's SVMs", group="linear"
    )
    tune_thresholds: bool = _setting(
        False,
        "use the threshold with the best validation F1 per category instead of 0.5",
        group="decisions",
    )
    calibrate: bool = _setting(
        False,
        "calibrate probabilities (Platt scaling) on each category's validation documents",
        group="decisions",
    )
    consistent: Literal["no", "up", "down"] = _setting(
        "no",
        "hierarchy consistency: up also accepts all ancestors of an accepted category, down "
        "rejects categories with a rejected ancestor",
        group="decisions",
    )
    weights_from: str = _setting(
        "",
        "finished run whose class weights gru-att-multi-weighted uses",
        "run form",
        group="weights",
        placeholder="a finished run",
    )

    def __post_init__(self) -> None:
        try:
            # Validate the stored form: it has no subclasses of float such as numpy's.
            msgspec.convert(json.loads(self.to_json()), _SCHEMA)
        except msgspec.ValidationError as error:
            name = re.findall(r"\$\.(\w+)", str(error))[-1]
            raise _setting_error(SETTINGS[name], getattr(self, name), error) from error
        if len(set(self.class_weights)) < len(self.class_weights):
            raise HTransError("--class-weights contains a duplicate weight; give each weight once")

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
        return cls(**values_from_json(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """The declaration of a setting: a field of `TrainingSettings`."""

    name: str
    annotation: Any
    default: Any
    description: str
    """Help text without capital letter and full stop."""
    uses: tuple[Use, ...]
    group: str
    panel: str
    zero: str = ""
    """Meaning of 0."""
    placeholder: str = ""
    """Text of an empty form field, if not the default."""

    @property
    def option(self) -> str:
        """Command line option."""
        return option_of(self.name)

    @property
    def hyphenated(self) -> str:
        """Name of the option without leading hyphens."""
        return self.name.replace("_", "-")

    @property
    def help(self) -> str:
        """Help text as a sentence."""
        return f"{self.description[0].upper()}{self.description[1:]}."

    @property
    def schema(self) -> dict[str, Any]:
        """JSON schema of the type."""
        return msgspec.json.schema(self.annotation)

    @property
    def choices(self) -> tuple[str, ...]:
        """Allowed values of an enumeration, in the order of the declaration."""
        return get_args(self.annotation) if "enum" in self.schema else ()

    def parse(self, text: str) -> Any:
        """Convert the text of an option or a form field.

        Raises:
            HTransError: If the text is not a valid value.
        """
        is_list = self.schema.get("type") == "array"
        value = [part.strip() for part in text.split(",")] if is_list else text
        try:
            return msgspec.convert(value, self.annotation, strict=False)
        except msgspec.ValidationError as error:
            raise _setting_error(self, value, error) from error


_ANNOTATIONS = get_type_hints(TrainingSettings, include_extras=True)
_SCHEMA = msgspec.defstruct("_SCHEMA", list(_ANNOTATIONS.items()))
SETTINGS = {
    name: Setting(name=name, annotation=_ANNOTATIONS[name], default=each.default, **each.metadata)
    for name, each in TrainingSettings.__dataclass_fields__.items()
}
"""All settings by name, in the order of their declaration."""


def settings_used_in(use: Use) -> tuple[str, ...]:
    """Names of the settings that a command or a form offers."""
    return tuple(name for name, setting in SETTINGS.items() if use in setting.uses)


def settings_in_group(group: str) -> frozenset[str]:
    """Names of the settings of a group."""
    return frozenset(name for name, setting in SETTINGS.items() if setting.group == group)


def values_from_json(text: str) -> dict[str, Any]:
    """Parse a JSON object of settings, complete or not."""
    values = json.loads(text).items()
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values}


def option_of(name: str) -> str:
    """Command line option of a setting."""
    return "--" + name.replace("_", "-")


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


_BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "greater than",
    "maximum": "at most",
    "exclusiveMaximum": "less than",
}


def _setting_error(setting: Setting, value: Any, error: msgspec.ValidationError) -> HTransError:
    """Turn an error of the schema into one line that names the option and the valid values."""
    schema, text = setting.schema, str(error)
    if setting.choices:
        problem = f" {shown(value)} is not a valid choice; use {' or '.join(setting.choices)}"
    elif ", got `" in text and schema["type"] == "array":
        problem = f" {shown(value)}: give numbers such as 1,5,10"
    elif ", got `" in text:
        problem = f" {shown(value)} is not a valid {schema['type']}"
    elif index := re.search(r"\[(\d+)\]", text):
        problem = f": {shown(value[int(index[1])])} is not {_range(schema['items'])}"
    elif "minItems" in schema:
        problem = " is empty; give at least one weight, for example 1,5"
    else:
        zero = f"at least 1, or 0 for {setting.zero}"
        problem = f" must be {zero if setting.zero else _range(schema)}"
    return HTransError(setting.option + problem)


def _range(schema: Mapping[str, Any]) -> str:
    """Describe the range of a number."""
    if schema.get("maximum") == sys.float_info.max:
        return "a positive number"
    return " and ".join(
        f"{words} {schema[key]:g}" for key, words in _BOUNDS.items() if key in schema
    )


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
