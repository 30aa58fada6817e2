"""Persist a trial's outcome: write files, then rows, then delete files that became obsolete."""

from __future__ import annotations

from dataclasses import replace

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import checkpoints_of, model_path, scores_path
from core.engine.scoring.scores import save_array
from core.engine.trials.scheduling import fail, finish, remove_unused_tables, wait_at_rung
from core.errors import CorruptFileError
from core.files import sha256, write_bytes
from core.models.model_files import save_embeddings
from core.systems.trial import TrialResult
from db.connection import Store
from db.events import add_event
from db.metrics import record_platt_params
from db.trials import Claim, ModelFile, trials_of


def record_finished(store: Store, data: RunData, claim: Claim, result: TrialResult) -> bool:
    """Store the model of a finished trial.

    Returns:
        Whether this completes the category.

    Raises:
        LostClaimError: The worker has lost the trial.
    """
    path = model_path(data.folder, claim)
    write_bytes(path, result.model)
    model = ModelFile(str(path.relative_to(data.workspace.root)), sha256(path), result.embeddings)
    if result.validation is not None:
        scores = result.validation[1]
        save_array(
            scores_path(data.folder, claim.run_category_id, claim.trial_id, "validation"), scores
        )

    def save_in_transaction() -> None:
        if result.table is not None:
            save_embeddings(data.workspace.embeddings, result.table)
        if result.validation is not None:
            record_platt_params(store, claim.trial_id, claim.run_category_id, result.validation[0])

    category_done = finish(store, claim, model, save_in_transaction)
    checkpoints_of(data.folder, claim).remove()
    _remove_pruned_checkpoints(store, data, claim)
    return category_done


def record_waiting(store: Store, data: RunData, claim: Claim) -> bool:
    """Let a trial wait at its rung; return whether this completes the category."""
    category_done = wait_at_rung(store, claim)
    _remove_pruned_checkpoints(store, data, claim)
    return category_done


def record_failure(store: Store, data: RunData, claim: Claim, reason: str) -> bool:
    """Record a failed trial; return whether this completes the category."""
    category_done = fail(store, claim, reason)
    _remove_pruned_checkpoints(store, data, claim)
    return category_done


def record_corruption(store: Store, claim: Claim, error: CorruptFileError) -> None:
    """Record that a checkpoint is damaged and the previous one is used."""
    message = f"{error}; class weight {claim.class_weight:g} resumes from the previous checkpoint"
    with store.write():
        add_event(store, "corrupt", message, claim.run_id, claim.run_category_id)


def clear_unused_tables(store: Store, data: RunData, claim: Claim) -> None:
    """Remove the embedding tables of class weights that were not selected."""
    tables = data.workspace.embeddings
    remove_unused_tables(
        store,
        claim.run_category_id,
        claim.attempt,
        lambda name: (tables / f"{name}.safetensors").unlink(missing_ok=True),
    )


def _remove_pruned_checkpoints(store: Store, data: RunData, claim: Claim) -> None:
    """Remove the checkpoints of pruned trials of the category."""
    for trial in trials_of(store, claim.run_category_id, claim.attempt):
        if trial.state == "dropped":
            pruned = replace(claim, trial_id=trial.id, class_weight=trial.class_weight)
            checkpoints_of(data.folder, pruned).remove()
