"""Builders of corpora, runs and workers for tests; none of them starts a process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch

from core.corpus.taxonomy import Edge, Taxonomy
from core.engine.artifacts.run_data import RunData
from core.engine.artifacts.run_files import scores_path
from core.engine.ingest.corpora import import_corpus
from core.engine.ingest.import_plan import ImportRequest
from core.engine.runs.engine_choice import EngineRequest
from core.engine.runs.starting import RunRequest, start_run
from core.engine.scoring.scores import save_array
from core.engine.trials import scheduling
from core.engine.trials.trial_work import LocalExecutor, work_on
from core.settings import settings_for
from core.systems import system_named
from core.workspace import Workspace
from db.attempts import attempts_of
from db.connection import Store
from db.corpora import (
    Corpus,
    add_categories,
    add_documents,
    begin_corpus,
    corpus_named,
    finish_corpus,
    taxonomy_of,
    training_positives,
)
from db.run_categories import NewRunCategory, RunCategory, run_categories, run_category
from db.runs import Run, create_run, run_with_id
from db.scorings import claim_scoring, end_scoring
from db.trials import (
    Claim,
    Epoch,
    ModelFile,
    Trial,
    claim_trial,
    record_epoch,
    record_source,
    trials_of,
)
from db.workers import add_worker, set_worker_state
from tests.support.small_corpus import write_corpus

_NETWORK = {
    "hidden_units": 12,
    "dimensions": 16,
    "batch_size": 16,
    "epochs": 8,
    "patience": 3,
    "learning_rate": 0.01,
}
SMALL: Mapping[str, Mapping[str, Any]] = {
    "htrans": {**_NETWORK, "class_weights": (1.0, 3.0)},
    "gru-att": {**_NETWORK, "class_weights": (1.0, 3.0)},
    "gru-att-basic": _NETWORK,
    "gru-att-multi": _NETWORK,
    "gru-att-multi-weighted": _NETWORK,
    "dgcnn": {"dimensions": 16, "epochs": 2, "learning_rate": 0.003},
}
"""Settings with which each system learns the small corpus in seconds."""

PARENTS: Mapping[str, str | None] = MappingProxyType(
    {
        "animals": None,
        "cats": "animals",
        "dogs": "animals",
        "food": None,
        "fruit": "food",
        "bread": "food",
        "unused": "food",
    }
)
"""The categories of `tests.support.small_corpus` with their parents, in training order."""
DOCUMENTS: tuple[tuple[str, str], ...] = (
    ("train", "cats"),
    ("train", "dogs"),
    ("test", "dogs"),
    ("train", "fruit"),
    ("train", "bread"),
    ("test", "bread"),
)
"""Split and stated label of each document of `record_corpus`; its number is its index."""


def taxonomy(parents: Mapping[str, str | None]) -> Taxonomy:
    """A taxonomy whose names are its ids in capitals."""
    return Taxonomy(Edge(key, parent, key.upper()) for key, parent in parents.items())


def record_corpus(
    store: Store,
    name: str = "pets",
    parents: Mapping[str, str | None] = PARENTS,
    documents: Sequence[tuple[str, str]] = DOCUMENTS,
) -> Corpus:
    """A corpus that is in the database only: no reader, no token arrays."""
    forest = taxonomy(parents)
    corpus_id = begin_corpus(store, name, "en", "jsonl", "edges", 100, (1, 1.0))
    with store.write():
        rows = add_categories(store, corpus_id, forest)
        add_documents(
            store,
            corpus_id,
            [(i, f"d{i}", split, f"text {i}") for i, (split, _) in enumerate(documents)],
            [
                (rows[category], i, int(category == label))
                for i, (_, label) in enumerate(documents)
                for category in forest.ancestor_closure([label])
            ],
        )
    train = sum(1 for split, _ in documents if split == "train")
    finish_corpus(store, corpus_id, train, len(documents) - train, forest.levels)
    return corpus_named(store, name)


def import_small_corpus(
    store: Store, workspace: Workspace, folder: Path, name: str = "small", number: int = 40
) -> Corpus:
    """`tests.support.small_corpus`, imported from files with its token arrays."""
    source, edges = write_corpus(folder, number)
    request = ImportRequest(name, (str(source),), taxonomy=edges)
    return import_corpus(store, workspace, request)[0]


def record_run(
    store: Store,
    corpus: Corpus,
    *,
    name: str | None = None,
    keys: Iterable[str] | None = None,
    weights: Sequence[float] = (1.0, 2.0),
    transfer: bool = True,
    costs: Mapping[str, float] = MappingProxyType({}),
    changes: Mapping[str, Any] = MappingProxyType({}),
) -> Run:
    """A run of a corpus, or of its categories `keys`; categories without positives are empty.

    `costs` are those of an epoch by category, 1.0 if not given. `changes` are settings that differ
    from the preset `smoke`.
    """
    positives = training_positives(store, corpus.id)
    wanted = set(PARENTS if keys is None else keys)
    categories = []
    for category in taxonomy_of(store, corpus.id):
        count = positives.get(category.id, 0)
        waits = transfer and category.parent is not None
        state = "empty" if not count else "waiting" if waits else "ready"
        if category.id in wanted:
            origin = "parent" if waits else "scratch"
            cost = costs.get(category.id, 1.0)
            categories.append(NewRunCategory(category.id, count, state, origin, cost))
    run_id = create_run(
        store,
        name=name,
        corpus_id=corpus.id,
        corpus_name=corpus.name,
        vectors_id=None,
        system="htrans" if transfer else "gru-att",
        settings=settings_for(
            "smoke", {"class_weights": tuple(weights), "transfer": transfer, **changes}
        ).to_json(),
        seed=0,
        coverage=0.0,
        categories=categories,
        class_weights=weights,
    )
    return run_with_id(store, run_id)


def record_shared_run(
    store: Store, corpus: Corpus, *, class_weights: dict[str, float] | None = None
) -> Run:
    """A run of a corpus whose categories share one model; those without positives are empty."""
    positives = training_positives(store, corpus.id)
    given = class_weights or {}
    categories: list[NewRunCategory] = []
    owner: str | None = None
    for category in taxonomy_of(store, corpus.id):
        count = positives.get(category.id, 0)
        state, follows = ("ready", owner) if count else ("empty", None)
        categories.append(
            NewRunCategory(
                category.id, count, state, owner=follows, class_weight=given.get(category.id)
            )
        )
        owner = owner or (category.id if count else None)
    system = "gru-att-multi-weighted" if given else "gru-att-multi"
    run_id = create_run(
        store,
        name=None,
        corpus_id=corpus.id,
        corpus_name=corpus.name,
        vectors_id=None,
        system=system,
        settings=system_named(system).settings("smoke", {}).to_json(),
        seed=0,
        coverage=0.0,
        categories=categories,
        class_weights=(1.0,),
    )
    return run_with_id(store, run_id)


def start_system(
    store: Store, workspace: Workspace, corpus: str, system: str, **changes: Any
) -> Run:
    """Start a run of a system with small settings; the caller keeps the engine from starting."""
    settings = system_named(system).settings("smoke", {**SMALL.get(system, {}), **changes})
    request = RunRequest(corpus, settings, system=system, engine=EngineRequest(device="cpu"))
    return start_run(store, workspace, request)[0]


def train_here(
    store: Store,
    workspace: Workspace,
    run: Run,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Train what is ready of a run in this process, as a worker does."""
    worker = start_worker(store)
    data = RunData(store, workspace, run)
    while not stopping() and (claim := claim_trial(store, worker)) is not None:
        assert claim.run_id == run.id
        work_on(store, data, claim, LocalExecutor(torch.device("cpu")), stopping)


