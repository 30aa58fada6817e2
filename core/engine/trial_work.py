"""What a worker does with a claimed trial: build, train, keep, hand on, score."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace

import torch

from core.engine.evaluation import score_category
from core.engine.reporter import LocalReporter
from core.engine.retraining import attempt_settings
from core.engine.run_data import RunData
from core.engine.run_files import checkpoints_of, model_path
from core.engine.scheduling import fail, finish, release, remove_unused_tables, rest
from core.errors import CorruptFileError, TrainingError
from core.files import sha256
from core.initialisation import from_current, from_parent, from_scratch, parameter_groups
from core.model_files import (
    EMBEDDINGS,
    ModelInfo,
    embeddings_name,
    save_embeddings,
    save_model,
)
from core.models.gru_att import GruAtt
from core.scoring import ScoringAbandonedError
from core.search import next_rung
from core.settings import TrainingSettings
from core.training import Checkpoint, Outcome, Trainer, TrialKey
from db.connection import Store
from db.events import add_event
from db.runs import Attempt, RunCategory, attempts_of, run_category
from db.trials import (
    Claim,
    LostClaimError,
    ModelFile,
    holds,
    record_source,
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
        network, embeddings = _network(store, data, category, claim, attempt, settings)
        training, validation = data.training_and_validation(category)
        trainer = Trainer(
            network,
            parameter_groups(network, settings),
            training,
            validation,
            TrialKey(category.key, claim.class_weight),
            settings,
            device,
        )
        resumed = checkpoints.load(lambda error: _tell_of_corruption(store, claim, error))
        if resumed is not None:
            trainer.restore(resumed)
        epoch, batch = trainer.position
        rewind_progress(store, claim, epoch, batch)
        until = None
        if settings.search == "racing":
            until = next_rung(trial_with_id(store, claim.trial_id).rung)
        outcome = trainer.run(LocalReporter(store, claim, stopping), save, until)
    except TrainingError as error:
        _log.warning("%s: %s", label, error)
        fail(store, claim, str(error))
        _clear_dropped(store, data, claim)
        return False
    if outcome is Outcome.INTERRUPTED:
        release(store, claim)
        _log.info("%s: interrupted, checkpoint written", label)
        return False
    if outcome is Outcome.RESTING:
        rest(store, claim)
        _clear_dropped(store, data, claim)
        _log.info("%s: rests after %d epochs", label, trainer.position[0] - 1)
        return False
    kept = trainer.kept
    assert kept is not None
    table = embeddings or embeddings_name(kept.state[EMBEDDINGS])
    info = ModelInfo(
        category.key,
        claim.class_weight,
        table,
        data.settings.hidden_units,
        data.settings.dropout,
    )
    path = model_path(data.folder, claim)
    save_model(path, kept.state, info)
    model = ModelFile(str(path.relative_to(data.workspace.root)), sha256(path), table)

    def put_table() -> None:
        if embeddings is None:
            save_embeddings(data.workspace.embeddings, kept.state[EMBEDDINGS])

    category_done = finish(store, claim, model, put_table)
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


def _network(
    store: Store,
    data: RunData,
    category: RunCategory,
    claim: Claim,
    attempt: Attempt,
    settings: TrainingSettings,
) -> tuple[GruAtt, str | None]:
    """The network to train, and the hash of its embeddings if they are frozen."""
    key = TrialKey(category.key, claim.class_weight)
    if attempt.origin == "scratch":
        return from_scratch(data.initial_embeddings(), key, settings), None
    source = _source(store, category, claim, attempt)
    model = data.model_of(source)
    if attempt.origin == "parent":
        network = from_parent(model.state, model.embeddings, key, settings)
        return network, model.info.embeddings
    frozen = data.system.transfer and category.parent_id is not None
    network = from_current(model.state, model.embeddings, settings, frozen=frozen)
    return network, model.info.embeddings if frozen else None


def _source(store: Store, category: RunCategory, claim: Claim, attempt: Attempt) -> int:
    """The trial whose model this one starts from; the same when it is resumed."""
    recorded = trial_with_id(store, claim.trial_id).source_trial_id
    if recorded is not None:
        return recorded
    kept = category.kept_trial_id
    if attempt.origin == "parent" and category.parent_id is not None:
        kept = run_category(store, category.parent_id).kept_trial_id
    if kept is None:
        raise TrainingError(f"there is no model of the {attempt.origin} to start from")
    record_source(store, claim, kept)
    return kept


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
    """Remove what the search has left behind, and score the test documents."""
    category = run_category(store, claim.run_category_id)
    tables = data.workspace.embeddings
    remove_unused_tables(
        store,
        category.id,
        claim.attempt,
        lambda name: (tables / f"{name}.safetensors").unlink(missing_ok=True),
    )
    set_worker_state(store, claim.owner, "scoring")
    try:
        score_category(store, data, category, "test", device, stopping)
    except ScoringAbandonedError:
        _log.info("%s: scoring of the test documents left for later", category.key)
