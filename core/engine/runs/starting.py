"""Start a run: record it with its categories and trials, and start the engine."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.corpus.taxonomy import Taxonomy
from core.engine.artifacts.token_store import ensure_graphs, ensure_tokens, token_folder
from core.engine.host.launch import ensure_supervisor
from core.engine.monitoring.remaining_time import Estimate, PlannedCategory, estimate
from core.engine.runs.engine_choice import EngineRequest, choose_engine, configure
from core.errors import HTransError
from core.planning.costs import corpus_size
from core.progress import Progress
from core.settings import TrainingSettings
from core.systems import System, system_named
from core.workspace import Workspace
from db.connection import Store
from db.corpora import (
    Corpus,
    corpus_named,
    document_numbers,
    taxonomy_of,
    training_positives,
)
from db.run_categories import NewRunCategory, has_category_to_train, selected_weights
from db.runs import Run, create_run, end_run, run_named, run_with_id
from db.vectors import Vectors, vectors_named

ENGINE_RUNNING = "the engine is already running and keeps its devices and workers"


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request to train a run.

    Attributes:
        corpus: Name of the corpus.
        settings: Settings as returned by `core.systems.System.settings`.
        name: Name of the run; None for a default name.
        system: Name of the system.
        vectors: Name of the word vectors.
        categories: Keys of the categories to train; their ancestors are included. Empty for all.
        engine: Requested engine.
    """

    corpus: str
    settings: TrainingSettings
    name: str | None = None
    system: str = "htrans"
    vectors: str | None = None
    categories: tuple[str, ...] = ()
    engine: EngineRequest = field(default_factory=EngineRequest)


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A checked run, its estimated duration, and notes for the user."""

    request: RunRequest
    corpus: Corpus
    vectors: Vectors | None
    coverage: float
    categories: list[NewRunCategory]
    estimate: Estimate
    notes: list[str]


def plan_run(
    store: Store,
    workspace: Workspace,
    request: RunRequest,
    progress: Progress = lambda _done, _total: None,
) -> PlannedRun:
    """Check a request without recording a run.

    Args:
        store: The database.
        workspace: The workspace.
        request: The run.
        progress: Called while documents are converted to the form that the system needs.

    Raises:
        HTransError: The corpus, the system, a category, the vectors or a device does not exist.
    """
    corpus = corpus_named(store, request.corpus)
    system = system_named(request.system)
    settings = request.settings
    if request.vectors and not system.reads_vectors:
        raise HTransError(f"the system {system.name} uses no word vectors; omit --vectors")
    vectors = vectors_named(store, request.vectors) if request.vectors else None
    taxonomy = _chosen(taxonomy_of(store, corpus.id), request.categories)
    engine = choose_engine(store, request.engine)
    if settings.precision == "mixed" and engine.on_cpu:
        raise HTransError("--precision mixed needs a CUDA device; omit it on the CPU")
    weights = _given_weights(store, corpus, system, settings, taxonomy)
    ensure_tokens(store, workspace, corpus, settings.max_words, progress)
    if system.document_form == "graphs":
        ensure_graphs(store, workspace, corpus, settings.max_words, progress)
    coverage, notes = _coverage(workspace, corpus, system, settings, vectors)
    dimensions = vectors.dimensions if vectors else settings.dimensions
    new = _new_categories(store, workspace, corpus, taxonomy, system, settings, dimensions, weights)
    planned = [
        PlannedCategory(c.key, taxonomy[c.key].parent if c.state == "waiting" else None, c.cost)
        for c in new
        if c.state != "empty" and c.owner is None
    ]
    expected = estimate(store, planned, settings, engine.slots, system)
    notes.append(_duration_note(expected, len(planned) * len(settings.class_weights), engine.slots))
    return PlannedRun(request, corpus, vectors, coverage, new, expected, notes)


def start_run(
    store: Store,
    workspace: Workspace,
    request: RunRequest,
    progress: Progress = lambda _done, _total: None,
) -> tuple[Run, list[str]]:
    """Record a run and start the engine.

    Args:
        store: The database.
        workspace: The workspace.
        request: The run.
        progress: As in `plan_run`.

    Returns:
        The run, and notes for the user.

    Raises:
        HTransError: As in `plan_run`. Nothing is recorded.
    """
    planned = plan_run(store, workspace, request, progress)
    settings, notes = request.settings, planned.notes
    run_id = create_run(
        store,
        name=request.name,
        corpus_id=planned.corpus.id,
        corpus_name=planned.corpus.name,
        vectors_id=planned.vectors.id if planned.vectors else None,
        system=request.system,
        settings=settings.to_json(),
        seed=settings.seed,
        coverage=planned.coverage,
        categories=planned.categories,
        class_weights=settings.class_weights,
    )
    _end_if_nothing_to_train(store, run_id)
    if not configure(store, request.engine):
        notes.append(ENGINE_RUNNING)
    ensure_supervisor(store, workspace)
    return run_with_id(store, run_id), notes


def _chosen(taxonomy: Taxonomy, categories: tuple[str, ...]) -> Taxonomy:
    return taxonomy.with_ancestors(categories) if categories else taxonomy


def _new_categories(
    store: Store,
    workspace: Workspace,
    corpus: Corpus,
    taxonomy: Taxonomy,
    system: System,
    settings: TrainingSettings,
    dimensions: int,
    weights: dict[str, float],
) -> list[NewRunCategory]:
    from core.text.token_arrays import TokenArrays
    from core.text.tokenizer import ALL_WORDS

    tokens = TokenArrays.open(token_folder(workspace, corpus.id, settings.max_words))
    words = settings.max_words or ALL_WORDS
    size = corpus_size(tokens, document_numbers(store, corpus.id, "train"), words)
    positives = training_positives(store, corpus.id)
    new: list[NewRunCategory] = []
    owner: str | None = None
    for category in taxonomy:
        count = positives.get(category.id, 0)
        below = category.parent is not None
        waits = settings.transfer and below
        cost = system.epoch_seconds(
            size,
            settings,
            dimensions,
            count,
            trains_embeddings=not (settings.freeze and below),
        )
        state = "empty" if not count else "waiting" if waits else "ready"
        origin = "parent" if waits else "scratch"
        shared_owner = owner if count else None
        new.append(
            NewRunCategory(
                category.id, count, state, origin, cost, shared_owner, weights.get(category.id)
            )
        )
        if system.shared_model and count and owner is None:
            owner = category.id
    return new


def _given_weights(
    store: Store, corpus: Corpus, system: System, settings: TrainingSettings, taxonomy: Taxonomy
) -> dict[str, float]:
    """The class weights that the run of --weights-from selected, by category key."""
    if not system.needs_class_weights:
        return {}
    if not settings.weights_from:
        raise HTransError(
            f"the system {system.name} needs the class weights of a finished run of gru-att or "
            "htrans; name the run with --weights-from RUN"
        )
    source = run_named(store, settings.weights_from)
    if source.corpus_id != corpus.id:
        raise HTransError(
            f"--weights-from {source.name}: the run's corpus is {source.corpus!r}, not "
            f"{corpus.name!r}"
        )
    if not system_named(source.system).searches_class_weights:
        raise HTransError(
            f"--weights-from {source.name}: the system {source.system} selects no class weights"
        )
    if source.state != "done":
        raise HTransError(
            f"--weights-from {source.name}: the run is {source.state}; wait until it is done"
        )
    weights = selected_weights(store, source.id)
    positives = training_positives(store, corpus.id)
    missing = [c.id for c in taxonomy if c.id not in weights and positives.get(c.id)]
    if missing:
        raise HTransError(
            f"--weights-from {source.name}: the run has no class weight for {missing[0]!r}"
            f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}; train the missing "
            "categories in that run, or limit this run with --categories"
        )
    return weights


def _duration_note(expected: Estimate, trials: int, workers: int) -> str:
    basis = "epochs in this workspace" if expected.is_measured else "the reference machine's speed"
    note = (
        f"{trials:,} trial{'s' * (trials != 1)}; estimate with {workers} "
        f"worker{'s' * (workers != 1)}, from {basis}: "
    )
    if expected.earliest == expected.latest:
        return note + _rough(expected.latest)
    return (
        f"{note}{_rough(expected.earliest)} if all stop as early as they may, "
        f"{_rough(expected.latest)} if none does"
    )


def _rough(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _coverage(
    workspace: Workspace,
    corpus: Corpus,
    system: System,
    settings: TrainingSettings,
    vectors: Vectors | None,
) -> tuple[float, list[str]]:
    if vectors is None:
        return 0.0, [system.no_vectors_note] if system.no_vectors_note else []
    from core.text.vectors import vector_coverage
    from core.text.vocabulary import Vocabulary

    folder = token_folder(workspace, corpus.id, settings.max_words)
    vocabulary = Vocabulary.load(folder / "vocabulary.json")
    coverage = vector_coverage(vocabulary, workspace.vectors(vectors.id))
    return coverage.share, [
        f"vectors {vectors.name}: {coverage.covered:,} of the corpus's {coverage.words:,} "
        f"words have a vector ({coverage.share:.0%})"
    ]


def _end_if_nothing_to_train(store: Store, run_id: int) -> None:
    with store.write(durable=True):
        if not has_category_to_train(store, run_id):
            end_run(store, run_id, "done")