def scored_run(
    store: Store,
    workspace: Workspace,
    corpus: str,
    name: str,
    system: str,
    wrong: float = 0.0,
    seed: int = 0,
    **changes: Any,
) -> Run:
    """A finished run without models, whose decisions are wrong for a share of the test documents.

    Which ones is drawn from the run's name. The caller keeps the engine from starting.
    """
    settings = system_named(system).settings("smoke", {"seed": seed, **changes})
    on_cpu = EngineRequest(device="cpu")
    request = RunRequest(corpus, settings, name=name, system=system, engine=on_cpu)
    run = start_run(store, workspace, request)[0]
    worker = start_worker(store)
    while (claim := claim_trial(store, worker)) is not None:
        finish_with(store, claim, 0.5)
    data = RunData(store, workspace, run)
    draw = np.random.default_rng(sum(map(ord, name)))
    for category in run_categories(store, run.id):
        if category.kept_trial_id is not None:
            targets = data.examples(category, "test").targets
            decided = targets ^ (draw.random(len(targets)) < wrong)
            path = scores_path(data.folder, category.id, category.kept_trial_id, "test")
            save_array(path, np.where(decided, 0.9, 0.1).astype(np.float32))
    return run_with_id(store, run.id)


def start_worker(store: Store, pid: int = 4242) -> int:
    """A row of a worker, with no process behind it."""
    return add_worker(store, pid, 1.0, "cpu")


