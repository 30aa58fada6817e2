"""Make an assigned trial ready to train: its network or linear model, its documents, its objective.

What differs between the systems is here, in `core.engine.scoring.scores` and in
`core.engine.prediction.classification`; the rest of the engine knows a
`core.training.epochs.Training` and a product.
No database is needed, so that it works on any machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from core.corpus.examples import Examples
from core.engine.trials.trial_spec import TrialInputs, TrialSpec, training_and_validation
from core.metrics.decisions import Scores
from core.metrics.precision_recall import decided, support_weighted
from core.models.dgcnn import Dgcnn
from core.models.matrix_product import use_kernel
from core.models.model_files import EMBEDDINGS, ModelInfo, embeddings_name, model_content
from core.models.network import TextNetwork
from core.systems import system_named
from core.training.epochs import Objective, Trainer, Training, TrialKey
from core.training.initialisation import (
    from_current,
    from_parent,
    from_scratch,
    new_dgcnn,
    parameter_groups,
)
from db.metrics import PlattParams

ALL_CATEGORIES = "all categories"
"""Stands for the category in the seeds of a model that serves all of them."""


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What came of a finished training.

    `model` is the content of its file, `embeddings` the name of its embedding table, None without
    one; `table` is that table if it is not stored yet. `validation` has the threshold and the
    scores of the validation documents, where the training itself has made them.
    """

    model: bytes
    embeddings: str | None = None
    table: Tensor | None = None
    validation: tuple[PlattParams, Scores] | None = None


@dataclass(frozen=True, slots=True)
class PreparedTrial:
    """A training, and what makes its product when it has finished."""

    training: Training
    product: Callable[[], TrialResult]


def prepare(assignment: TrialSpec, materials: TrialInputs, device: torch.device) -> PreparedTrial:
    """Build what the assigned trial trains, and select the kernel of its run."""
    use_kernel(assignment.kernel)
    system = system_named(assignment.system)
    if system.is_linear:
        return _linear(assignment, materials)
    if system.joint:
        return _joint(assignment, materials, device)
    return _binary(assignment, materials, device)


def _binary(assignment: TrialSpec, materials: TrialInputs, device: torch.device) -> PreparedTrial:
    settings, source = assignment.settings, materials.source
    output = assignment.outputs[0]
    key = TrialKey(output.category_id, assignment.class_weight)
    frozen = settings.freeze and assignment.below
    network: TextNetwork
    if source is None:
        network = from_scratch(materials.embeddings(), key, settings, frozen=frozen)
    else:
        assert source.embeddings is not None
        if assignment.origin == "parent":
            network = from_parent(source.state, source.embeddings, key, settings)
        else:
            network = from_current(source.state, source.info, source.embeddings, frozen=frozen)
    groups = parameter_groups(
        network,
        settings,
        transferred=source is not None and settings.transfer and assignment.below,
    )
    training, validation = _split(assignment, materials, joint=False)
    trainer = Trainer(network, groups, training, validation, key, settings, device)
    info = ModelInfo(
        "gru-att",
        (output.category_id,),
        assignment.class_weight,
        source.info.embeddings if source is not None and _frozen(network) else None,
        settings.hidden_units,
        settings.dropout,
    )
    return PreparedTrial(trainer, lambda: _network_product(trainer, info))


def _joint(assignment: TrialSpec, materials: TrialInputs, device: torch.device) -> PreparedTrial:
    settings, source = assignment.settings, materials.source
    kind = system_named(assignment.system).network
    keys = tuple(output.category_id for output in assignment.outputs)
    key = TrialKey(ALL_CATEGORIES, 1.0)
    # Without vectors a table that is not trained would stay noise.
    frozen = kind == "dgcnn" and assignment.has_vectors
    network: TextNetwork
    if source is not None:
        assert source.embeddings is not None
        network = from_current(source.state, source.info, source.embeddings, frozen=frozen)
    elif kind == "dgcnn":
        network = new_dgcnn(materials.embeddings(), key, settings, len(keys), frozen=frozen)
    else:
        network = from_scratch(materials.embeddings(), key, settings, outputs=len(keys))
    if isinstance(network, Dgcnn):
        assert assignment.related is not None
        network.regularise(assignment.related, settings.recursive_regularisation)
    weights = [output.class_weight for output in assignment.outputs]
    weighted = any(weight is not None for weight in weights)
    objective = Objective(
        torch.tensor([1.0 if weight is None else weight for weight in weights]),
        support_weighted if weighted else decided,
    )
    training, validation = _split(assignment, materials, joint=True)
    trainer = Trainer(
        network,
        parameter_groups(network, settings),
        training,
        validation,
        key,
        settings,
        device,
        objective,
    )
    table = source.info.embeddings if source is not None and frozen else None
    info = ModelInfo(kind, keys, 1.0, table, settings.hidden_units, settings.dropout)
    return PreparedTrial(trainer, lambda: _network_product(trainer, info))


def _split(
    assignment: TrialSpec, materials: TrialInputs, *, joint: bool
) -> tuple[Examples, Examples]:
    return training_and_validation(
        materials.documents,
        assignment.outputs,
        assignment.settings.validation_fraction,
        assignment.split_seed,
        joint=joint,
    )


def _frozen(network: TextNetwork) -> bool:
    return not network.embeddings.weight.requires_grad


def _network_product(trainer: Trainer, info: ModelInfo) -> TrialResult:
    """`info.embeddings` is the table's name if it is known to be stored already."""
    kept = trainer.kept
    assert kept is not None
    if info.embeddings is not None:
        return TrialResult(model_content(kept.state, info), info.embeddings)
    table = kept.state.get(EMBEDDINGS, trainer.network.embeddings.weight.detach())
    name = embeddings_name(table)
    return TrialResult(model_content(kept.state, replace(info, embeddings=name)), name, table)


def _linear(assignment: TrialSpec, materials: TrialInputs) -> PreparedTrial:
    from core.training.linear import LinearTraining

    output = assignment.outputs[0]
    examples = materials.documents.examples(output.positives, "train")
    training = LinearTraining(
        materials.vectors(), examples.targets, output.category_id, assignment.settings
    )

    def product() -> TrialResult:
        assert training.model is not None
        assert training.threshold is not None
        info = ModelInfo("linear", (output.category_id,), 1.0, None)
        fit = PlattParams(training.threshold.value, None, None)
        content = model_content(training.model.state(), info)
        return TrialResult(content, validation=(fit, training.out_of_fold))

    return PreparedTrial(training, product)
