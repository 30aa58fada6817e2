"""Negative sampling: select the documents of an epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.corpus.examples import Examples, Rows
from core.seeds import generator_for
from core.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Sampling:
    """Sampling of one training's epochs: all positives and `drawn` random negatives.

    The number of batches, and thus of updates, is that of an epoch over all documents; sampling
    only makes the batches smaller. Losses have importance weights, so that the expected loss of an
    epoch equals that over all documents.
    """

    positives: Rows
    negatives: Rows
    drawn: int
    batches: int
    batch_size: int

    @classmethod
    def of(cls, examples: Examples, settings: TrainingSettings) -> Sampling:
        """Sample `settings.negatives` per positive, or more if batches would be too small."""
        is_positive = examples.targets.reshape(len(examples), -1).any(axis=1)
        positives = np.flatnonzero(is_positive).astype(np.int64)
        negatives = np.flatnonzero(~is_positive).astype(np.int64)
        documents, batches = settings.epoch_size(len(examples), len(positives))
        drawn = documents - len(positives)
        return cls(positives, negatives, drawn, batches, settings.batch_size)

    @property
    def documents(self) -> int:
        """Documents per epoch."""
        return len(self.positives) + self.drawn

    def epoch(self, seed: int, *parts: str | float) -> list[Rows]:
        """Draw the document indices of one epoch, per batch, from the seed and `parts`."""
        order = generator_for(seed, *parts, "order")
        if self.drawn == len(self.negatives):
            permuted = torch.randperm(self.documents, generator=order).numpy()
            return np.split(permuted, range(self.batch_size, len(permuted), self.batch_size))
        generator = generator_for(seed, *parts, "negatives")
        sample = torch.randperm(len(self.negatives), generator=generator)[: self.drawn].numpy()
        indices = np.sort(np.concatenate((self.positives, self.negatives[sample])))
        permuted = indices[torch.randperm(len(indices), generator=order).numpy()]
        return np.array_split(permuted, self.batches)

    @property
    def factors(self) -> tuple[float, float]:
        """Importance weights of the losses of negatives and positives.

        The expected weighted mean loss of an epoch equals the mean loss over all documents.
        """
        total = len(self.positives) + len(self.negatives)
        if self.drawn == len(self.negatives):
            return 1.0, 1.0
        share = self.documents / total
        return share * len(self.negatives) / self.drawn, share
