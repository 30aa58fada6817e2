"""Executors run the trials that a worker has claimed, in its own process or on a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import checkpoints_of
from core.engine.trials.outcomes import record_corruption
from core.errors import CorruptFileError, HTransError
from core.systems.trial import TrialResult, TrialSpec
from core.training.epochs import Outcome
from db.connection import Store
from db.run_categories import RunCategory
from db.trials import Claim, LostClaimError, holds

if TYPE_CHECKING:
    from core.training.checkpoints import TrialCheckpoints


class TaskLostError(HTransError):
    """The process that ran a trial or a scoring is gone, or could not be started.

    `is_crash` is True if the trial may have caused it. The worker waits `delay` seconds before it
    claims again.
    """

    def __init__(self, reason: str, *, is_crash: bool, delay: float = 2.0) -> None:
        super().__init__(reason)
        self.is_crash = is_crash
        self.delay = delay


class ScoringLostError(HTransError):
    """A scoring was lost, which is recorded. The worker keeps the claim for `delay` seconds.

    Otherwise an idle worker would make the next attempt at once.
    """

    def __init__(self, reason: str, delay: float) -> None:
        super().__init__(reason)
        self.delay = delay


@dataclass(frozen=True, slots=True)
class ClaimedTrial:
    """A trial that a worker has claimed."""

    store: Store
    data: RunData
    claim: Claim
    spec: TrialSpec

    @property
    def checkpoints(self) -> TrialCheckpoints:
        """The checkpoints of the trial."""
        return checkpoints_of(self.data.folder, self.claim)

    def check(self) -> None:
        """Raise `LostClaimError` if another worker has the trial."""
        if not holds(self.store, self.claim):
            raise LostClaimError(f"{self.spec.label}: another worker has the trial")

    def record_corruption(self, error: CorruptFileError) -> None:
        """Record that a checkpoint is corrupt and that the previous one is used."""
        record_corruption(self.store, self.claim, error)


class Executor(Protocol):
    """Trains and scores for one worker."""

    def train(
        self, trial: ClaimedTrial, stopping: Callable[[], bool]
    ) -> tuple[Outcome, TrialResult | None]:
        """Train a trial from its newest checkpoint on, and record its progress.

        Args:
            trial: The trial. Its checkpoints are written while it trains.
            stopping: Returns True if the worker must stop.

        Returns:
            The outcome, and the result of a finished trial.

        Raises:
            LostClaimError: Another worker has the trial.
            TrainingError: The trial can never succeed.
            TaskLostError: Its process is gone.
        """

    def score(
        self, store: Store, data: RunData, category: RunCategory, stopping: Callable[[], bool]
    ) -> None:
        """Score the documents of a finished category and record its metrics.

        Raises:
            ScoringAbandonedError: `stopping` returned True.
            TaskLostError: The process that scored is gone.
        """
