"""Baseline implementation of GRU-Att training, for comparison.

One bidirectional `nn.GRU` under autograd, all documents padded to the maximum length, torch's own
dropout and default number of threads. The GRU reads padding like words.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor, nn

from core.bench.workload import Workload
from core.corpus.examples import Examples
from core.models.gru_att import Attention
from core.settings import TrainingSettings


class PlainGruAtt(nn.Module):
    """GRU-Att over documents padded to one length, with frozen embeddings."""

    def __init__(self, embeddings: Tensor, settings: TrainingSettings) -> None:
        super().__init__()
        width = 2 * settings.hidden_units
        words, dimensions = embeddings.shape
        self.embeddings = nn.Embedding(words, dimensions, _weight=embeddings, _freeze=True)
        self.gru = nn.GRU(dimensions, settings.hidden_units, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(settings.dropout)
        self.attention = Attention(width)
        self.output = nn.Linear(3 * width, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (batch,) of `tokens` (batch, time)."""
        states = self.dropout(self.gru(self.embeddings(tokens))[0])
        inside = tokens != 0
        attention = self.attention(states, inside)
        attended = (attention.unsqueeze(1) @ states).squeeze(1)
        mask = inside.unsqueeze(2)
        highest = states.masked_fill(~mask, float("-inf")).amax(dim=1)
        mean = states.masked_fill(~mask, 0.0).sum(dim=1) / inside.sum(dim=1, keepdim=True)
        logits: Tensor = self.output(torch.cat((attended, highest, mean), dim=1))
        return logits.squeeze(1)


def train_plainly(
    workload: Workload,
    settings: TrainingSettings,
    class_weights: tuple[float, ...],
    epochs: int,
    device: torch.device,
    validation: Examples | None = None,
) -> tuple[int, float]:
    """Train one network per class weight, one after the other.

    Returns:
        Documents trained on and seconds, including those of scoring the `validation` documents
        after each epoch.
    """
    padded = _padded(workload.examples)
    validating = None if validation is None else _padded(validation)
    targets = torch.from_numpy(workload.examples.targets.astype(np.float32))
    documents, started = 0, time.perf_counter()
    for weight in class_weights:
        network = PlainGruAtt(workload.embeddings, settings).to(device)
        trained = [p for p in network.parameters() if p.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=settings.learning_rate)
        loss_of = nn.BCEWithLogitsLoss(pos_weight=torch.tensor(weight, device=device))
        for _ in range(epochs):
            batches = torch.randperm(len(padded)).split(settings.batch_size)  # type: ignore[no-untyped-call]
            for batch in batches:
                optimizer.zero_grad()
                loss = loss_of(network(padded[batch].to(device)), targets[batch].to(device))
                loss.backward()
                optimizer.step()
                loss.item()
                documents += len(batch)
            if validating is not None:
                _score(network, validating, settings.batch_size, device)
    return documents, time.perf_counter() - started


def _padded(examples: Examples) -> Tensor:
    """Token ids (documents, maximum length)."""
    ids, _ = examples.tokens.batch(examples.rows, examples.max_words)
    padded = torch.zeros(len(ids), examples.max_words, dtype=torch.int64)
    padded[:, : ids.shape[1]] = torch.from_numpy(ids)
    return padded


@torch.no_grad()
def _score(network: PlainGruAtt, padded: Tensor, batch_size: int, device: torch.device) -> None:
    network.eval()
    for start in range(0, len(padded), batch_size):
        network(padded[start : start + batch_size].to(device)).sigmoid().cpu()
    network.train()
