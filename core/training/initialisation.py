"""How a category's network starts, and with which learning rates (Banerjee et al. 2019, section 3).

From scratch: everything is drawn at random and trained with one learning rate. From the parent:
everything but the output layer is the parent's, the embeddings are frozen, and GRU and attention
learn more slowly than the output layer; each of these two can be switched off. From its current
model: a retraining that goes on from what the category has.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from core.models.dgcnn import Dgcnn
from core.models.gru_att import GruAtt
from core.models.model_files import ModelInfo, build_network
from core.models.network import TextNetwork
from core.seeds import seed_for
from core.settings import TrainingSettings
from core.training.epochs import TrialKey


def from_scratch(
    embeddings: Tensor,
    key: TrialKey,
    settings: TrainingSettings,
    *,
    outputs: int = 1,
    frozen: bool = False,
) -> GruAtt:
    """A new network over a copy of `embeddings` (words, dimensions), which may be `frozen`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        network = GruAtt(embeddings.clone(), settings.hidden_units, settings.dropout, outputs)
    network.embeddings.weight.requires_grad_(not frozen)
    return network


def new_dgcnn(
    embeddings: Tensor, key: TrialKey, settings: TrainingSettings, outputs: int, *, frozen: bool
) -> Dgcnn:
    """A new DGCNN over a copy of `embeddings` (words, dimensions), which may be `frozen`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        network = Dgcnn(embeddings.clone(), outputs)
    network.embeddings.weight.requires_grad_(not frozen)
    return network


def from_parent(
    parent_state: dict[str, Tensor], embeddings: Tensor, key: TrialKey, settings: TrainingSettings
) -> GruAtt:
    """The parent's network with a new output layer; frozen embeddings are shared, not copied."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        table = embeddings if settings.freeze else embeddings.clone()
        network = GruAtt(table, settings.hidden_units, settings.dropout)
        kept = {
            n: v for n, v in parent_state.items() if not n.startswith(("output.", "embeddings."))
        }
        network.load_state_dict(kept, strict=False)
        network.reset_output()
    network.embeddings.weight.requires_grad_(not settings.freeze)
    return network


def from_current(
    state: dict[str, Tensor], info: ModelInfo, embeddings: Tensor, *, frozen: bool
) -> TextNetwork:
    """A category's own model, its output layer too; its embeddings may be `frozen`."""
    network = build_network(state, info, embeddings if frozen else embeddings.clone())
    network.embeddings.weight.requires_grad_(not frozen)
    return network


def parameter_groups(
    network: TextNetwork, settings: TrainingSettings, *, transferred: bool = False
) -> list[dict[str, Any]]:
    """Parameters and learning rates for Adam: two rates if `transferred` and so set, else one."""
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    if not (transferred and settings.two_rates):
        return [{"params": list(trained.values()), "lr": settings.learning_rate}]
    output = [p for n, p in trained.items() if n.startswith("output.")]
    below = [p for n, p in trained.items() if not n.startswith("output.")]
    return [
        {"params": below, "lr": settings.transferred_learning_rate},
        {"params": output, "lr": settings.learning_rate},
    ]


def _seed(key: TrialKey, settings: TrainingSettings, purpose: str) -> int:
    return seed_for(settings.seed, key.category_id, key.class_weight, purpose)
