"""The specification and the inputs of a claimed trial."""

from __future__ import annotations

from core.engine.artifacts.attempt_settings import attempt_settings
from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import trial_identity
from core.engine.artifacts.run_kernel import run_kernel
from core.errors import TrainingError
from core.systems.trial import TrialInputs, TrialSpec
from core.training.class_weight_search import next_rung
from db.attempts import Attempt, attempts_of
from db.connection import Store
from db.corpora import taxonomy_of
from db.run_categories import RunCategory, run_category
from db.trials import Claim, record_source, trial_with_id


def assign(store: Store, data: RunData, claim: Claim) -> TrialSpec:
    """Build the specification of a claimed trial, and record its source trial.

    Raises:
        TrainingError: The model that the trial starts from does not exist.
    """
    category = run_category(store, claim.run_category_id)
    attempt = next(a for a in attempts_of(store, category.id) if a.attempt == claim.attempt)
    settings = attempt_settings(data.run, attempt.changes)
    source = None
    if attempt.origin != "scratch":
        source = _source(store, category, claim, attempt)
    model_categories = data.model_categories(category)
    related = data.system.related_outputs(
        [member.key for member in model_categories],
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
        outputs=data.outputs_of(model_categories),
        has_vectors=data.run.vectors_id is not None,
        related=related,
        kernel=run_kernel(store, claim.run_id),
    )


def inputs_of(data: RunData, spec: TrialSpec) -> TrialInputs:
    """Load the inputs of a trial from files on this machine.

    Raises:
        CorruptFileError: The model that the trial starts from is missing or damaged.
    """
    source = spec.source_trial_id
    return TrialInputs(
        documents=data.documents,
        source=None if source is None else data.model_of(source),
        embeddings=data.initial_embeddings,
        vectors=lambda: data.training_vectors,
    )


def _source(store: Store, category: RunCategory, claim: Claim, attempt: Attempt) -> int:
    """The trial whose model this one starts from; a resumed trial uses the recorded one."""
    recorded = trial_with_id(store, claim.trial_id).source_trial_id
    if recorded is not None:
        return recorded
    source = category.kept_trial_id
    if attempt.origin == "parent" and category.parent_id is not None:
        source = run_category(store, category.parent_id).kept_trial_id
    if source is None:
        raise TrainingError(f"origin {attempt.origin!r}: there is no model to start from")
    record_source(store, claim, source)
    return source
