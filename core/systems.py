"""The systems of the paper as plain settings over the same parts (sections 3 and 4).

Each is a network, whether one model serves all categories, and the settings that make it what it
is. All can be changed one by one, which is how the steps from one system to the next are measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import HTransError
from core.settings import TrainingSettings, option_of, settings_for

Network = Literal["gru-att", "dgcnn", "linear"]

_OF_TRANSFER = frozenset({"transfer", "freeze", "two_rates", "transferred_learning_rate"})
_OF_SEARCH = frozenset({"class_weights", "search", "negatives"})
_OF_DGCNN = frozenset({"recursive_regularisation", "regularised_pairs"})
_OF_LINEAR = frozenset({"folds", "svm_c"})
_OF_WEIGHTED = frozenset({"weights_from"})
_FROM_SCRATCH: dict[str, Any] = {"transfer": False, "freeze": False, "two_rates": False}
_JOINT: dict[str, Any] = {
    **_FROM_SCRATCH,
    "class_weights": (1.0,),
    "search": "full",
    "negatives": 0,
}


@dataclass(frozen=True, slots=True)
class System:
    """How the categories of a run are trained.

    `joint`: one model has an output for every category; otherwise each category has a model of its
    own. `defaults` are the settings in which it differs from the paper's HTrans, `without` those
    that mean nothing to it.
    """

    name: str
    description: str
    network: Network
    joint: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict)
    without: frozenset[str] = frozenset()

    @property
    def is_linear(self) -> bool:
        """Whether it is no neural network, and reads no word vectors."""
        return self.network == "linear"

    def settings(self, preset: str, changes: Mapping[str, Any]) -> TrainingSettings:
        """Its settings under a preset with the user's changes.

        Raises `HTransError` for a change that means nothing to it, or a bad value.
        """
        settings = settings_for(preset, changes, self.defaults)
        usual = settings_for(preset, {}, self.defaults)
        for name in changes:
            if name in self.without and getattr(settings, name) != getattr(usual, name):
                raise HTransError(
                    f"{option_of(name)} means nothing to the system {self.name}; leave it out"
                )
        return settings


SYSTEMS: dict[str, System] = {
    system.name: system
    for system in (
        System(
            "gru-att-basic",
            "class weight 1, each category from scratch",
            "gru-att",
            defaults={**_FROM_SCRATCH, "class_weights": (1.0,), "search": "full"},
            without=_OF_DGCNN | _OF_LINEAR | _OF_WEIGHTED | {"class_weights", "search"},
        ),
        System(
            "gru-att",
            "class weight searched, each category from scratch",
            "gru-att",
            defaults=_FROM_SCRATCH,
            without=_OF_DGCNN | _OF_LINEAR | _OF_WEIGHTED,
        ),
        System(
            "htrans",
            "class weight searched, each child starts from its parent's parameters",
            "gru-att",
            without=_OF_DGCNN | _OF_LINEAR | _OF_WEIGHTED,
        ),
        System(
            "gru-att-multi",
            "one model with an output for each category, no class weights",
            "gru-att",
            joint=True,
            defaults=_JOINT,
            without=_OF_TRANSFER | _OF_SEARCH | _OF_DGCNN | _OF_LINEAR | _OF_WEIGHTED,
        ),
        System(
            "gru-att-multi-weighted",
            "one model with an output for each category, class weights of a finished run",
            "gru-att",
            joint=True,
            defaults=_JOINT,
            without=_OF_TRANSFER | _OF_SEARCH | _OF_DGCNN | _OF_LINEAR,
        ),
        System(
            "dgcnn",
            "one convolutional network over graphs of words, recursive regularisation",
            "dgcnn",
            joint=True,
            defaults={**_JOINT, "batch_size": 32, "max_words": 0},
            without=_OF_TRANSFER
            | _OF_SEARCH
            | _OF_LINEAR
            | _OF_WEIGHTED
            | {"hidden_units", "dropout"},
        ),
        System(
            "linear",
            "TF-IDF and one linear support vector machine for each category",
            "linear",
            defaults={**_JOINT, "max_words": 0, "tune_thresholds": True, "calibrate": True},
            without=frozenset(TrainingSettings.__dataclass_fields__)
            - _OF_LINEAR
            - {"max_words", "consistent", "seed"},
        ),
    )
}


def system_named(name: str) -> System:
    """The system of that name; raise `HTransError` naming those there are."""
    try:
        return SYSTEMS[name]
    except KeyError:
        raise HTransError(f"there is no system {name!r}; known are {', '.join(SYSTEMS)}") from None
