"""What a worker does with a claimed trial: build, train, keep, hand on, score."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import torch

from core.engine.evaluation import evaluate, score_category
from core.engine.preparation import prepare
from core.engine.reporter import LocalReporter
from core.engine.retraining import attempt_settings
from core.engine.run_data import RunData
from core.engine.run_files import checkpoints_of, model_path, scores_path
from core.engine.scheduling import fail, finish, release, remove_unused_tables, rest
from core.engine.scores import save_array
from core.errors import CorruptFileError, TrainingError
from core.files import sha256
from core.scoring import ScoringAbandonedError
from core.search import next_rung
from core.training import Checkpoint, Outcome
from db.connection import Store
from db.events import add_event
from db.measures import record_validation_fit
from db.runs import attempts_of, run_category, run_with_id
from db.trials import (
    Claim,
    LostClaimError,
    ModelFile,
    holds,
    rewind_progress,
    trial_with_id,
    trials_of,
)
from db.workers import set_worker_state

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
    category = run_category(store, claim.run_category_id)
    checkpoints = checkpoints_of(data.folder, claim)
    label = f"run {claim.run_id}, {category.key}, class weight {claim.class_weight:g}"
    _log.info("%s: begins", label)

    def save(checkpoint: Checkpoint) -> None:
        if not holds(store, claim):
            raise LostClaimError(f"{label}: was taken from this worker")
        checkpoints.save(checkpoint, claim.number)

    try:
        attempt = next(a for a in attempts_of(store, category.id) if a.attempt == claim.attempt)
        settings = attempt_settings(data.run, attempt.changes)
        prepared = prepare(store, data, claim, attempt, settings, device)
        training = prepared.training
        resumed = checkpoints.load(lambda error: _tell_of_corruption(store, claim, error))
        if resumed is not None:
            training.restore(resumed)
        epoch, batch = training.position
        rewind_progress(store, claim, epoch, batch)
        until = None
        if settings.search == "racing":
            until = next_rung(trial_with_id(store, claim.trial_id).rung)
        outcome = training.run(LocalReporter(store, claim, stopping), save, until)
    except TrainingError as error:
        _log.warning("%s: %s", label, error)
        category_done = fail(store, claim, str(error))
        _clear_dropped(store, data, claim)
        return category_done
    if outcome is Outcome.INTERRUPTED:
        release(store, claim)
        _log.info("%s: interrupted, checkpoint written", label)
        return False
    if outcome is Outcome.RESTING:
        category_done = rest(store, claim)
        _clear_dropped(store, data, claim)
        _log.info("%s: rests after %d epochs", label, training.position[0] - 1)
        return category_done
    path = model_path(data.folder, claim)
    table = prepared.write(path)
    model = ModelFile(str(path.relative_to(data.workspace.root)), sha256(path), table)
    validation = prepared.validation()
    if validation is not None:
        save_array(
            scores_path(data.folder, category.id, claim.trial_id, "validation"), validation[1]
        )

    def record_the_rest() -> None:
        prepared.put_table()
        if validation is not None:
            record_validation_fit(store, claim.trial_id, category.id, validation[0])

    category_done = finish(store, claim, model, record_the_rest)
    checkpoints.remove()
    _clear_dropped(store, data, claim)
    _log.info("%s: done", label)
    return category_done


def _clear_dropped(store: Store, data: RunData, claim: Claim) -> None:
    """Remove the checkpoints of class weights that have dropped out of the category's race."""
    for trial in trials_of(store, claim.run_category_id, claim.attempt):
        if trial.state == "dropped":
            theirs = replace(claim, trial_id=trial.id, class_weight=trial.class_weight)
            checkpoints_of(data.folder, theirs).remove()


def _tell_of_corruption(store: Store, claim: Claim, error: CorruptFileError) -> None:
    _log.warning("%s; going back to the checkpoint before it", error)
    message = f"{error}; class weight {claim.class_weight:g} goes back to the one before it"
    with store.write():
        add_event(store, "corrupt", message, claim.run_id, claim.run_category_id)


def _after_category(
    store: Store,
    data: RunData,
    claim: Claim,
    device: torch.device,
    stopping: Callable[[], bool],
) -> None:
    """Remove what the search has left behind, and score the documents."""
    category = run_category(store, claim.run_category_id)
    tables = data.workspace.embeddings
    remove_unused_tables(
        store,
        category.id,
        claim.attempt,
        lambda name: (tables / f"{name}.safetensors").unlink(missing_ok=True),
    )
    set_worker_state(store, claim.owner, "scoring")
    # A category that shares its model has no F1 of its own until its validation is measured.
    splits = ("test", "validation") if data.system.joint else ("test",)
    try:
        for one in data.together(category):
            for split in splits:
                score_category(store, data, one, split, device, stopping)
        if data.rule.consistent != "no" and run_with_id(store, data.run.id).state == "done":
            # Only now is it known what the other categories say of each document.
            evaluate(store, data, "test", device)
    except ScoringAbandonedError:
        _log.info("%s: scoring of the documents left for later", category.key)
