"""Running a network over documents on a device: padded batches, or packed ones on the CPU."""

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
    """Logits of a training batch and the targets in the same order, shaped like the targets."""

    logits: Tensor
    targets: Tensor


class Pass(Protocol):
    """Runs one network, whose embeddings may lag behind until `settle`."""

    @property
    def network(self) -> TextNetwork:
        """The network that runs."""

    def training(self, examples: Examples, chosen: Rows, seed: int) -> Scored:
        """A training batch of the documents at the places `chosen`; `seed` draws the dropout."""

    def scores(self, examples: Examples, chosen: Rows) -> Tensor:
        """Logits without dropout and gradient, in the order of `chosen`: (chosen,), or by output.

        Where the targets are (documents, outputs), so are the logits.
        """

    def embeddings(self) -> Tensor:
        """The parameter that stands for the network's embeddings where these are trained."""

    def settle(self) -> None:
        """Bring the network's embeddings up to date with the trained ones."""

    def reload(self) -> None:
        """Take over the network's embeddings, after they were loaded."""


def pass_for(
    network: TextNetwork,
    device: torch.device,
    training: Examples | None = None,
    precision: str = "float32",
) -> Pass:
    """The fastest pass for the device.

    `training` are the documents that will train, if any; `precision` is a setting of that name.
    """
    if device.type == "cpu" and isinstance(network, GruAtt):
        return PackedPass(network, training)
    return PaddedPass(network, device, training, precision)


class PaddedPass:
    """Runs the network's own forward function over padded batches. Nothing waits for the device."""

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
        chosen: Rows,
        seed: int,  # noqa: ARG002
    ) -> Scored:
        """Dropout draws from torch's generator, so `seed` is not used."""
        self.network.train()
        if self._resident is not None and examples is self._training:
            batch = self._resident.batch(chosen)
        else:
            batch = examples.batch(chosen, self._device)
        return Scored(self._logits(batch), batch.targets)

    @torch.no_grad()
    def scores(self, examples: Examples, chosen: Rows) -> Tensor:
        """Logits, shaped like the targets of `chosen`, in that order."""
        self.network.eval()
        return self._logits(examples.batch(chosen, self._device))

    def _logits(self, batch: Batch) -> Tensor:
        with torch.autocast(self._device.type, dtype=torch.bfloat16, enabled=self._mixed):
            logits: Tensor = self.network(batch.tokens, batch.lengths).logits
        return logits.reshape(batch.targets.shape).float()

    def embeddings(self) -> Tensor:
        """The network's own."""
        return self.network.embeddings.weight

    def settle(self) -> None:
        """Nothing to do."""

    def reload(self) -> None:
        """Nothing to do."""


class PackedPass:
    """Runs `PackedGruAtt` on the CPU.

    Where embeddings are trained, only the rows of words that the training documents have are: the
    others never get a gradient, and Adam moves a parameter that never had one by nothing.
    """

    def __init__(
        self, network: GruAtt, training: Examples | None = None, scratch: Scratch | None = None
    ) -> None:
        """`scratch` is shared by networks that take turns on batches without gradient."""
        self.network = network
        self._runner = PackedGruAtt(network, scratch)
        self._seen = np.zeros(len(network.embeddings.weight), dtype=np.int64)
        self._rows: Tensor | None = None
        self._trained = network.embeddings.weight
        if training is not None and network.embeddings.weight.requires_grad:
            self._rows = torch.from_numpy(training.words())
            self._place = torch.zeros(len(self._seen), dtype=torch.int64)
            self._place[self._rows] = torch.arange(len(self._rows))
            self._trained = nn.Parameter(network.embeddings.weight.detach()[self._rows])

    def training(self, examples: Examples, chosen: Rows, seed: int) -> Scored:
        """A training batch, its documents longest first."""
        packed = pack(examples.tokens, examples.rows[chosen], examples.max_words, self._seen)
        words = packed.words if self._rows is None else self._place[packed.words]
        network = self.network
        keep = None
        if network.dropout.p:
            width = network.attention.context.shape[0]
            keep = keep_factors(packed.total, width, network.dropout.p, seed)
        logits = self._runner.logits(packed, nn.functional.embedding(words, self._trained), keep)
        targets = examples.targets[chosen][packed.order].astype(np.float32)
        return Scored(logits.reshape(targets.shape), torch.from_numpy(targets))

    @torch.no_grad()
    def scores(self, examples: Examples, chosen: Rows) -> Tensor:
        """Logits, shaped like the targets of `chosen`, in that order."""
        packed = pack(examples.tokens, examples.rows[chosen], examples.max_words, self._seen)
        embedded = nn.functional.embedding(packed.words, self.network.embeddings.weight)
        logits = torch.empty(len(chosen), *examples.targets.shape[1:])
        found = self._runner.logits(packed, embedded)
        logits[torch.from_numpy(packed.order)] = found.reshape(logits.shape)
        return logits

    def embeddings(self) -> Tensor:
        """The rows that are trained, or the whole frozen table."""
        return self._trained

    @torch.no_grad()
    def settle(self) -> None:
        """Write the trained rows into the network's table."""
        if self._rows is not None:
            self.network.embeddings.weight[self._rows] = self._trained

    @torch.no_grad()
    def reload(self) -> None:
        """Read the trained rows from the network's table."""
        if self._rows is not None:
            self._trained.copy_(self.network.embeddings.weight[self._rows])
