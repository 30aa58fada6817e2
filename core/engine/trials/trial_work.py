"""What a worker on the database's machine does with a trial: train, keep, hand on, score."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import checkpoints_of
from core.engine.artifacts.run_kernel import run_kernel
from core.engine.host.exit_reason import describe
from core.engine.scoring.evaluation import measure_done
from core.engine.trials.outcomes import (
    clear_unused_tables,
    record_corruption,
    record_failure,
    record_finished,
    record_resting,
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
    """Train the claimed trial to its end, or until it is to stop, and record what came of it.

    Raises `LostClaimError` when the trial was taken away; then nothing more is written.
    """
    if _train(store, data, claim, device, stopping):
        # By now the memory that training took is free again.
        _after_category(store, data, claim, device, stopping)


def _train(
    store: Store,
    data: RunData,
    claim: Claim,
    device: torch.device,
    stopping: Callable[[], bool],
) -> bool:
    """Whether the category is done with this trial."""
    checkpoints = checkpoints_of(data.folder, claim)
    label = f"trial {claim.trial_id}"

    def save(checkpoint: Checkpoint) -> None:
        if not holds(store, claim):
            raise LostClaimError(f"{label}: was taken from this worker")
        checkpoints.save(checkpoint, claim.number)

    def tell(error: CorruptFileError) -> None:
        _log.warning("%s; going back to the checkpoint before it", error)
        record_corruption(store, claim, error)

    try:
        assignment = assign(store, data, claim)
        label = assignment.label
        _log.info("%s: begins", label)
        use_kernel(assignment.kernel)
        prepared = data.system.prepare(assignment, inputs_of(data, assignment), device)
        training = prepared.training
        resumed = checkpoints.load(tell)
        if resumed is not None:
            training.restore(resumed)
        rewind_progress(store, claim, *training.position)
        outcome = training.run(LocalReporter(store, claim, stopping), save, assignment.until)
    except TrainingError as error:
        _log.warning("%s: %s", label, error)
        return record_failure(store, data, claim, str(error))
    if outcome is Outcome.INTERRUPTED:
        release(store, claim)
        _log.info("%s: interrupted, checkpoint written", label)
        return False
    if outcome is Outcome.AT_RUNG:
        _log.info("%s: rests after %d epochs", label, training.position[0] - 1)
        return record_resting(store, data, claim)
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
    """Remove what the search has left behind, and score the documents."""
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
    """Score the documents of a category that is done, as `db.scorings.claim_scoring` has it."""
    category = run_category(store, claim.run_category_id)
    try:
        use_kernel(run_kernel(store, claim.run_id))
        measure_done(store, data, category, device, stopping)
    except ScoringAbandonedError:
        requeue_scoring(store, claim)
        _log.info("%s: scoring of the documents left for later", category.key)
    except StoreError:
        raise
    except Exception as error:
        _log.exception("%s: the documents are not scored", category.key)
        with store.write():
            fail_scoring(store, claim.trial_id, describe(error))
