"""The work of a local worker on a trial: train, record the outcome, score the documents."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import checkpoints_of
from core.engine.artifacts.run_kernel import run_kernel
from core.engine.host.exit_reason import error_summary
from core.engine.scoring.evaluation import evaluate_completed
from core.engine.trials.outcomes import (
    clear_unused_tables,
    record_corruption,
    record_failure,
    record_finished,
    record_waiting,
)
from core.engine.trials.reporter import LocalReporter
from core.engine.trials.scheduling import release
from core.engine.trials.trial_spec import assign, inputs_of
from core.errors import CorruptFileError, TrainingError
from core.models.matrix_product import use_kernel
from core.training.epochs import Checkpoint, Outcome
from core.training.scoring import ScoringAbandonedError
from db.connection import Store, StoreError
from db.run_categories import run_category
from db.scorings import claim_scoring, fail_scoring, requeue_scoring
from db.trials import Claim, LostClaimError, holds, rewind_progress

_log = logging.getLogger("htrans.worker")


def work_on(
    store: Store,
    data: RunData,
    claim: Claim,
    device: torch.device,
    stopping: Callable[[], bool],
) -> None:
    """Train the claimed trial until it ends or must stop, and record the outcome.

    Args:
        store: The database.
        data: Data of the run.
        claim: The claimed trial.
        device: Where to train.
        stopping: Whether the worker must end.

    Raises:
        LostClaimError: The worker has lost the trial. Nothing is written after that.
    """
    if _train(store, data, claim, device, stopping):
        # The memory of the training is free by now.
        _after_category(store, data, claim, device, stopping)


def _train(
    store: Store,
    data: RunData,
    claim: Claim,
    device: torch.device,
    stopping: Callable[[], bool],
) -> bool:
    """Train the trial; return whether this completes the category."""
    checkpoints = checkpoints_of(data.folder, claim)
    label = f"trial {claim.trial_id}"

    def save(checkpoint: Checkpoint) -> None:
        if not holds(store, claim):
            raise LostClaimError(f"{label}: the worker has lost the trial")
        checkpoints.save(checkpoint, claim.number)

    def report_damage(error: CorruptFileError) -> None:
        _log.warning("%s; using the previous checkpoint", error)
        record_corruption(store, claim, error)

    try:
        spec = assign(store, data, claim)
        label = spec.label
        _log.info("%s: started", label)
        use_kernel(spec.kernel)
        prepared = data.system.prepare(spec, inputs_of(data, spec), device)
        training = prepared.training
        resumed = checkpoints.load(report_damage)
        if resumed is not None:
            training.restore(resumed)
        rewind_progress(store, claim, *training.position)
        outcome = training.run(LocalReporter(store, claim, stopping), save, spec.until)
    except TrainingError as error:
        _log.warning("%s: %s", label, error)
        return record_failure(store, data, claim, str(error))
    if outcome is Outcome.INTERRUPTED:
        release(store, claim)
        _log.info("%s: interrupted, checkpoint written", label)
        return False
    if outcome is Outcome.AT_RUNG:
        _log.info("%s: waiting at rung after %d epochs", label, training.position[0] - 1)
        return record_waiting(store, data, claim)
    category_done = record_finished(store, data, claim, prepared.result())
    _log.info("%s: done", label)
    return category_done


def _after_category(
    store: Store,
    data: RunData,
    claim: Claim,
    device: torch.device,
    stopping: Callable[[], bool],
) -> None:
    """Remove unused embedding tables and score the documents."""
    clear_unused_tables(store, data, claim)
    scoring = claim_scoring(store, claim.owner, claim.run_category_id)
    if scoring is not None:
        score(store, data, scoring, device, stopping)


def score(
    store: Store,
    data: RunData,
    claim: Claim,
    device: torch.device,
    stopping: Callable[[], bool],
) -> None:
    """Score the documents of a category whose scoring was claimed by `claim_scoring`."""
    category = run_category(store, claim.run_category_id)
    try:
        use_kernel(run_kernel(store, claim.run_id))
        evaluate_completed(store, data, category, device, stopping)
    except ScoringAbandonedError:
        requeue_scoring(store, claim)
        _log.info("%s: scoring postponed", category.key)
    except StoreError:
        raise
    except Exception as error:
        _log.exception("%s: scoring failed", category.key)
        with store.write():
            fail_scoring(store, claim.trial_id, error_summary(error))
