"""Which documents an epoch trains on: all of them, or all positives and some negatives."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from core.examples import Examples, Rows
from core.seeds import generator_for
from core.settings import TrainingSettings

SMALLEST_BATCH = 16
"""Documents in a batch at least, where negatives are sampled."""


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
    batch_size: int

    @classmethod
    def of(cls, examples: Examples, settings: TrainingSettings) -> Sampling:
        """`settings.negatives` for each positive, or more where batches would be too small."""
        positives = np.flatnonzero(examples.targets).astype(np.int64)
        negatives = np.flatnonzero(~examples.targets).astype(np.int64)
        every, size, drawn = len(examples), settings.batch_size, len(negatives)
        if settings.negatives:
            batches = math.ceil(every / size)
            smallest = min(SMALLEST_BATCH, size) * batches
            documents = max(len(positives) * (1 + settings.negatives), smallest)
            if documents < every:
                drawn, size = documents - len(positives), math.ceil(documents / batches)
        return cls(positives, negatives, drawn, size)

    @property
    def documents(self) -> int:
        """Documents in an epoch."""
        return len(self.positives) + self.drawn

    @property
    def batches(self) -> int:
        """Batches in an epoch."""
        return math.ceil(self.documents / self.batch_size)

    def epoch(self, seed: int, *parts: str | float) -> list[Rows]:
        """The places of one epoch's documents, batch by batch, drawn from the seed and `parts`."""
        every = len(self.positives) + len(self.negatives)
        chosen = np.arange(every)
        if self.drawn < len(self.negatives):
            generator = generator_for(seed, *parts, "negatives")
            some = torch.randperm(len(self.negatives), generator=generator)[: self.drawn].numpy()
            chosen = np.sort(np.concatenate((self.positives, self.negatives[some])))
        order = torch.randperm(len(chosen), generator=generator_for(seed, *parts, "order")).numpy()
        return [
            chosen[order[start : start + self.batch_size]]
            for start in range(0, len(chosen), self.batch_size)
        ]

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
