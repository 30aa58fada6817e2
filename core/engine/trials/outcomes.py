"""Record what came of a trial: files first, then rows, then what has become superfluous goes."""

from __future__ import annotations

from dataclasses import replace

from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import checkpoints_of, model_path, scores_path
from core.engine.scoring.scores import save_array
from core.engine.trials.scheduling import fail, finish, remove_unused_tables, rest
from core.errors import CorruptFileError
from core.files import sha256, write_bytes
from core.models.model_files import save_embeddings
from core.systems.trial import TrialResult
from db.connection import Store
from db.events import add_event
from db.metrics import record_platt_params
from db.trials import Claim, ModelFile, trials_of


def record_finished(store: Store, data: RunData, claim: Claim, product: TrialResult) -> bool:
    """Keep a trial's model; whether its category is done with it.

    Raises `LostClaimError` if the trial was taken away.
    """
    path = model_path(data.folder, claim)
    write_bytes(path, product.model)
    model = ModelFile(str(path.relative_to(data.workspace.root)), sha256(path), product.embeddings)
    if product.validation is not None:
        scores = product.validation[1]
        save_array(
            scores_path(data.folder, claim.run_category_id, claim.trial_id, "validation"), scores
        )

    def record_the_rest() -> None:
        if product.table is not None:
            save_embeddings(data.workspace.embeddings, product.table)
        if product.validation is not None:
            record_platt_params(store, claim.trial_id, claim.run_category_id, product.validation[0])

    category_done = finish(store, claim, model, record_the_rest)
    checkpoints_of(data.folder, claim).remove()
    _clear_dropped(store, data, claim)
    return category_done


def record_resting(store: Store, data: RunData, claim: Claim) -> bool:
    """Let a trial rest at its rung; whether its category is done with that."""
    category_done = rest(store, claim)
    _clear_dropped(store, data, claim)
    return category_done


def record_failure(store: Store, data: RunData, claim: Claim, reason: str) -> bool:
    """Record a trial that can never succeed; whether its category is done with that."""
    category_done = fail(store, claim, reason)
    _clear_dropped(store, data, claim)
    return category_done


def record_corruption(store: Store, claim: Claim, error: CorruptFileError) -> None:
    """Tell that a checkpoint was damaged, and that the one before it is taken."""
    message = f"{error}; class weight {claim.class_weight:g} goes back to the one before it"
    with store.write():
        add_event(store, "corrupt", message, claim.run_id, claim.run_category_id)


def clear_unused_tables(store: Store, data: RunData, claim: Claim) -> None:
    """Remove the embedding tables of class weights that were not chosen."""
    tables = data.workspace.embeddings
    remove_unused_tables(
        store,
        claim.run_category_id,
        claim.attempt,
        lambda name: (tables / f"{name}.safetensors").unlink(missing_ok=True),
    )


def _clear_dropped(store: Store, data: RunData, claim: Claim) -> None:
    """Remove the checkpoints of class weights that have dropped out of the category's race."""
    for trial in trials_of(store, claim.run_category_id, claim.attempt):
        if trial.state == "dropped":
            theirs = replace(claim, trial_id=trial.id, class_weight=trial.class_weight)
            checkpoints_of(data.folder, theirs).remove()
