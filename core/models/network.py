"""Common interface of all neural networks."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Encoded(NamedTuple):
    """Output of a network: `logits` (batch, outputs) and `attention` weights (batch, time).

    `attention` is None for a network without attention.
    """

    logits: Tensor
    attention: Tensor | None


class TextNetwork(nn.Module):
    """Network that maps token ids to logits over word embeddings.

    `forward` takes `tokens` (batch, time) and `lengths` (batch,), each at least 1, and returns
    `Encoded`.
    """

    embeddings: nn.Embedding
    output: nn.Linear

    def penalty(self) -> Tensor | None:
        """Regularisation term (scalar) to add to the training loss, or None."""
        return None


def embedding_layer(embeddings: Tensor, padding: int) -> nn.Embedding:
    """Embedding layer over `embeddings` (words, dimensions), without copying them."""
    return nn.Embedding(
        len(embeddings),
        embeddings.shape[1],
        padding_idx=padding,
        _weight=embeddings,
        _freeze=False,
    )
