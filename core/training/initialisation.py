"""Initial parameters and learning rates of a network (Banerjee et al. 2019, section 3).

- From scratch: random parameters, one learning rate.
- From the parent: all parameters except the output layer are the parent's. The embeddings are
  frozen, and the GRU and attention have a lower learning rate than the output layer. Settings can
  disable freezing and the second learning rate.
- From the active model: warm start of a retraining.
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
    """Create a GRU-Att with random parameters.

    Args:
        embeddings: Initial word embeddings (words, dimensions). They are copied.
        key: Key of the random numbers.
        settings: Settings of the run.
        outputs: Number of outputs.
        frozen: True to freeze the embeddings.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        network = GruAtt(embeddings.clone(), settings.hidden_units, settings.dropout, outputs)
    network.embeddings.weight.requires_grad_(not frozen)
    return network


def new_dgcnn(
    embeddings: Tensor, key: TrialKey, settings: TrainingSettings, outputs: int, *, frozen: bool
) -> Dgcnn:
    """Create a DGCNN with random parameters. The arguments are those of `from_scratch`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        network = Dgcnn(embeddings.clone(), outputs)
    network.embeddings.weight.requires_grad_(not frozen)
    return network


def from_parent(
    parent_state: dict[str, Tensor], embeddings: Tensor, key: TrialKey, settings: TrainingSettings
) -> GruAtt:
    """Create a GRU-Att from the parent's parameters, with a new output layer.

    Args:
        parent_state: Parameters of the parent's model.
        embeddings: Word embeddings (words, dimensions). They are copied unless they are frozen.
        key: Key of the random numbers.
        settings: Settings of the run.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(key, settings, "initial parameters"))
        table = embeddings if settings.freeze else embeddings.clone()
        network = GruAtt(table, settings.hidden_units, settings.dropout)
        transferred = {
            n: v for n, v in parent_state.items() if not n.startswith(("output.", "embeddings."))
        }
        network.load_state_dict(transferred, strict=False)
        network.reset_output()
    network.embeddings.weight.requires_grad_(not settings.freeze)
    return network


def from_current(
    state: dict[str, Tensor], info: ModelInfo, embeddings: Tensor, *, frozen: bool
) -> TextNetwork:
    """Create a network from a category's active model, including its output layer."""
    network = build_network(state, info, embeddings if frozen else embeddings.clone())
    network.embeddings.weight.requires_grad_(not frozen)
    return network


def parameter_groups(
    network: TextNetwork, settings: TrainingSettings, *, transferred: bool = False
) -> list[dict[str, Any]]:
    """Parameter groups for Adam.

    Args:
        network: The network. Frozen parameters are left out.
        settings: Settings of the run.
        transferred: True if the network starts from its parent's parameters. With the setting
            `two_rates`, the transferred parameters then form a group with their own learning rate.
    """
    trained = {n: p for n, p in network.named_parameters() if p.requires_grad}
    if not (transferred and settings.two_rates):
        return [{"params": list(trained.values()), "lr": settings.learning_rate}]
    output = [p for n, p in trained.items() if n.startswith("output.")]
    hidden = [p for n, p in trained.items() if not n.startswith("output.")]
    return [
        {"params": hidden, "lr": settings.transferred_learning_rate},
        {"params": output, "lr": settings.learning_rate},
    ]


def _seed(key: TrialKey, settings: TrainingSettings, purpose: str) -> int:
    return seed_for(settings.seed, key.category_id, key.class_weight, purpose)
