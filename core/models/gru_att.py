"""GRU-Att: bidirectional GRU with word attention (Banerjee et al. 2019, section 3, figure 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from core.models.network import Encoded, TextNetwork, embedding_layer
from core.text.vocabulary import PADDING


class Attention(nn.Module):
    """Word attention (Yang et al. 2016, equations 5–7): u = tanh(W s + b), a = softmax(u · u_w)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.projection = nn.Linear(width, width)
        self.context = nn.Parameter(torch.empty(width))
        nn.init.uniform_(self.context, -0.1, 0.1)

    def forward(self, states: Tensor, inside: Tensor) -> Tensor:
        """Attention weights (batch, time) of `states` (batch, time, width).

        Weights are 0 where `inside` (batch, time) is False.
        """
        scores = torch.tanh(self.projection(states)) @ self.context
        return torch.softmax(scores.masked_fill(~inside, float("-inf")), dim=1)


class GruAtt(TextNetwork):
    """GRU-Att, the network of the paper.

    The two directions are separate GRUs. The backward GRU reads each document reversed within the
    document's own length. Padding therefore affects no state of a word, as with packed sequences,
    but without their cost on CPUs.
    """

    def __init__(
        self,
        embeddings: Tensor,
        hidden_units: int = 96,
        dropout: float = 0.4,
        outputs: int = 1,
    ) -> None:
        """Build the network over `embeddings` (words, dimensions), without copying them."""
        super().__init__()
        width = 2 * hidden_units
        self.embeddings = embedding_layer(embeddings, PADDING)
        self.forward_gru = nn.GRU(embeddings.shape[1], hidden_units, batch_first=True)
        self.backward_gru = nn.GRU(embeddings.shape[1], hidden_units, batch_first=True)
        self.dropout = nn.Dropout(dropout)
        self.attention = Attention(width)
        self.output = nn.Linear(3 * width, outputs)

    def forward(self, tokens: Tensor, lengths: Tensor) -> Encoded:
        """Score documents.

        Args:
            tokens: Token ids (batch, time), padded with `PADDING`.
            lengths: Document lengths (batch,), each at least 1.

        Returns:
            Logits (batch, outputs) and attention weights (batch, time).
        """
        positions = torch.arange(tokens.shape[1], device=tokens.device)
        inside = positions < lengths[:, None]
        states = self.dropout(self._states(tokens, lengths, positions, inside))
        attention = self.attention(states, inside)
        attended = (attention.unsqueeze(1) @ states).squeeze(1)
        mask = inside.unsqueeze(2)
        highest = states.masked_fill(~mask, float("-inf")).amax(dim=1)
        mean = states.masked_fill(~mask, 0.0).sum(dim=1) / lengths.unsqueeze(1)
        representation = torch.cat((attended, highest, mean), dim=1)
        return Encoded(self.output(representation), attention)

    def _states(self, tokens: Tensor, lengths: Tensor, positions: Tensor, inside: Tensor) -> Tensor:
        """[forward ; backward] states (batch, time, 2 · hidden units)."""
        reversal = torch.where(inside, lengths[:, None] - 1 - positions, positions)
        embedded = self.embeddings(tokens)
        embedded_reversed = self.embeddings(tokens.gather(1, reversal))
        onward, _ = self.forward_gru(embedded)
        backward_reversed, _ = self.backward_gru(embedded_reversed)
        index = reversal.unsqueeze(2).expand_as(backward_reversed)
        return torch.cat((onward, backward_reversed.gather(1, index)), dim=2)

    def reset_output(self) -> None:
        """Reinitialise the output layer, as a child does after the transfer (section 3)."""
        self.output.reset_parameters()
