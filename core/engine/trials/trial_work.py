"""The work of a worker on a claimed trial: train it, record the outcome, score its category."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_kernel import run_kernel
from core.engine.host.exit_reason import error_summary
from core.engine.scoring.evaluation import evaluate_completed
from core.engine.trials.executor import ClaimedTrial, Executor, ScoringLostError, TaskLostError
from core.engine.trials.outcomes import (
    clear_unused_tables,
    record_failure,
    record_finished,
    record_waiting,
)
from core.engine.trials.reporter import LocalReporter
from core.engine.trials.scheduling import release
from core.engine.trials.trial_spec import assign, inputs_of
from core.errors import TrainingError
from core.models.matrix_product import use_kernel
from core.systems.trial import TrialResult
from core.training.epochs import Checkpoint, Outcome
from core.training.scoring import ScoringAbandonedError
from db.connection import Store, StoreError
from db.run_categories import RunCategory, run_category
from db.scorings import MAX_SCORINGS, claim_scoring, fail_scoring, requeue_scoring, scoring_attempts
from db.trials import Claim, rewind_progress

_DELAY_FACTOR = 5
"""Growth of the delay between two attempts of a scoring."""

_log = logging.getLogger("htrans.worker")


def work_on(
    store: Store, data: RunData, claim: Claim, executor: Executor, stopping: Callable[[], bool]
) -> None:
    """Train a claimed trial, record its outcome, and score its category if that is done.

    Raises:
        LostClaimError: Another worker has the trial; nothing more is written.
        TaskLostError: The process that trained is gone.
        ScoringLostError: See `score`.
    """
    if _train(store, data, claim, executor, stopping):
        clear_unused_tables(store, data, claim)
        scoring = claim_scoring(store, claim.owner, claim.run_category_id)
        if scoring is not None:
            score(store, data, scoring, executor, stopping)


def _train(
    store: Store, data: RunData, claim: Claim, executor: Executor, stopping: Callable[[], bool]
) -> bool:
    """Train a trial; return True if its category is done."""
    label = f"trial {claim.trial_id}"
    try:
        spec = assign(store, data, claim)
        label = spec.label
        _log.info("%s: started", label)
        outcome, result = executor.train(ClaimedTrial(store, data, claim, spec), stopping)
    except TrainingError as error:
        _log.warning("%s: %s", label, error)
        return record_failure(store, data, claim, str(error))
    if outcome is Outcome.INTERRUPTED:
        release(store, claim)
        _log.info("%s: interrupted, checkpoint written", label)
        return False
    if outcome is Outcome.AT_RUNG:
        _log.info("%s: waits at its rung", label)
        return record_waiting(store, data, claim)
    assert result is not None
    category_done = record_finished(store, data, claim, result)
    _log.info("%s: done", label)
    return category_done


def score(
    store: Store, data: RunData, claim: Claim, executor: Executor, stopping: Callable[[], bool]
) -> None:
    """Score the documents of a finished category, claimed with `db.scorings.claim_scoring`.

    Raises:
        ScoringLostError: The process that scored is gone, and another attempt is left.
    """
    category = run_category(store, claim.run_category_id)
    try:
        executor.score(store, data, category, stopping)
    except ScoringAbandonedError:
        requeue_scoring(store, claim)
        _log.info("%s: scoring interrupted", category.key)
    except TaskLostError as error:
        _log.warning("%s: the scoring was lost: %s", category.key, error)
        with store.write():
            fail_scoring(store, claim.trial_id, str(error))
        attempts = scoring_attempts(store, claim.trial_id)
        if attempts < MAX_SCORINGS:
            delay = error.delay * _DELAY_FACTOR**attempts
            raise ScoringLostError(str(error), delay) from error
    except StoreError:
        raise
    except Exception as error:
        _log.exception("%s: the documents were not scored", category.key)
        with store.write():
            fail_scoring(store, claim.trial_id, error_summary(error))


class LocalExecutor:
    """Trains and scores in the process of the worker, on one device."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def train(
        self, trial: ClaimedTrial, stopping: Callable[[], bool]
    ) -> tuple[Outcome, TrialResult | None]:
        """See `Executor.train`."""

        def save(checkpoint: Checkpoint) -> None:
            trial.check()
            trial.checkpoints.save(checkpoint, trial.claim.number)

        use_kernel(trial.spec.kernel)
        inputs = inputs_of(trial.data, trial.spec)
        prepared = trial.data.system.prepare(trial.spec, inputs, self._device)
        training = prepared.training
        resumed = trial.checkpoints.load(trial.record_corruption)
        if resumed is not None:
            training.restore(resumed)
        rewind_progress(trial.store, trial.claim, *training.position)
        reporter = LocalReporter(trial.store, trial.claim, stopping)
        outcome = training.run(reporter, save, trial.spec.until)
        return outcome, prepared.result() if outcome is Outcome.FINISHED else None

    def score(
        self, store: Store, data: RunData, category: RunCategory, stopping: Callable[[], bool]
    ) -> None:
        """See `Executor.score`."""
        use_kernel(run_kernel(store, data.run.id))
        evaluate_completed(store, data, category, self._device, stopping)
