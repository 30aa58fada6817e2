"""DGCNN: convolutions over a graph of words, recursive regularisation (Peng et al., WWW 2018).

The sizes are those with which its published code runs on RCV1; convolutions are padded so that they
keep the size of their input, which the paper leaves open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from core.corpus.taxonomy import Taxonomy
from core.models.network import Encoded, TextNetwork, embedding_layer
from core.text.tokens import PADDING
from core.text.word_graph import NEIGHBOURS, NODES

_CHANNELS = (64, 128, 256)
_UNITS = (1024, 512)


@dataclass(frozen=True, slots=True)
class RelatedOutputs:
    """Outputs whose parameters belong close together.

    `parents` and `children` (edges,) are places of outputs. With `siblings` the children of one
    parent are pulled together, pair by pair; otherwise each child and its parent.
    """

    parents: Tensor
    children: Tensor
    siblings: bool

    @classmethod
    def of(cls, category_ids: Sequence[str], taxonomy: Taxonomy, pairs: str) -> RelatedOutputs:
        """The edges of the taxonomy among `category_ids`; `pairs` is a setting of that name."""
        place = {category_id: i for i, category_id in enumerate(category_ids)}
        edges = [
            (place[parent], i)
            for category_id, i in place.items()
            if (parent := taxonomy[category_id].parent) in place
        ]
        parents, children = zip(*edges, strict=True) if edges else ((), ())
        return cls(
            torch.tensor(parents, dtype=torch.int64),
            torch.tensor(children, dtype=torch.int64),
            pairs == "siblings",
        )

    def distance(self, weights: Tensor) -> Tensor:
        """½ Σ ‖w_i − w_j‖² over the pairs; `weights` (outputs, width)."""
        children = weights[self.children]
        if not self.siblings:
            return 0.5 * (weights[self.parents] - children).square().sum()
        # Over all pairs of k vectors it is k Σ ‖w‖² − ‖Σ w‖², which needs no list of pairs.
        number = torch.zeros(len(weights)).index_add_(
            0, self.parents, torch.ones(len(self.parents))
        )
        squares = (number[self.parents].to(weights.device) * children.square().sum(1)).sum()
        sums = torch.zeros_like(weights).index_add(0, self.parents.to(weights.device), children)
        return 0.5 * (squares - sums.square().sum())


class Dgcnn(TextNetwork):
    """Three convolutions over the grid of `core.text.word_graph`, two hidden layers, outputs."""

    def __init__(self, embeddings: Tensor, outputs: int) -> None:
        """`embeddings`: (words, dimensions), taken as they are, not copied."""
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
        """Pull the output rows of related categories together in training, by `strength`."""
        self._related, self._strength = related, strength

    def forward(self, tokens: Tensor, lengths: Tensor) -> Encoded:  # noqa: ARG002
        """Score documents: `tokens` (batch, nodes · neighbours) are the ids of their grids."""
        grid = self.embeddings(tokens).unflatten(1, (NODES, NEIGHBOURS))
        # Dimensions as channels that lie together in memory: no copy is made of the grid.
        features = self.convolutions(grid.permute(0, 3, 1, 2))
        return Encoded(self.output(self.hidden(features.flatten(1))), None)

    def penalty(self) -> Tensor | None:
        """The recursive regularisation, (), if there is one."""
        if self._related is None or not self._strength:
            return None
        return self._strength * self._related.distance(self.output.weight)
