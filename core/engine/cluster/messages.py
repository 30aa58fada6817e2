"""Messages of a task to the engine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from core.training.epochs import BatchProgress, EpochResult

Content = npt.NDArray[np.uint8]
"""Bytes as an array, which Ray moves without a copy."""


@dataclass(frozen=True, slots=True)
class Started:
    """The task runs in this process."""

    node: str
    pid: int
    device: str


@dataclass(frozen=True, slots=True)
class Positioned:
    """Training starts or resumes after `batch` batches of an epoch."""

    epoch: int
    batch: int


@dataclass(frozen=True, slots=True)
class BatchesDone:
    """The running loss, and the seconds of work since the last message about work."""

    progress: BatchProgress
    seconds: float


@dataclass(frozen=True, slots=True)
class EpochDone:
    """A finished epoch, and the seconds of work since the last message about work."""

    result: EpochResult
    is_kept: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckpointStored:
    """A checkpoint is in the object store.

    The reference to its content is in a list, so that the mailbox does not fetch it.
    """

    reference: list[Any]


@dataclass(frozen=True, slots=True)
class CheckpointSkipped:
    """The object store had no room for a checkpoint. The previous one remains valid."""

    reason: str
