"""What a task tells the supervisor while it works, and what it returns in the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from core.metrics.decisions import Scores
from core.metrics.platt_params import PlattParams
from core.training.epochs import BatchProgress, EpochResult

Content = npt.NDArray[np.uint8]
"""Bytes as an array, which Ray moves without copying them."""


@dataclass(frozen=True, slots=True)
class Started:
    """The task has a process: where."""

    node: str
    pid: int
    device: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """Training begins, or goes on, after so many batches of an epoch."""

    epoch: int
    batch: int


@dataclass(frozen=True, slots=True)
class ProgressMade:
    """The running loss; `seconds` of work since the last news of it."""

    progress: BatchProgress
    seconds: float


@dataclass(frozen=True, slots=True)
class EpochFinished:
    """An epoch; `seconds` of work since the last news of it."""

    result: EpochResult
    is_kept: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckpointMade:
    """A checkpoint: a list with the reference to its content, which the desk does not fetch."""

    content: list[Any]


@dataclass(frozen=True, slots=True)
class CheckpointLost:
    """The object store had no room for a checkpoint; the one before it counts."""

    reason: str


@dataclass(frozen=True, slots=True)
class PackedProduct:
    """A `core.systems.trial.TrialResult` as arrays; `table` (words, dimensions)."""

    model: Content
    embeddings: str | None
    table: npt.NDArray[np.float32] | None
    validation: tuple[PlattParams, Scores] | None


@dataclass(frozen=True, slots=True)
class TrialEnd:
    """How a task ended, with the news that were not known to be recorded.

    `checkpoint` is there if the trial is to go on from it, `product` if it is finished, `reason` if
    it can never succeed.
    """

    how: Literal["finished", "interrupted", "resting", "failed", "left"]
    news: tuple[tuple[int, Any], ...]
    checkpoint: Content | None = None
    product: PackedProduct | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ScoringEnd:
    """Probabilities (documents, categories of the model) by split; none if told to leave."""

    scores: dict[str, npt.NDArray[np.float32]]
