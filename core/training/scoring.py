"""Score documents with one trained network."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from core.corpus.examples import Examples, Rows
from core.training.passes import Pass

SCORING_BATCH = 128


class ScoringAbandonedError(Exception):
    """Scoring was stopped; its partial results are discarded."""


def logits_of(
    runner: Pass, examples: Examples, stop: Callable[[], bool] = lambda: False
) -> npt.NDArray[np.float32]:
    """Compute the logits of a network.

    Args:
        runner: Forward pass of the network.
        examples: The documents. Their targets only determine the shape of the result.
        stop: Called between batches; return True to stop.

    Returns:
        Logits shaped like the targets: (documents,) or (documents, outputs).

    Raises:
        ScoringAbandonedError: If `stop` returned True.
    """
    logits = np.empty(examples.targets.shape, dtype=np.float32)
    indices: list[Rows] = []
    parts: list[Tensor] = []
    for batch in examples.by_length(SCORING_BATCH):
        if stop():
            raise ScoringAbandonedError
        indices.append(batch)
        parts.append(runner.scores(examples, batch))
    if parts:
        logits[np.concatenate(indices)] = torch.cat(parts).cpu().numpy()
    return logits


def probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sigmoid of logits of any shape, without overflow."""
    return torch.from_numpy(logits).sigmoid().numpy()
