"""Which documents an epoch trains on: all of them, or all positives and some negatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from core.corpus.examples import Examples, Rows
from core.seeds import generator_for
from core.settings import TrainingSettings


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the epochs of one training draw their documents.

    An epoch has as many batches as one over all documents, so a sample makes the batches smaller,
    not the updates fewer. A negative that is drawn stands for the others: its loss is multiplied so
    that the expected loss of an epoch is that of all documents.
    """

    positives: Rows
    negatives: Rows
    drawn: int
    batches: int
    batch_size: int

    @classmethod
    def of(cls, examples: Examples, settings: TrainingSettings) -> Sampling:
        """`settings.negatives` for each positive, or more where batches would be too small."""
        is_positive = examples.targets.reshape(len(examples), -1).any(axis=1)
        positives = np.flatnonzero(is_positive).astype(np.int64)
        negatives = np.flatnonzero(~is_positive).astype(np.int64)
        documents, batches = settings.epoch_size(len(examples), len(positives))
        drawn = documents - len(positives)
        return cls(positives, negatives, drawn, batches, settings.batch_size)

    @property
    def documents(self) -> int:
        """Documents in an epoch."""
        return len(self.positives) + self.drawn

    def epoch(self, seed: int, *parts: str | float) -> list[Rows]:
        """The places of one epoch's documents, batch by batch, drawn from the seed and `parts`."""
        order = generator_for(seed, *parts, "order")
        if self.drawn == len(self.negatives):
            every = torch.randperm(self.documents, generator=order).numpy()
            return np.split(every, range(self.batch_size, len(every), self.batch_size))
        generator = generator_for(seed, *parts, "negatives")
        some = torch.randperm(len(self.negatives), generator=generator)[: self.drawn].numpy()
        chosen = np.sort(np.concatenate((self.positives, self.negatives[some])))
        permuted = chosen[torch.randperm(len(chosen), generator=order).numpy()]
        return np.array_split(permuted, self.batches)

    @property
    def factors(self) -> tuple[float, float]:
        """What the losses of a negative and of a positive are multiplied by.

        With these the mean over an epoch's documents is, in expectation, the mean over all.
        """
        every = len(self.positives) + len(self.negatives)
        if self.drawn == len(self.negatives):
            return 1.0, 1.0
        share = self.documents / every
        return share * len(self.negatives) / self.drawn, share
