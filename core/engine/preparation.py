"""Make a claimed trial ready to train: its network or linear model, its documents, its objective.

What differs between the systems is here, in `core.engine.scores` and in
`core.engine.classification`; the rest of the engine knows a `core.training.Training` and a file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from core.decisions import Scores
from core.engine.run_data import RunData, TrainedModel
from core.errors import TrainingError
from core.initialisation import (
    from_current,
    from_parent,
    from_scratch,
    new_dgcnn,
    parameter_groups,
)
from core.metrics import decided, support_weighted
from core.model_files import EMBEDDINGS, ModelInfo, embeddings_name, save_embeddings, save_model
from core.models.dgcnn import Dgcnn, RelatedOutputs
from core.models.network import TextNetwork
from core.settings import TrainingSettings
from core.training import Objective, Trainer, Training, TrialKey
from db.connection import Store
from db.corpora import taxonomy_of
from db.measures import ValidationFit
from db.runs import Attempt, RunCategory, run_category
from db.trials import Claim, record_source, trial_with_id

ALL_CATEGORIES = "all categories"
"""Stands for the category in the seeds of a model that serves all of them."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A training and what to do when it has finished.

    `write` puts the model into a file and returns the name of its embedding table, None without
    one; `put_table` stores that table where it is not there yet. `validation` gives the threshold
    and the scores of the validation documents, where the training itself has made them.
    """

    training: Training
    write: Callable[[Path], str | None]
    put_table: Callable[[], None] = lambda: None
    validation: Callable[[], tuple[ValidationFit, Scores] | None] = lambda: None


def prepare(
    store: Store,
    data: RunData,
    claim: Claim,
    attempt: Attempt,
    settings: TrainingSettings,
    device: torch.device,
) -> Prepared:
    """Build what the claimed trial trains.

    Raises `TrainingError` if it has nothing to start from.
    """
    category = run_category(store, claim.run_category_id)
    if data.system.is_linear:
        return _linear(data, category, settings)
    source = None
    if attempt.origin != "scratch":
        source = data.model_of(_source(store, category, claim, attempt))
    if data.system.joint:
        return _joint(store, data, category, source, settings, device)
    return _binary(data, category, claim, attempt.origin, source, settings, device)


def _binary(
    data: RunData,
    category: RunCategory,
    claim: Claim,
    origin: str,
    source: TrainedModel | None,
    settings: TrainingSettings,
    device: torch.device,
) -> Prepared:
    key = TrialKey(category.key, claim.class_weight)
    below = category.parent_id is not None
    frozen = settings.freeze and below
    network: TextNetwork
    if source is None:
        network = from_scratch(data.initial_embeddings(), key, settings, frozen=frozen)
    else:
        assert source.embeddings is not None
        if origin == "parent":
            network = from_parent(source.state, source.embeddings, key, settings)
        else:
            network = from_current(source.state, source.info, source.embeddings, frozen=frozen)
    groups = parameter_groups(
        network, settings, transferred=source is not None and settings.transfer and below
    )
    training, validation = data.training_and_validation(category)
    trainer = Trainer(network, groups, training, validation, key, settings, device)
    info = ModelInfo(
        "gru-att",
        (category.key,),
        claim.class_weight,
        source.info.embeddings if source is not None and _frozen(network) else None,
        settings.hidden_units,
        settings.dropout,
    )
    return _network(data, trainer, info)


def _joint(
    store: Store,
    data: RunData,
    lead: RunCategory,
    source: TrainedModel | None,
    settings: TrainingSettings,
    device: torch.device,
) -> Prepared:
    categories = data.together(lead)
    keys = tuple(category.key for category in categories)
    key = TrialKey(ALL_CATEGORIES, 1.0)
    # Without vectors a table that is not trained would stay noise.
    frozen = data.system.network == "dgcnn" and data.run.vectors_id is not None
    network: TextNetwork
    if source is not None:
        assert source.embeddings is not None
        network = from_current(source.state, source.info, source.embeddings, frozen=frozen)
    elif data.system.network == "dgcnn":
        network = new_dgcnn(data.initial_embeddings(), key, settings, len(keys), frozen=frozen)
    else:
        network = from_scratch(data.initial_embeddings(), key, settings, outputs=len(keys))
    if isinstance(network, Dgcnn):
        taxonomy = taxonomy_of(store, data.run.corpus_id)
        related = RelatedOutputs.of(keys, taxonomy, settings.regularised_pairs)
        network.regularise(related, settings.recursive_regularisation)
    weights = [category.class_weight for category in categories]
    weighted = any(weight is not None for weight in weights)
    objective = Objective(
        torch.tensor([1.0 if weight is None else weight for weight in weights]),
        support_weighted if weighted else decided,
    )
    training, validation = data.shared_training_and_validation(categories)
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
    info = ModelInfo(data.system.network, keys, 1.0, table, settings.hidden_units, settings.dropout)
    return _network(data, trainer, info)


def _frozen(network: TextNetwork) -> bool:
    return not network.embeddings.weight.requires_grad


def _network(data: RunData, trainer: Trainer, info: ModelInfo) -> Prepared:
    """`info.embeddings` is the table's name if it is known to be stored already."""

    def table() -> torch.Tensor:
        kept = trainer.kept
        assert kept is not None
        return kept.state.get(EMBEDDINGS, trainer.network.embeddings.weight.detach())

    def write(path: Path) -> str:
        kept = trainer.kept
        assert kept is not None
        name = info.embeddings or embeddings_name(table())
        save_model(
            path,
            kept.state,
            ModelInfo(
                info.network,
                info.categories,
                info.class_weight,
                name,
                info.hidden_units,
                info.dropout,
            ),
        )
        return name

    def put_table() -> None:
        if info.embeddings is None:
            save_embeddings(data.workspace.embeddings, table())

    return Prepared(trainer, write, put_table)


def _linear(data: RunData, category: RunCategory, settings: TrainingSettings) -> Prepared:
    from core.linear_training import LinearTraining

    examples = data.examples(category, "train")
    training = LinearTraining(data.training_vectors, examples.targets, category.key, settings)

    def write(path: Path) -> None:
        assert training.model is not None
        save_model(path, training.model.state(), ModelInfo("linear", (category.key,), 1.0, None))

    def validation() -> tuple[ValidationFit, Scores]:
        assert training.threshold is not None
        return ValidationFit(training.threshold.value, None, None), training.out_of_fold

    return Prepared(training, write, validation=validation)


def _source(store: Store, category: RunCategory, claim: Claim, attempt: Attempt) -> int:
    """The trial whose model this one starts from; the same when it is resumed."""
    recorded = trial_with_id(store, claim.trial_id).source_trial_id
    if recorded is not None:
        return recorded
    kept = category.kept_trial_id
    if attempt.origin == "parent" and category.parent_id is not None:
        kept = run_category(store, category.parent_id).kept_trial_id
    if kept is None:
        raise TrainingError(f"there is no model of the {attempt.origin} to start from")
    record_source(store, claim, kept)
    return kept