def claim_next(store: Store, worker_id: int) -> Claim:
    """The claim of a worker on the next trial, which there must be."""
    claim = claim_trial(store, worker_id)
    assert claim is not None, "no trial is ready"
    return claim


def an_epoch(number: int, f1: float = 0.5) -> Epoch:
    """An epoch whose other measures follow from its number."""
    return Epoch(number, 1.0 / number, 2.0 / number, 0.25, 0.75, f1, 3.0)


def a_model(path: str = "m", sha256: str = "abc", embeddings: str = "table") -> ModelFile:
    """A model file as a row names it; there is no file behind it."""
    return ModelFile(path, sha256, embeddings)


def finish_with(store: Store, claim: Claim, f1: float) -> bool:
    """Finish a trial whose kept epoch has this validation F1; True if its category is done.

    As a worker does, it records whose model the trial started from.
    """
    category = run_category(store, claim.run_category_id)
    attempt = next(a for a in attempts_of(store, category.id) if a.attempt == claim.attempt)
    if attempt.origin == "parent" and category.parent_id is not None:
        source = run_category(store, category.parent_id).kept_trial_id
        if source is not None:
            record_source(store, claim, source)
    record_epoch(store, claim, an_epoch(1, f1), is_kept=True, seconds=1.0)
    return scheduling.finish(store, claim, a_model(f"artifacts/{claim.trial_id}.safetensors"))


def finish_all(store: Store, worker_id: int) -> None:
    """Finish every trial that is ready or becomes so."""
    while (claim := claim_trial(store, worker_id)) is not None:
        finish_with(store, claim, 0.5)


def score_all(store: Store, worker_id: int) -> None:
    """Say that the documents of every category that is done are scored; the worker idles then."""
    while (claim := claim_scoring(store, worker_id)) is not None:
        end_scoring(store, claim.run_id, claim.trial_id)
    set_worker_state(store, worker_id, "idle")


def forget_measures(store: Store) -> None:
    """Leave the database as a SIGKILL does between training and scoring."""
    with store.write():
        store.execute("DELETE FROM measures")
        store.execute(
            "UPDATE trials SET scorings = 0 WHERE id IN (SELECT kept_trial_id FROM run_categories)"
        )


def category_of(store: Store, run: Run, key: str) -> RunCategory:
    """A category of a run by its id in the taxonomy."""
    return next(c for c in run_categories(store, run.id) if c.key == key)


def category_states(store: Store, run: Run) -> dict[str, str]:
    """The state of each category of a run."""
    return {category.key: category.state for category in run_categories(store, run.id)}


def category_trials(store: Store, run: Run, key: str) -> list[Trial]:
    """The trials of a category of a run, by class weight."""
    category = category_of(store, run, key)
    return trials_of(store, category.id, category.attempt)


def trial_states(store: Store, run: Run, key: str) -> list[str]:
    """The states of a category's trials, by class weight."""
    return [trial.state for trial in category_trials(store, run, key)]


def run_state(store: Store, run: Run) -> str:
    """The state that a run is in by now."""
    return run_with_id(store, run.id).state


def contents(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table: to show that something has changed nothing."""
    tables = store.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    return {
        table["name"]: [tuple(row) for row in store.rows(f'SELECT * FROM "{table["name"]}"')]
        for table in tables
    }


def keep_first_trial(store: Store, category: RunCategory) -> int:
    """Make the first trial of a category the one whose model is current; return its id."""
    trial = trials_of(store, category.id, category.attempt)[0].id
    with store.write():
        store.execute(
            "UPDATE run_categories SET kept_trial_id = ? WHERE id = ?", (trial, category.id)
        )
    return trial
