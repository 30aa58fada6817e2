"""A run in the database whose trials take simulated time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.engine.trials import scheduling
from core.settings import TrainingSettings
from core.training.class_weight_search import next_rung
from db.connection import Store
from db.runs import Run
from db.trials import Claim, claim_trial, record_epoch, record_progress, trial_with_id
from tests.support.builders import a_model, an_epoch, start_worker

BATCHES = 10_000


@dataclass
class _Trial:
    """A claimed trial: finished epochs, and when the current one and the unreported time began."""

    claim: Claim
    worker: int
    epoch_seconds: float
    epochs: int
    stop: int
    epoch_began: float
    reported: float

    @property
    def epoch_ends(self) -> float:
        return self.epoch_began + self.epoch_seconds


class VirtualRun:
    """Workers that claim the trials of a run and report progress in simulated time."""

    def __init__(
        self,
        store: Store,
        run: Run,
        slots: int,
        *,
        pace: float = 1.0,
        last_epoch: Callable[[Claim], int] | None = None,
    ) -> None:
        """Start the workers and let them claim.

        Args:
            store: The database.
            run: The run.
            slots: Number of workers.
            pace: Seconds per second of the cost of an epoch.
            last_epoch: Epochs of a trial; default: the most that the run allows.
        """
        self.now = 0.0
        self.settings = TrainingSettings.from_json(run.settings)
        self._store = store
        self._pace = pace
        self._last_epoch = last_epoch or (lambda _: self.settings.epochs)
        self._idle = [start_worker(store, 4242 + slot) for slot in range(slots)]
        self._trials: list[_Trial] = []
        self._claim()

    @property
    def is_over(self) -> bool:
        """Whether no worker has a trial."""
        return not self._trials

    def advance(self, seconds: float) -> None:
        """Let the workers train for so many seconds, at most until none has a trial."""
        target = self.now + seconds
        while self._trials:
            end = min(trial.epoch_ends for trial in self._trials)
            if end > target:
                self.now = target
                for trial in self._trials:
                    self._report(trial)
                return
            self.now = end
            for trial in [t for t in self._trials if t.epoch_ends == end]:
                self._end_epoch(trial)
            self._claim()

    def stop(self) -> None:
        """Let the workers give their trials back, as after a request to pause."""
        for trial in self._trials:
            scheduling.release(self._store, trial.claim)
            self._idle.append(trial.worker)
        self._trials = []
        self._claim()

    def _claim(self) -> None:
        while self._idle and (claim := claim_trial(self._store, self._idle[0])) is not None:
            trial = trial_with_id(self._store, claim.trial_id)
            last = self._last_epoch(claim)
            rung = next_rung(trial.rung) if self.settings.search == "racing" else None
            cost = self._store.value(
                "SELECT cost FROM run_categories WHERE id = ?", (claim.run_category_id,)
            )
            self._trials.append(
                _Trial(
                    claim,
                    self._idle.pop(0),
                    float(cost) * self._pace,
                    trial.epoch or 0,
                    last if rung is None else min(rung, last),
                    self.now,
                    self.now,
                )
            )

    def _report(self, trial: _Trial) -> None:
        fraction = (self.now - trial.epoch_began) / trial.epoch_seconds
        record_progress(
            self._store,
            trial.claim,
            epoch=trial.epochs + 1,
            batch=round(fraction * BATCHES),
            batches=BATCHES,
            loss=0.5,
            documents_per_second=100.0,
            seconds=self.now - trial.reported,
        )
        trial.reported = self.now

    def _end_epoch(self, trial: _Trial) -> None:
        trial.epochs += 1
        # The best epoch is the one that lets early stopping end the trial at `last_epoch`. Smaller
        # class weights win a race.
        last = self._last_epoch(trial.claim)
        best = last if last == self.settings.epochs else last - self.settings.patience
        f1 = 0.9 - trial.claim.class_weight / 100
        record_epoch(
            self._store,
            trial.claim,
            an_epoch(trial.epochs, f1),
            is_kept=trial.epochs <= best,
            seconds=self.now - trial.reported,
        )
        trial.epoch_began = trial.reported = self.now
        if trial.epochs < trial.stop:
            return
        self._trials.remove(trial)
        self._idle.append(trial.worker)
        if trial.stop == last:
            scheduling.finish(self._store, trial.claim, a_model(f"m{trial.claim.trial_id}"))
        else:
            scheduling.wait_at_rung(self._store, trial.claim)
