"""The local reporter: writes a trial's progress to SQLite and polls for stop requests."""

from __future__ import annotations

import time
from collections.abc import Callable

from core.training.epochs import BatchProgress, EpochResult
from db.connection import Store
from db.trials import (
    Claim,
    Epoch,
    LostClaimError,
    holds,
    may_continue,
    record_epoch,
    record_progress,
)

INTERVAL = 0.3
"""Seconds between two recorded running losses."""


def record_batches(store: Store, claim: Claim, progress: BatchProgress, seconds: float) -> None:
    """Record the running loss, and add `seconds` of worker time to the trial."""
    record_progress(
        store,
        claim,
        epoch=progress.epoch,
        batch=progress.batch,
        batches=progress.batches,
        loss=progress.loss,
        documents_per_second=progress.documents / max(progress.seconds, 1e-9),
        seconds=seconds,
    )


def record_result(
    store: Store, claim: Claim, result: EpochResult, seconds: float, *, is_kept: bool
) -> None:
    """Record the result of an epoch, and add `seconds` of worker time to the trial."""
    epoch = Epoch(
        result.epoch,
        result.training_loss,
        result.validation_loss,
        result.validation.precision,
        result.validation.recall,
        result.validation.f1,
        result.seconds,
    )
    record_epoch(store, claim, epoch, is_kept=is_kept, seconds=seconds)


class LocalReporter:
    """A `core.training.epochs.Reporter` for a worker on the machine of the database."""

    def __init__(self, store: Store, claim: Claim, stopping: Callable[[], bool]) -> None:
        self._store = store
        self._claim = claim
        self._stopping = stopping
        self._version = -1
        self._stop = False
        self._next_row = time.monotonic() + INTERVAL
        self._counted_until = time.monotonic()

    def is_due(self) -> bool:
        """Whether `INTERVAL` seconds have passed since the last progress."""
        return time.monotonic() >= self._next_row

    def progressed(self, progress: BatchProgress) -> None:
        """Record the mean loss since the last call."""
        record_batches(self._store, self._claim, progress, self._worked())
        self._next_row = time.monotonic() + INTERVAL

    def epoch_done(self, result: EpochResult, is_kept: bool) -> None:
        """Record the result of an epoch."""
        record_result(self._store, self._claim, result, self._worked(), is_kept=is_kept)

    def should_stop(self) -> bool:
        """Whether the run or the category is paused, or the worker must end.

        Queries the database only after another connection has written to it.

        Raises:
            LostClaimError: The worker has lost the trial.
        """
        if self._stopping():
            return True
        version = self._store.data_version()
        if version != self._version:
            self._version = version
            self._stop = not may_continue(self._store, self._claim)
            if not holds(self._store, self._claim):
                raise LostClaimError(f"trial {self._claim.trial_id} was taken from this worker")
        return self._stop

    def _worked(self) -> float:
        """Seconds of worker time since the last call."""
        now = time.monotonic()
        worked, self._counted_until = now - self._counted_until, now
        return worked
