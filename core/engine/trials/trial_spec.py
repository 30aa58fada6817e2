"""Describe a claimed trial: what goes from the database and the files to a worker."""

from __future__ import annotations

from core.engine.artifacts.attempt_settings import attempt_settings
from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import trial_identity
from core.engine.artifacts.run_kernel import run_kernel
from core.errors import TrainingError
from core.systems.trial import TrialInputs, TrialSpec
from core.training.class_weight_search import next_rung
from db.connection import Store
from db.corpora import taxonomy_of
from db.runs import Attempt, RunCategory, attempts_of, run_category
from db.trials import Claim, record_source, trial_with_id


def assign(store: Store, data: RunData, claim: Claim) -> TrialSpec:
    """Gather what there is to know of a claimed trial; record what it starts from.

    Raises `TrainingError` if it has nothing to start from.
    """
    category = run_category(store, claim.run_category_id)
    attempt = next(a for a in attempts_of(store, category.id) if a.attempt == claim.attempt)
    settings = attempt_settings(data.run, attempt.changes)
    source = None
    if attempt.origin != "scratch":
        source = _source(store, category, claim, attempt)
    together = data.together(category)
    related = data.system.related_outputs(
        [member.key for member in together],
        lambda: taxonomy_of(store, data.run.corpus_id),
        settings,
    )
    until = None
    if settings.search == "racing":
        until = next_rung(trial_with_id(store, claim.trial_id).rung)
    return TrialSpec(
        identity=trial_identity(claim.run_id, claim.trial_id),
        label=f"run {claim.run_id}, {category.key}, class weight {claim.class_weight:g}",
        system=data.system.name,
        settings=settings,
        split_seed=data.settings.seed,
        class_weight=claim.class_weight,
        origin=attempt.origin,
        source_trial_id=source,
        below=category.parent_id is not None,
        until=until,
        outputs=data.outputs_of(together),
        has_vectors=data.run.vectors_id is not None,
        related=related,
        kernel=run_kernel(store, claim.run_id),
    )


def inputs_of(data: RunData, assignment: TrialSpec) -> TrialInputs:
    """What an assignment is made of, from the files of this machine.

    Raises `CorruptFileError` if the model that it starts from is not there.
    """
    source = assignment.source_trial_id
    return TrialInputs(
        documents=data.documents,
        source=None if source is None else data.model_of(source),
        embeddings=data.initial_embeddings,
        vectors=lambda: data.training_vectors,
    )


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
