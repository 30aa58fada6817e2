"""What every neural network of a run is to the rest of the program."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn


class Encoded(NamedTuple):
    """What a network says of a batch: `logits` (batch, outputs), `attention` (batch, time).

    `attention` is None where the network has none.
    """

    logits: Tensor
    attention: Tensor | None


class TextNetwork(nn.Module):
    """Token ids to logits, by way of word embeddings.

    Called with `tokens` (batch, time) and `lengths` (batch,), each at least 1, it gives `Encoded`.
    """

    embeddings: nn.Embedding
    output: nn.Linear

    def penalty(self) -> Tensor | None:
        """What is added to the loss of a training batch, a scalar, or None."""
        return None


def embedding_layer(embeddings: Tensor, padding: int) -> nn.Embedding:
    """A layer over `embeddings` (words, dimensions), taken as they are, not copied."""
    return nn.Embedding(
        len(embeddings),
        embeddings.shape[1],
        padding_idx=padding,
        _weight=embeddings,
        _freeze=False,
    )
