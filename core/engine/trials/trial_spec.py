"""A claimed trial and all that is to be known to train it: what goes from the database to a worker.

An `TrialSpec` is small and holds no database, so that it can be sent to another machine. What is
large and serves many trials is in `TrialInputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from core.corpus.examples import (
    Documents,
    Examples,
    Rows,
    shared_validation_split,
    validation_split,
)
from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import trial_identity
from core.engine.artifacts.run_kernel import run_kernel
from core.engine.trials.attempt_settings import attempt_settings
from core.errors import TrainingError
from core.models.dgcnn import RelatedOutputs
from core.models.model_files import TrainedModel
from core.settings import TrainingSettings
from core.training.class_weight_search import next_rung
from db.connection import Store
from db.corpora import taxonomy_of
from db.runs import Attempt, RunCategory, attempts_of, run_category
from db.trials import Claim, record_source, trial_with_id

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True, slots=True)
class Output:
    """A category that a model decides.

    `class_weight` is one given by another run, None without; `positives` are numbers of documents.
    """

    category_id: str
    class_weight: float | None
    positives: Rows


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """What a worker needs to know of a trial.

    `identity` is what its checkpoints say they are of, `label` names it in logs. `origin` says what
    it starts from: "scratch", or the model of `source_trial_id`, its parent's or its own. `below`:
    its category has a parent. `until`: the epoch at which it is to rest, None to go to the end.
    `split_seed` is the run's seed, by which every attempt has the same validation documents.
    `kernel` is the run's matrix-product kernel.
    """

    identity: str
    label: str
    system: str
    settings: TrainingSettings
    split_seed: int
    class_weight: float
    origin: str
    source_trial_id: int | None
    below: bool
    until: int | None
    outputs: tuple[Output, ...]
    has_vectors: bool
    related: RelatedOutputs | None
    kernel: str


@dataclass(frozen=True, slots=True)
class TrialInputs:
    """The large things that a trial is made of.

    `source` is the model that it starts from, None from scratch; only then are `embeddings` (words,
    dimensions) asked for. `vectors` (documents, features) are the training documents as a linear
    model wants them.
    """

    documents: Documents
    source: TrainedModel | None
    embeddings: Callable[[], Tensor]
    vectors: Callable[[], csr_array]


def assign(store: Store, data: RunData, claim: Claim) -> TrialSpec:
    """Gather what there is to know of a claimed trial; record what it starts from.

    Raises `TrainingError` if it has nothing to start from.
    """
    category = run_category(store, claim.run_category_id)
    attempt = next(a for a in attempts_of(store, category.id) if a.attempt == claim.attempt)
    settings = attempt_settings(data.run, attempt.changes)
    is_linear, joint = data.system.is_linear, data.system.joint
    source = None
    if attempt.origin != "scratch" and not is_linear:
        source = _source(store, category, claim, attempt)
    together = data.together(category) if joint else [category]
    related = None
    if data.system.network == "dgcnn":
        keys = [one.key for one in together]
        taxonomy = taxonomy_of(store, data.run.corpus_id)
        related = RelatedOutputs.of(keys, taxonomy, settings.regularised_pairs)
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
        outputs=outputs_of(data, together),
        has_vectors=data.run.vectors_id is not None,
        related=related,
        kernel=run_kernel(store, claim.run_id),
    )


def outputs_of(data: RunData, categories: Iterable[RunCategory]) -> tuple[Output, ...]:
    """The categories of a model with their documents."""
    return tuple(Output(c.key, c.class_weight, data.positives(c)) for c in categories)


def training_and_validation(
    documents: Documents, outputs: Sequence[Output], fraction: float, seed: int, *, joint: bool
) -> tuple[Examples, Examples]:
    """The training documents in two parts: one split for each category, or one for a joint model's.

    `fraction` of them validate; `seed` is the run's.
    """
    if joint:
        shared = documents.shared_examples([output.positives for output in outputs], "train")
        return shared_validation_split(shared, fraction, seed)
    (output,) = outputs
    examples = documents.examples(output.positives, "train")
    return validation_split(examples, fraction, seed, output.category_id)


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
