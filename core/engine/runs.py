"""Start a run: record it with its categories and trials, and wake the engine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.engine.devices import DEFAULT_WORKERS_PER_DEVICE, slots
from core.engine.estimate import corpus_size, epoch_cost, estimate
from core.engine.launch import ensure_supervisor, running_supervisor
from core.engine.token_store import ensure_tokens, token_folder
from core.errors import HTransError
from core.settings import TrainingSettings
from core.systems import System, system_named
from core.taxonomy import Taxonomy
from core.workspace import Workspace
from db.connection import Store
from db.corpora import (
    Corpus,
    corpus_named,
    document_numbers,
    taxonomy_of,
    training_positives,
)
from db.runs import NewRunCategory, Run, create_run, end_run, run_with_id
from db.vectors import Vectors, vectors_named
from db.workers import configure_engine


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to train and with what. `categories` are ids; their ancestors come along."""

    corpus: str
    settings: TrainingSettings
    name: str | None = None
    system: str = "htrans"
    vectors: str | None = None
    categories: tuple[str, ...] = ()
    device: str = "auto"
    workers: int | None = None
    workers_per_device: int = DEFAULT_WORKERS_PER_DEVICE


def start_run(store: Store, workspace: Workspace, request: RunRequest) -> tuple[Run, list[str]]:
    """Record a run and start the engine; return the run and notes for the user.

    Raises `HTransError` for an unknown corpus, system, category, vector table or device, before
    anything is recorded.
    """
    corpus = corpus_named(store, request.corpus)
    system = system_named(request.system)
    settings = request.settings
    if not system.search and settings.class_weights != (1.0,):
        settings = replace(settings, class_weights=(1.0,))
    vectors = vectors_named(store, request.vectors) if request.vectors else None
    taxonomy = _chosen(taxonomy_of(store, corpus.id), request.categories)
    if request.workers is not None and request.workers < 1:
        raise HTransError("--workers must be at least 1")
    if request.device not in ("auto", "cpu") or settings.precision == "mixed":
        there = slots(request.device, request.workers, request.workers_per_device)
        if settings.precision == "mixed" and "cpu" in there:
            raise HTransError("--precision mixed needs a CUDA device; leave it out on the CPU")
    ensure_tokens(store, workspace, corpus, settings.max_words)
    coverage, notes = _coverage(workspace, corpus, settings, vectors)
    dimensions = vectors.dimensions if vectors else settings.dimensions
    new = _new_categories(store, workspace, corpus, taxonomy, system, settings, dimensions)
    notes.append(_expectation(store, new, settings, request))
    run_id = create_run(
        store,
        name=request.name,
        corpus_id=corpus.id,
        corpus_name=corpus.name,
        vectors_id=vectors.id if vectors else None,
        system=system.name,
        settings=settings.to_json(),
        seed=settings.seed,
        coverage=coverage,
        categories=new,
        class_weights=settings.class_weights,
    )
    _end_if_nothing_to_train(store, run_id)
    if running_supervisor(store) is None:
        configure_engine(store, request.device, request.workers, request.workers_per_device)
    else:
        notes.append("the engine is at work already; it keeps its devices and workers")
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
) -> list[NewRunCategory]:
    from core.tokens import TokenArrays

    tokens = TokenArrays.open(token_folder(workspace, corpus.id, settings.max_words))
    size = corpus_size(tokens, document_numbers(store, corpus.id, "train"), settings.max_words)
    positives = training_positives(store, corpus.id)
    new = []
    for category in taxonomy:
        count = positives.get(category.id, 0)
        waits = system.transfer and category.parent is not None
        cost = epoch_cost(size, settings, dimensions, count, trains_embeddings=not waits)
        state = "empty" if not count else "waiting" if waits else "ready"
        origin = "parent" if waits else "scratch"
        new.append(NewRunCategory(category.id, count, state, origin, cost))
    return new


def _expectation(
    store: Store,
    categories: list[NewRunCategory],
    settings: TrainingSettings,
    request: RunRequest,
) -> str:
    workers = len(slots(request.device, request.workers, request.workers_per_device))
    costs = [category.cost for category in categories if category.state != "empty"]
    expected = estimate(store, costs, settings, workers)
    basis = "epochs in this workspace" if expected.measured else "the reference machine's speed"
    trials = len(costs) * len(settings.class_weights)
    return (
        f"{trials:,} trials; estimate with {workers} workers, from {basis}: "
        f"{_rough(expected.least)} if all stop as early as they may, {_rough(expected.most)} if "
        "none does"
    )


def _rough(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _coverage(
    workspace: Workspace, corpus: Corpus, settings: TrainingSettings, vectors: Vectors | None
) -> tuple[float, list[str]]:
    if vectors is None:
        return 0.0, ["no vectors: embeddings start at random and are trained at the top level"]
    from core.tokens import Vocabulary
    from core.vectors import vector_coverage

    folder = token_folder(workspace, corpus.id, settings.max_words)
    vocabulary = Vocabulary.load(folder / "vocabulary.json")
    coverage = vector_coverage(vocabulary, workspace.vectors(vectors.id))
    return coverage.share, [
        f"vectors {vectors.name}: {coverage.covered:,} of the corpus's {coverage.words:,} "
        f"words have one ({coverage.share:.0%})"
    ]


def _end_if_nothing_to_train(store: Store, run_id: int) -> None:
    with store.write(durable=True):
        if not store.row(
            "SELECT 1 FROM run_categories WHERE run_id = ? AND state <> 'empty'", (run_id,)
        ):
            end_run(store, run_id, "done")
