"""DGCNN: graph-of-words convolutions, recursive regularisation (Peng et al., WWW 2018).

The layer sizes are those of the published code for RCV1. The paper does not specify the padding;
here each convolution keeps the size of its input.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.corpus.taxonomy import Taxonomy
from core.models.network import Encoded, TextNetwork, embedding_layer
from core.text.vocabulary import PADDING
from core.text.word_graph import NEIGHBOURS, NODES

_CHANNELS = (64, 128, 256)
_UNITS = (1024, 512)


@dataclass(frozen=True, slots=True)
class RelatedOutputs:
    """Output pairs of the recursive regularisation.

    `parents` and `children` (edges,) are indices of outputs. With `siblings` the pairs are all
    pairs of children of one parent; otherwise each pair is a child and its parent.
    """

    parents: Tensor
    children: Tensor
    siblings: bool

    @classmethod
    def of(cls, category_ids: Sequence[str], taxonomy: Taxonomy, pairs: str) -> RelatedOutputs:
        """Build the pairs from the edges of a taxonomy.

        Args:
            category_ids: Categories of the outputs, in order.
            taxonomy: The taxonomy that contains `category_ids`.
            pairs: Value of the setting `regularised_pairs`.
        """
        outputs = {category_id: i for i, category_id in enumerate(category_ids)}
        edges = [
            (outputs[parent], i)
            for category_id, i in outputs.items()
            if (parent := taxonomy[category_id].parent) in outputs
        ]
        parents, children = zip(*edges, strict=True) if edges else ((), ())
        return cls(
            torch.tensor(parents, dtype=torch.int64),
            torch.tensor(children, dtype=torch.int64),
            pairs == "siblings",
        )

    def distance(self, weights: Tensor) -> Tensor:
        """Compute ½ Σ ‖w_i − w_j‖² over the pairs, of `weights` (outputs, width)."""
        children = weights[self.children]
        if not self.siblings:
            return 0.5 * (weights[self.parents] - children).square().sum()
        # The sum over all pairs of k vectors is k Σ ‖w‖² − ‖Σ w‖²; no list of pairs is needed.
        child_counts = torch.zeros(len(weights)).index_add_(
            0, self.parents, torch.ones(len(self.parents))
        )
        squares = (child_counts[self.parents].to(weights.device) * children.square().sum(1)).sum()
        sums = torch.zeros_like(weights).index_add(0, self.parents.to(weights.device), children)
        return 0.5 * (squares - sums.square().sum())


class Dgcnn(TextNetwork):
    """Three convolutions over the grid of `core.text.word_graph`, two hidden layers, an output."""

    def __init__(self, embeddings: Tensor, outputs: int) -> None:
        """Build the network over `embeddings` (words, dimensions), without copying them."""
        super().__init__()
        first, second, third = _CHANNELS
        self.embeddings = embedding_layer(embeddings, PADDING)
        self.convolutions = nn.Sequential(
            nn.Conv2d(embeddings.shape[1], first, (3, 3), padding=(1, 1)),
            nn.ReLU(),
            nn.MaxPool2d((2, 1)),
            nn.Conv2d(first, second, (3, 1), padding=(1, 0)),
            nn.ReLU(),
            nn.MaxPool2d((2, 2)),
            nn.Conv2d(second, third, (3, 1), padding=(1, 0)),
            nn.ReLU(),
            nn.MaxPool2d((2, 2)),
        )
        width = third * (NODES // 8) * (NEIGHBOURS // 4)
        self.hidden = nn.Sequential(
            nn.Linear(width, _UNITS[0]),
            nn.ReLU(),
            nn.Linear(_UNITS[0], _UNITS[1]),
            nn.ReLU(),
        )
        self.output = nn.Linear(_UNITS[1], outputs)
        self._related: RelatedOutputs | None = None
        self._strength = 0.0

    def regularise(self, related: RelatedOutputs, strength: float) -> None:
        """Add recursive regularisation of weight `strength` to the training loss."""
        self._related, self._strength = related, strength

    def forward(self, tokens: Tensor, lengths: Tensor) -> Encoded:  # noqa: ARG002
        """Score documents, given the token ids of their grids (batch, nodes · neighbours)."""
        grid = self.embeddings(tokens).unflatten(1, (NODES, NEIGHBOURS))
        # The permuted view is channels-last: the grid is not copied.
        features = self.convolutions(grid.permute(0, 3, 1, 2))
        return Encoded(self.output(self.hidden(features.flatten(1))), None)

    def penalty(self) -> Tensor | None:
        """Recursive regularisation term (scalar), None without one."""
        if self._related is None or not self._strength:
            return None
        return self._strength * self._related.distance(self.output.weight)
