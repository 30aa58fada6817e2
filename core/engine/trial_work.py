"""What a worker does with a claimed trial: build, train, keep, hand on, score."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import torch

from core.checkpoints import load_checkpoint, save_checkpoint
from core.engine.evaluation import score_category
from core.engine.reporter import LocalReporter
from core.engine.run_data import RunData
from core.engine.scheduling import fail, finish, release
from core.errors import CorruptFileError, TrainingError
from core.files import sha256
from core.initialisation import from_parent, from_scratch, parameter_groups
from core.model_files import EMBEDDINGS, ModelInfo, save_embeddings, save_model
from core.models.gru_att import GruAtt
from core.scoring import ScoringAbandonedError
from core.training import Outcome, Trainer, TrialKey
from db.connection import Store
from db.events import add_event
from db.runs import RunCategory, run_category
from db.trials import Claim, trials_of
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
    category = run_category(store, claim.run_category_id)
    checkpoint_path = _path(data, claim, "checkpoint.pt")
    label = f"run {claim.run_id}, {category.key}, class weight {claim.class_weight:g}"
    _log.info("%s: begins", label)
    try:
        network, embeddings = _network(store, data, category, claim)
        training, validation = data.training_and_validation(category)
        trainer = Trainer(
            network,
            parameter_groups(network, data.settings),
            training,
            validation,
            TrialKey(category.key, claim.class_weight),
            data.settings,
            device,
        )
        _restore(store, trainer, checkpoint_path, claim)
        outcome = trainer.run(
            LocalReporter(store, claim, stopping),
            lambda checkpoint: save_checkpoint(checkpoint_path, checkpoint, _identity(claim)),
        )
    except TrainingError as error:
        _log.warning("%s: %s", label, error)
        fail(store, claim, str(error))
        return
    if outcome is Outcome.INTERRUPTED:
        release(store, claim)
        _log.info("%s: interrupted, checkpoint written", label)
        return
    model_path = _keep(data, trainer, category, claim, embeddings)
    relative = str(model_path.relative_to(data.workspace.root))
    category_done = finish(store, claim, relative, sha256(model_path))
    checkpoint_path.unlink(missing_ok=True)
    _log.info("%s: done", label)
    if category_done:
        _after_category(store, data, claim, device, stopping)


def _network(
    store: Store, data: RunData, category: RunCategory, claim: Claim
) -> tuple[GruAtt, str | None]:
    """The network to train, and the hash of its embeddings if they are frozen."""
    key = TrialKey(category.key, claim.class_weight)
    if data.system.transfer and category.parent_id is not None:
        parent = data.kept_state(run_category(store, category.parent_id))
        if parent is None:
            raise TrainingError(f"the parent {category.parent_key} has no model to start from")
        state, info, table = parent
        return from_parent(state, table, key, data.settings), info.embeddings
    return from_scratch(data.initial_embeddings(), key, data.settings), None


def _restore(store: Store, trainer: Trainer, path: Path, claim: Claim) -> None:
    try:
        checkpoint = load_checkpoint(path, _identity(claim))
    except CorruptFileError as error:
        _log.warning("%s; the trial starts again", error)
        path.rename(path.with_suffix(".corrupt"))
        with store.write():
            message = f"{error}; class weight {claim.class_weight:g} starts again"
            add_event(store, "corrupt", message, claim.run_id, claim.run_category_id)
        return
    if checkpoint is not None:
        trainer.restore(checkpoint)


def _keep(
    data: RunData,
    trainer: Trainer,
    category: RunCategory,
    claim: Claim,
    embeddings: str | None,
) -> Path:
    kept = trainer.kept
    assert kept is not None
    table = embeddings or save_embeddings(data.workspace.embeddings, kept.state[EMBEDDINGS])
    info = ModelInfo(
        category.key,
        claim.class_weight,
        table,
        data.settings.hidden_units,
        data.settings.dropout,
    )
    path = _path(data, claim, "safetensors")
    save_model(path, kept.state, info)
    return path


def _after_category(
    store: Store,
    data: RunData,
    claim: Claim,
    device: torch.device,
    stopping: Callable[[], bool],
) -> None:
    """Remove what the search has left behind, and score the test documents."""
    category = run_category(store, claim.run_category_id)
    kept = [t for t in trials_of(store, category.id, category.attempt) if t.model]
    kept_model = next(t.model for t in kept if t.id == category.kept_trial_id)
    _remove_unused_embeddings(data, [t.model for t in kept if t.model], kept_model)
    set_worker_state(store, claim.owner, "scoring")
    try:
        score_category(store, data, category, "test", device, stopping)
    except ScoringAbandonedError:
        _log.info("%s: scoring of the test documents left for later", category.key)


def _remove_unused_embeddings(data: RunData, models: list[str], kept_model: str | None) -> None:
    """Embedding tables of class weights that were not chosen: large, and used by nobody."""
    from core.model_files import load_model

    names = {model: load_model(data.workspace.root / model)[1].embeddings for model in models}
    used = names.get(kept_model or "")
    for name in set(names.values()) - {used}:
        (data.workspace.embeddings / f"{name}.safetensors").unlink(missing_ok=True)


def _identity(claim: Claim) -> str:
    return f"run {claim.run_id} trial {claim.trial_id}"


def _path(data: RunData, claim: Claim, suffix: str) -> Path:
    name = f"c{claim.run_category_id}-a{claim.attempt}-w{claim.class_weight:g}.{suffix}"
    return data.folder / name
