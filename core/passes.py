"""Running a network over documents on a device: padded batches, or packed ones on the CPU."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from core.dropout import keep_factors
from core.examples import Examples, Rows
from core.models.gru_att import GruAtt
from core.models.packed_gru_att import PackedGruAtt
from core.packing import pack


class Scored(NamedTuple):
    """Logits of a training batch and the targets in the same order, both (batch,)."""

    logits: Tensor
    targets: Tensor


class Pass(Protocol):
    """Runs one network. `network` is the one; its embeddings may lag behind until `settle`."""

    network: GruAtt

    def training(self, examples: Examples, chosen: Rows, seed: int) -> Scored:
        """A training batch of the documents at the places `chosen`; `seed` draws the dropout."""

    def scores(self, examples: Examples, chosen: Rows) -> npt.NDArray[np.float32]:
        """Logits (chosen,) without dropout and gradient, in the order of `chosen`."""

    def embeddings(self) -> Tensor:
        """The parameter that stands for the network's embeddings where these are trained."""

    def settle(self) -> None:
        """Bring the network's embeddings up to date with the trained ones."""

    def reload(self) -> None:
        """Take over the network's embeddings, after they were loaded."""


def pass_for(network: GruAtt, device: torch.device, training: Examples | None = None) -> Pass:
    """The fastest pass for the device. `training` are the documents that will train, if any."""
    if device.type == "cpu":
        return PackedPass(network, training)
    return PaddedPass(network, device)


class PaddedPass:
    """Runs the network's own forward function over padded batches."""

    def __init__(self, network: GruAtt, device: torch.device) -> None:
        self.network = network
        self._device = device

    def training(self, examples: Examples, chosen: Rows, seed: int) -> Scored:
        """Dropout draws from torch's generator; `seed` is not used."""
        self.network.train()
        batch = examples.batch(chosen, self._device)
        return Scored(self.network(batch.tokens, batch.lengths).logits.squeeze(1), batch.targets)

    @torch.inference_mode()
    def scores(self, examples: Examples, chosen: Rows) -> npt.NDArray[np.float32]:
        """Logits (chosen,), in the order of `chosen`."""
        self.network.eval()
        batch = examples.batch(chosen, self._device)
        logits = self.network(batch.tokens, batch.lengths).logits.squeeze(1)
        result: npt.NDArray[np.float32] = logits.cpu().numpy()
        return result

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

    def __init__(self, network: GruAtt, training: Examples | None = None) -> None:
        self.network = network
        self._runner = PackedGruAtt(network)
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
        return Scored(logits.squeeze(1), torch.from_numpy(targets))

    @torch.no_grad()
    def scores(self, examples: Examples, chosen: Rows) -> npt.NDArray[np.float32]:
        """Logits (chosen,), in the order of `chosen`."""
        packed = pack(examples.tokens, examples.rows[chosen], examples.max_words, self._seen)
        embedded = nn.functional.embedding(packed.words, self.network.embeddings.weight)
        logits = np.empty(len(chosen), dtype=np.float32)
        logits[packed.order] = self._runner.logits(packed, embedded).squeeze(1).numpy()
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
