"""How a category's network starts, and with which learning rates (Banerjee et al. 2019, section 3).

From scratch: everything is drawn at random and trained with one learning rate. From the parent:
everything but the output layer is the parent's, the embeddings are frozen, and GRU and attention
learn more slowly than the output layer. From its current model: a retraining that goes on from what
the category has.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.models.gru_att import GruAtt
from core.seeds import seed_for
from core.settings import TrainingSettings
from core.training import TrialKey


def from_scratch(embeddings: Tensor, key: TrialKey, settings: TrainingSettings) -> GruAtt:
    """A new network with a copy of `embeddings` (words, dimensions), all of it trainable."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        return GruAtt(embeddings.clone(), settings.hidden_units, settings.dropout)


def from_parent(
    parent_state: dict[str, Tensor], embeddings: Tensor, key: TrialKey, settings: TrainingSettings
) -> GruAtt:
    """The parent's network with a new output layer; the embeddings are shared and frozen."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        network = GruAtt(embeddings, settings.hidden_units, settings.dropout)
        kept = {
            n: v for n, v in parent_state.items() if not n.startswith(("output.", "embeddings."))
        }
        network.load_state_dict(kept, strict=False)
        network.reset_output()
    network.embeddings.weight.requires_grad_(False)
    return network


def from_current(
    state: dict[str, Tensor], embeddings: Tensor, settings: TrainingSettings, *, frozen: bool
) -> GruAtt:
    """A category's own model, its output layer too; its embeddings are `frozen` below the top."""
    network = GruAtt(
        embeddings if frozen else embeddings.clone(), settings.hidden_units, settings.dropout
    )
    network.load_state_dict(
        {n: v for n, v in state.items() if not n.startswith("embeddings.")}, strict=False
    )
    network.embeddings.weight.requires_grad_(not frozen)
    return network


def parameter_groups(network: GruAtt, settings: TrainingSettings) -> list[dict[str, Any]]:
    """Parameters and learning rates for Adam: two rates if the embeddings are frozen, else one."""
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    if network.embeddings.weight.requires_grad:
        return [{"params": list(trained.values()), "lr": settings.learning_rate}]
    output = [p for n, p in trained.items() if n.startswith("output.")]
    transferred = [p for n, p in trained.items() if not n.startswith("output.")]
    return [
        {"params": transferred, "lr": settings.transferred_learning_rate},
        {"params": output, "lr": settings.learning_rate},
    ]


def _seed(key: TrialKey, settings: TrainingSettings, purpose: str) -> int:
    return seed_for(settings.seed, key.category_id, key.class_weight, purpose)
