"""Parts that systems of neural networks share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from core.corpus.examples import Examples
from core.models.model_files import (
    EMBEDDINGS,
    ModelInfo,
    TrainedModel,
    build_network,
    embeddings_name,
    model_content,
)
from core.models.network import TextNetwork
from core.systems.trial import ScoreColumns, TrialResult
from core.training.epochs import Trainer
from core.training.passes import pass_for
from core.training.scoring import logits_of, probabilities


def is_frozen(network: TextNetwork) -> bool:
    """Whether the embeddings are not trained."""
    return not network.embeddings.weight.requires_grad


def network_result(trainer: Trainer, info: ModelInfo) -> TrialResult:
    """Return the model of the best epoch.

    `info.embeddings` names the embedding table if it is stored already.
    """
    best = trainer.best_epoch
    assert best is not None
    if info.embeddings is not None:
        return TrialResult(model_content(best.state, info), info.embeddings)
    table = best.state.get(EMBEDDINGS, trainer.network.embeddings.weight.detach())
    name = embeddings_name(table)
    return TrialResult(model_content(best.state, replace(info, embeddings=name)), name, table)


def network_scores(
    model: TrainedModel, examples: Examples, device: torch.device, stop: Callable[[], bool]
) -> ScoreColumns:
    """Return probabilities (documents, outputs); targets are not read.

    Raises `ScoringAbandonedError` if `stop` returned true.
    """
    assert model.embeddings is not None
    outputs = len(model.info.categories)
    if outputs > 1:
        targets = np.zeros((len(examples), outputs), dtype=np.bool_)
        examples = Examples(examples.tokens, examples.rows, targets, examples.max_words)
    network = build_network(model.state, model.info, model.embeddings)
    runner = pass_for(network.to(device), device)
    return probabilities(logits_of(runner, examples, stop)).reshape(len(examples), outputs)
