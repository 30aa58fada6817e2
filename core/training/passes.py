"""Forward passes of a network over documents: padded batches, or packed ones on the CPU."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from core.corpus.examples import Batch, Examples, Rows
from core.models.dropout import keep_factors
from core.models.gru_att import GruAtt
from core.models.network import TextNetwork
from core.models.packed_gru_att import PackedGruAtt, Scratch
from core.models.packing import pack
from core.training.resident import ResidentDocuments


class Scored(NamedTuple):
    """Logits and targets of a training batch, in the same order and shape."""

    logits: Tensor
    targets: Tensor


class Pass(Protocol):
    """Forward pass of one network. The network's embeddings may be stale until `settle`."""

    @property
    def network(self) -> TextNetwork:
        """The network."""

    def training(self, examples: Examples, indices: Rows, seed: int) -> Scored:
        """Forward pass with dropout and gradients.

        Args:
            examples: The training examples.
            indices: Indices of the batch in `examples` (batch,).
            seed: Seed of the dropout mask.
        """

    def scores(self, examples: Examples, indices: Rows) -> Tensor:
        """Forward pass without dropout and gradients.

        Returns:
            Logits in the order of `indices`: (indices,), or (indices, outputs) if the targets of
            `examples` are (documents, outputs).
        """

    def embeddings(self) -> Tensor:
        """Embedding parameter that the optimizer updates.

        A subset of the rows on the CPU, the complete table elsewhere.
        """

    def settle(self) -> None:
        """Copy the trained embeddings to the network."""

    def reload(self) -> None:
        """Copy the network's embeddings to the trained parameter, after they were loaded."""


def pass_for(
    network: TextNetwork,
    device: torch.device,
    training: Examples | None = None,
    precision: str = "float32",
) -> Pass:
    """Choose the fastest pass for the device.

    Args:
        network: The network.
        device: The device of the network.
        training: Training examples, None for scoring only.
        precision: Value of the setting `precision`.
    """
    if device.type == "cpu" and isinstance(network, GruAtt):
        return PackedPass(network, training)
    return PaddedPass(network, device, training, precision)


class PaddedPass:
    """Pass that calls the network's `forward` on padded batches, without device synchronisation."""

    def __init__(
        self,
        network: TextNetwork,
        device: torch.device,
        training: Examples | None = None,
        precision: str = "float32",
    ) -> None:
        self.network = network
        self._device = device
        self._training = training
        self._resident = ResidentDocuments(training, device) if training is not None else None
        self._mixed = precision == "mixed"

    def training(
        self,
        examples: Examples,
        indices: Rows,
        seed: int,  # noqa: ARG002
    ) -> Scored:
        """Forward pass with dropout from torch's generator; `seed` is unused."""
        self.network.train()
        if self._resident is not None and examples is self._training:
            batch = self._resident.batch(indices)
        else:
            batch = examples.batch(indices, self._device)
        return Scored(self._logits(batch), batch.targets)

    @torch.no_grad()
    def scores(self, examples: Examples, indices: Rows) -> Tensor:
        """Logits in the order of `indices`, shaped like the targets."""
        self.network.eval()
        return self._logits(examples.batch(indices, self._device))

    def _logits(self, batch: Batch) -> Tensor:
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._mixed):
            logits: Tensor = self.network(batch.tokens, batch.lengths).logits
        return logits.reshape(batch.targets.shape).float()

    def embeddings(self) -> Tensor:
        """The network's embedding table."""
        return self.network.embeddings.weight

    def settle(self) -> None:
        """Do nothing: the optimizer updates the network's table."""

    def reload(self) -> None:
        """Do nothing: the optimizer updates the network's table."""


class PackedPass:
    """Pass that runs `PackedGruAtt` on the CPU.

    Only embedding rows of words in the training documents are trained. The other rows never get a
    gradient, so Adam would not change them.
    """

    def __init__(
        self, network: GruAtt, training: Examples | None = None, scratch: Scratch | None = None
    ) -> None:
        """Wrap a network. Networks that alternate without gradients can share a `scratch`."""
        self.network = network
        self._runner = PackedGruAtt(network, scratch)
        self._seen = np.zeros(len(network.embeddings.weight), dtype=np.int64)
        self._rows: Tensor | None = None
        self._trained = network.embeddings.weight
        if training is not None and network.embeddings.weight.requires_grad:
            self._rows = torch.from_numpy(training.words())
            self._row_of_word = torch.zeros(len(self._seen), dtype=torch.int64)
            self._row_of_word[self._rows] = torch.arange(len(self._rows))
            self._trained = nn.Parameter(network.embeddings.weight.detach()[self._rows])

    def training(self, examples: Examples, indices: Rows, seed: int) -> Scored:
        """Forward pass with dropout and gradients, longest documents first."""
        packed = pack(examples.tokens, examples.rows[indices], examples.max_words, self._seen)
        words = packed.words if self._rows is None else self._row_of_word[packed.words]
        network = self.network
        keep = None
        if network.dropout.p:
            width = network.attention.context.shape[0]
            keep = keep_factors(packed.total, width, network.dropout.p, seed)
        logits = self._runner.logits(packed, nn.functional.embedding(words, self._trained), keep)
        targets = examples.targets[indices][packed.order].astype(np.float32)
        return Scored(logits.reshape(targets.shape), torch.from_numpy(targets))

    @torch.no_grad()
    def scores(self, examples: Examples, indices: Rows) -> Tensor:
        """Logits in the order of `indices`, shaped like the targets."""
        packed = pack(examples.tokens, examples.rows[indices], examples.max_words, self._seen)
        embedded = nn.functional.embedding(packed.words, self.network.embeddings.weight)
        logits = torch.empty(len(indices), *examples.targets.shape[1:])
        packed_logits = self._runner.logits(packed, embedded)
        logits[torch.from_numpy(packed.order)] = packed_logits.reshape(logits.shape)
        return logits

    def embeddings(self) -> Tensor:
        """Trained rows of the embedding table, or the complete frozen table."""
        return self._trained

    @torch.no_grad()
    def settle(self) -> None:
        """Copy the trained rows to the network's table."""
        if self._rows is not None:
            self.network.embeddings.weight[self._rows] = self._trained

    @torch.no_grad()
    def reload(self) -> None:
        """Copy the trained rows from the network's table."""
        if self._rows is not None:
            self._trained.copy_(self.network.embeddings.weight[self._rows])
