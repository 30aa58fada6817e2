"""Probabilities of documents under one trained network."""

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
    """Scoring was told to stop; nothing is kept of it."""


def logits_of(
    runner: Pass, examples: Examples, stop: Callable[[], bool] = lambda: False
) -> npt.NDArray[np.float32]:
    """Logits of a network, shaped like the targets of `examples`: (documents,), or by output.

    `stop` is asked between batches; when it says so, `ScoringAbandonedError` is raised.
    """
    logits = np.empty(examples.targets.shape, dtype=np.float32)
    places: list[Rows] = []
    parts: list[Tensor] = []
    for chosen in examples.by_length(SCORING_BATCH):
        if stop():
            raise ScoringAbandonedError
        places.append(chosen)
        parts.append(runner.scores(examples, chosen))
    if parts:
        logits[np.concatenate(places)] = torch.cat(parts).cpu().numpy()
    return logits


def probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Sigmoid, without overflow."""
    return torch.from_numpy(logits).sigmoid().numpy()
